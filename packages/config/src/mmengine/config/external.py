"""Configs that other libraries ship: `mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py`."""
from __future__ import annotations

import os.path as osp
from collections.abc import Iterator
from typing import Any

from mmengine.config.errors import (
    ConfigFileNotFoundError,
    ConfigModuleNotFoundError,
    ConfigTypeError,
    ConfigValueError,
)
from mmengine.utils import get_installed_path, is_installed
from mmengine.utils.suggest import did_you_mean

#: import name -> distribution, where the two differ
MODULE2PACKAGE = {
    'mmcls': 'mmcls',
    'mmdet': 'mmdet',
    'mmdet3d': 'mmdet3d',
    'mmseg': 'mmsegmentation',
    'mmaction': 'mmaction2',
    'mmtrack': 'mmtrack',
    'mmpose': 'mmpose',
    'mmedit': 'mmedit',
    'mmocr': 'mmocr',
    'mmgen': 'mmgen',
    'mmfewshot': 'mmfewshot',
    'mmrazor': 'mmrazor',
    'mmflow': 'mmflow',
    'mmhuman3d': 'mmhuman3d',
    'mmrotate': 'mmrotate',
    'mmselfsup': 'mmselfsup',
    'mmyolo': 'mmyolo',
    'mmpretrain': 'mmpretrain',
    'mmagic': 'mmagic',
}


def split_external(name: str) -> tuple[str, str]:
    """Split `'mmdet::path/cfg.py'` into the package and the path."""
    package, separator, path = name.partition('::')
    if not separator or '::' in path or path.startswith(':') or not package or package.endswith(':'):
        raise ConfigValueError(f'{name!r} does not name a config of another library: write its import name, `::` and a '
                               f"path, just like 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'")
    return package, path


def configs_folder(package_path: str) -> str:
    """Find the folder that holds the configs and the model index of a library.

    Args:
        package_path: The folder of the package.
    """
    folder = osp.join(package_path, '.mim')
    return folder if osp.exists(folder) else package_path  # installed, or a checkout


def indexed_models(folder: str) -> Iterator[dict[str, Any]]:
    """Give what a model index says of each model: `Name`, `Config`, `Weights`, results.

    Args:
        folder: The folder with `model-index.yml`.

    Raises:
        ConfigFileNotFoundError: There is none.
    """
    index_path = osp.join(folder, 'model-index.yml')
    if not osp.exists(index_path):
        raise ConfigFileNotFoundError(f'{folder} has no model-index.yml')
    for imported in _load_yaml(index_path).get('Import', []):
        path = osp.join(folder, imported)
        content = _load_yaml(path) if osp.exists(path) else {}
        for model in content.get('Models') or [] if isinstance(content, dict) else content:
            yield dict(model)


def external_base_path(package_path: str, config: str) -> str:
    """Find a config under the folder of an installed library.

    Args:
        package_path: The folder of the package.
        config: The path below its `configs`.
    """
    path = osp.join(configs_folder(package_path), 'configs', config)
    if not osp.exists(path):
        raise ConfigFileNotFoundError(f'There is no config {config!r} in {package_path}: {path} does not exist. '
                                      'Does the installed version of the library have it?')
    return path


def external_metadata(package_path: str, config: str) -> dict[str, Any]:
    """Find what the library's model index says of a config: weights, results, the file.

    Args:
        package_path: The folder of the package.
        config: The path below its `configs`.

    Raises:
        ConfigValueError: The index does not have it.
    """
    name = osp.splitext(osp.basename(config))[0]
    names: list[str] = []
    for model in indexed_models(configs_folder(package_path)):
        if model.get('Name') == name or model.get('Config') == f'configs/{config}':
            return model
        names.append(str(model.get('Name')))
    raise ConfigValueError(f'No model {name!r} in the index of {package_path}.{did_you_mean(name, names)}')


def external_path(package_path: str, config: str) -> str:
    """Find the file of a config that the library's model index has.

    Raises:
        ConfigValueError: The index does not have it.
    """
    named = external_metadata(package_path, config)['Config']
    path = osp.join(configs_folder(package_path), *str(named).split('/'))
    if not osp.exists(path):
        raise ConfigFileNotFoundError(f'The model index of {package_path} names {named!r}, which does not exist')
    return path


def _load_yaml(path: str) -> Any:
    import yaml  # here and not above: most configs are Python
    with open(path, encoding='utf-8') as file:
        return yaml.load(file, getattr(yaml, 'CSafeLoader', yaml.SafeLoader)) or {}


def external_base(name: str) -> tuple[str, str]:
    """Find a config of another library; give its path, and the scope in which its names are looked up."""
    scope, config = split_external(name)
    if scope not in MODULE2PACKAGE:
        raise ConfigTypeError(f'{scope!r} in {name!r} is not a library whose configs are known.'
                              f'{did_you_mean(scope, MODULE2PACKAGE)}')
    package = MODULE2PACKAGE[scope]
    if not is_installed(package):
        raise ConfigModuleNotFoundError(f'{package} is not installed, and {name!r} is one of its configs: '
                                        f'pip install {package}', name=scope)
    return external_base_path(get_installed_path(package), config), scope
