"""Configs and models of installed libraries: `get_model('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py')`."""
from __future__ import annotations

from typing import Any

from torch import nn

from mmengine.checkpoint import load_checkpoint
from mmengine.config import Config
from mmengine.config.external import MODULE2PACKAGE, external_base, external_metadata, split_external
from mmengine.registry import MODELS, DefaultScope
from mmengine.utils import get_installed_path


def get_config(cfg_path: str, pretrained: bool = False) -> Config:
    """Load a config that an installed library ships.

    Args:
        cfg_path: Import name of the library, `::`, and the path below its folder of configs.
        pretrained: Whether `model_path`, the URL of the weights that the library's model index has, is added.

    Raises:
        ValueError: `cfg_path` is not written like that; or the index does not have the config, or no weights for it.
        TypeError: The library is not known.
        ModuleNotFoundError: The library is not installed.
        FileNotFoundError: It has no such config.

    Examples:
        >>> from mmengine.hub import get_config
        >>> cfg = get_config('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', pretrained=True)  # doctest: +SKIP
        >>> cfg.model_path  # doctest: +SKIP
        'https://download.openmmlab.com/mmdetection/v2.0/faster_rcnn/...'
    """
    scope, config = split_external(cfg_path)
    cfg = Config.fromfile(external_base(cfg_path)[0])
    if pretrained:
        weights = external_metadata(get_installed_path(MODULE2PACKAGE[scope]), config).get('Weights')
        if not weights:
            raise ValueError(f'The model index of {scope} has no weights for {config!r}: pretrained=False')
        cfg.model_path = weights
    return cfg


def get_model(cfg_path: str, pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Build the model of a config that an installed library ships.

    Args:
        cfg_path: Import name of the library, `::`, and the path below its folder of configs.
        pretrained: Whether the weights that the library's model index has are loaded, from the web if need be.
        **kwargs: Arguments of the model; they go before those of the config.

    Returns:
        The model, on the CPU and in training mode.

    Raises:
        ValueError: As in `get_config`.
        TypeError: As in `get_config`.
        ModuleNotFoundError: As in `get_config`.
        FileNotFoundError: As in `get_config`.

    Examples:
        >>> from mmengine.hub import get_model
        >>> model = get_model('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', pretrained=True)  # doctest: +SKIP
    """
    cfg = get_config(cfg_path, pretrained)
    cfg.model.update(kwargs)
    with DefaultScope.overwrite_default_scope(split_external(cfg_path)[0]):
        model: nn.Module = MODELS.build(cfg.model)
    if pretrained:
        load_checkpoint(model, cfg.model_path, map_location='cpu')
    return model
