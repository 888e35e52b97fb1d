"""Helpers around layers and images."""
from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from torch import nn

from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm, _InstanceNorm

_NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)


def is_norm(layer: nn.Module, exclude: type | tuple[type, ...] | None = None) -> bool:
    """Tell whether a layer normalises: batch, instance, group or layer normalisation.

    Args:
        layer: The layer.
        exclude: Types that do not count.

    Raises:
        TypeError: `exclude` holds something else than types.
    """
    excluded = exclude if isinstance(exclude, tuple) else () if exclude is None else (exclude,)
    if not all(isinstance(kind, type) for kind in excluded):
        raise TypeError(f'"exclude" must be either None or type or a tuple of types, '
                        f'but got {type(exclude)}: {exclude}')
    return isinstance(layer, _NORMS) and not isinstance(layer, excluded)


def has_batch_norm(model: nn.Module) -> bool:
    """Tell whether a model has batch normalisation.

    Args:
        model: The model, of which all submodules are looked at.
    """
    return isinstance(model, nn.Module) and any(isinstance(module, _BatchNorm) for module in model.modules())


def mmcv_full_available() -> bool:
    """Tell whether mmcv is installed with its compiled operators."""
    try:
        importlib.import_module('mmcv._ext')
    except ImportError:
        return False
    return True


def tensor2imgs(tensor: torch.Tensor, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None,
                to_bgr: bool = True) -> list[np.ndarray[Any, Any]]:
    """Convert a batch of normalised images to arrays.

    Args:
        tensor: Images of shape (N, C, H, W) with 1 or 3 channels.
        mean: Means that were subtracted, by default 0.
        std: Standard deviations that were divided by, by default 1.
        to_bgr: Whether the order of channels is reversed.

    Returns:
        Arrays of shape (H, W, C) and dtype uint8.

    Raises:
        AssertionError: The shapes do not fit.
    """
    if not (torch.is_tensor(tensor) and tensor.ndim == 4):
        found = tuple(tensor.shape) if torch.is_tensor(tensor) else type(tensor)
        raise AssertionError(f'expected a tensor of shape (N, C, H, W), but got {found}')
    channels = tensor.size(1)
    mean = (0.,) * channels if mean is None else mean
    std = (1.,) * channels if std is None else std
    if not (channels in (1, 3) and channels == len(mean) == len(std)):
        raise AssertionError(f'expected 1 or 3 channels, as many as means and standard deviations, '
                             f'but got {channels}, {len(mean)} and {len(std)}')
    if to_bgr and channels == 1:
        raise AssertionError('an image of one channel has no order of channels: to_bgr=False')
    images = tensor.detach().cpu().float() * torch.tensor(std).view(-1, 1, 1) + torch.tensor(mean).view(-1, 1, 1)
    if to_bgr:
        images = images.flip(1)
    rounded = images.round().clamp(0, 255).to(torch.uint8)
    return [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in rounded]
