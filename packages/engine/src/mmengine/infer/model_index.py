"""Models by name, from the index that a library ships."""
from __future__ import annotations

import importlib
import os.path as osp
import re
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.config.external import MODULE2PACKAGE, configs_folder
from mmengine.utils import get_installed_path
from mmengine.utils.suggest import did_you_mean


def index_folder(scope: str) -> str:
    """Import a library, so that its classes are registered, and find the folder of its model index.

    Args:
        scope: Import name of the library.

    Raises:
        ImportError: The library is not installed, or does not import.
    """
    try:
        importlib.import_module(scope)
    except ImportError as error:
        package = MODULE2PACKAGE.get(scope, scope)
        raise ImportError(f'Cannot import {scope} ({error}): is it installed? pip install {package}') from error
    package_path = get_installed_path(scope)
    folder = configs_folder(package_path)
    # Beside a package that is used from its repository.
    return folder if osp.exists(osp.join(folder, 'model-index.yml')) else osp.dirname(package_path)


def names_of(model: dict[str, Any]) -> list[str]:
    """Give the names of a model: its own, and its aliases."""
    aliases = model.get('Alias') or []
    return [str(model.get('Name')), *([aliases] if isinstance(aliases, str) else aliases)]


def find_model(name: str, models: Iterator[dict[str, Any]], folder: str, scope: str) -> tuple[Config, str | None]:
    """Find a model by its name or an alias, whatever their case.

    Args:
        name: The name.
        models: What the index says of each model.
        folder: The folder of the index.
        scope: Import name of the library.

    Returns:
        Its config, and the URL of its weights if it has any.

    Raises:
        ValueError: There is no such model.
    """
    known: list[str] = []
    for model in models:
        names = names_of(model)
        if name.lower() in (one.lower() for one in names):
            return Config.fromfile(osp.join(folder, *str(model['Config']).split('/'))), model.get('Weights')
        known += names
    raise ValueError(f'Cannot find model: {name!r} in {scope}.{did_you_mean(name, known)}')


def matching_names(models: Iterator[dict[str, Any]], patterns: str) -> list[str]:
    """List the names and aliases of models that a regular expression matches at their beginning.

    Args:
        models: What the index says of each model.
        patterns: The regular expression.
    """
    pattern = re.compile(patterns)
    return [name for model in models for name in names_of(model) if pattern.match(name)]

