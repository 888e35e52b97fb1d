"""Names that the platform takes, and configs as its flat parameters."""
from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from typing import Any

#: Longest name and value that the platform takes; of values the rest is cut off.
MAX_NAME = 250
MAX_PARAM = 6000
_ODD = re.compile(r'[^\w\-./ ]' if os.name == 'nt' else r'[^\w\-./: ]')


def metric_name(name: str) -> str:
    """Exchange what the platform does not take in the name of a metric, a parameter or a tag."""
    kept = posixpath.normpath(_ODD.sub('_', name)).strip('/')
    return (kept if kept not in ('.', '..') and not kept.startswith('../') else kept.replace('.', '_'))[:MAX_NAME]


def image_key(name: str) -> str:
    """Exchange what the platform does not take in the name of a series of images."""
    return re.sub(r'[^a-zA-Z0-9_\-./ ]', '_', name)


def file_name(name: str, suffix: str) -> str:
    """Make the path of a file in the store of artifacts."""
    parts = [part for part in re.sub(r'[^\w\-./ ]', '_', name).split('/') if part not in ('', '.', '..')]
    return '/'.join(parts or ['_']) + suffix


def flatten(value: Any, prefix: str = '') -> dict[str, Any]:
    """Join the keys of nested dictionaries, and the numbers of lists of them, by dots."""
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    flat: dict[str, Any] = {}
    for key, item in items:
        name = f'{prefix}.{key}' if prefix else str(key)
        nested = isinstance(item, Mapping) or (
            isinstance(item, (list, tuple)) and any(isinstance(part, Mapping) for part in item))
        if nested and item:
            flat.update(flatten(item, name))
        else:
            flat[name] = item
    return flat


def as_params(values: Mapping[str, Any]) -> dict[str, str]:
    """Make parameters of settings: flat, as texts, cut where the platform would refuse them."""
    return {metric_name(name): str(value)[:MAX_PARAM] for name, value in flatten(values).items()}
