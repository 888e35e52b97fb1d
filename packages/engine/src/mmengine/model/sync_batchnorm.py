"""Batch normalisation that is synchronised between processes, made and unmade."""
from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmengine.utils import get_object_from_string


class _BatchNormXd(_BatchNorm):
    """Batch normalisation of inputs of any number of dimensions.

    `SyncBatchNorm` does not know which of BatchNorm1d, 2d and 3d it stands for, so that this does not check.
    """

    def _check_input_dim(self, input: torch.Tensor) -> None:
        return


def _copy_state(source: Any, target: Any) -> Any:
    if source.affine:
        with torch.no_grad():
            target.weight = source.weight
            target.bias = source.bias
    target.running_mean = source.running_mean
    target.running_var = source.running_var
    target.num_batches_tracked = source.num_batches_tracked
    target.training = source.training
    # no_grad() inside a quantisation observer, and anything else that was hung onto the module.
    if hasattr(source, 'qconfig'):
        target.qconfig = source.qconfig
    return target


def _set_child(parent: nn.Module, name: str, child: nn.Module) -> None:
    # Some modules override `add_module`, and refuse a child that is there already.
    if getattr(parent, name, None) is not child:
        parent._modules[name] = child


def revert_sync_batchnorm(module: nn.Module) -> nn.Module:
    """Replace synchronised batch normalisation, torch's and mmcv's, by plain one, which runs on one device.

    Args:
        module: A module; its children are replaced in place.

    Returns:
        The module, or what stands for it if it is itself such a layer.
    """
    synchronised: list[Any] = [nn.SyncBatchNorm]
    mmcv_layer = get_object_from_string('mmcv.ops.SyncBatchNorm')
    if mmcv_layer is not None:
        synchronised.append(mmcv_layer)
    result = module
    if isinstance(module, tuple(synchronised)):
        layer: Any = module
        result = _copy_state(layer, _BatchNormXd(layer.num_features, layer.eps, layer.momentum, layer.affine,
                                                 layer.track_running_stats))
    for name, child in list(module.named_children()):
        _set_child(result, name, revert_sync_batchnorm(child))
    return result


def convert_sync_batchnorm(module: nn.Module, implementation: str = 'torch') -> nn.Module:
    """Replace batch normalisation by one whose statistics are synchronised between processes.

    Args:
        module: A module; its children are replaced in place.
        implementation: 'torch' for `torch.nn.SyncBatchNorm`, 'mmcv' for `mmcv.ops.SyncBatchNorm`.

    Returns:
        The module, or what stands for it if it is itself such a layer.

    Raises:
        ValueError: The implementation is unknown.
        ImportError: 'mmcv' is asked for, and not installed.
    """
    if implementation == 'torch':
        layer: Any = nn.SyncBatchNorm
    elif implementation == 'mmcv':
        layer = get_object_from_string('mmcv.ops.SyncBatchNorm')
        if layer is None:
            raise ImportError("sync_bn='mmcv' needs mmcv with its compiled operators: pip install mmcv; "
                              "or use sync_bn='torch'")
    else:
        raise ValueError(f"sync_bn should be 'torch' or 'mmcv', but got {implementation!r}")
    return _convert(module, layer)


def _convert(module: nn.Module, layer: Any) -> nn.Module:
    result = module
    if isinstance(module, _BatchNorm) and not isinstance(module, layer):
        result = _copy_state(module, layer(module.num_features, module.eps, module.momentum, module.affine,
                                           module.track_running_stats))
    for name, child in list(module.named_children()):
        _set_child(result, name, _convert(child, layer))
    return result
