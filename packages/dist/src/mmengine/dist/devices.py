"""Where data are, and where they have to be to be sent."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
import torch.distributed as torch_dist
from torch import Tensor

from mmengine.dist.info import is_distributed

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_Data = TypeVar('_Data')


def get_data_device(data: Any) -> torch.device:
    """Give the device of a tensor, or the common one of all tensors in a sequence or dict.

    Args:
        data: A tensor, or sequences and dicts of tensors.

    Returns:
        The device.
    """
    if isinstance(data, Tensor):
        return data.device
    if not _is_container(data):
        raise TypeError(f'data should be a Tensor, sequence of tensor or dict, but got {data!r}')
    devices = {get_data_device(item): None for item in (data.values() if isinstance(data, Mapping) else data)}
    if not devices:
        raise ValueError('data should not be empty')
    if len(devices) > 1:
        raise ValueError(f'all data should be on one device, but they are on {[str(device) for device in devices]}')
    return next(iter(devices))


def get_comm_device(group: ProcessGroup | None = None) -> torch.device:
    """Give the device on which a group exchanges objects: the CPU where its backend can, else its accelerator."""
    if not is_distributed():
        return torch.device('cpu')
    backends = _backend_of_device(group)
    if 'cpu' in backends or not backends:
        return torch.device('cpu')
    return torch.device(next(iter(backends)), torch.accelerator.current_device_index())


def comm_device_of(data: Any, group: ProcessGroup | None = None) -> torch.device:
    """Give the device on which a group exchanges these data: where they are, if its backend is made for that."""
    device = get_data_device(data)
    # gloo takes tensors of an accelerator for some operations only, and copies them itself then.
    if _backend_of_device(group).get(device.type, 'gloo') != 'gloo':
        return device
    return get_comm_device(group)


def _backend_of_device(group: ProcessGroup | None) -> dict[str, str]:
    """Read a group's `cpu:gloo,cuda:nccl`."""
    pairs = (pair.split(':') for pair in torch_dist.get_backend_config(group).split(',') if ':' in pair)
    return {device: backend for device, backend in pairs}  # noqa: C416  # tells mypy that they are pairs


def cast_data_device(data: _Data, device: torch.device, out: _Data | None = None) -> _Data:
    """Bring a tensor, or all tensors in a sequence or dict, to a device.

    Args:
        data: A tensor, or sequences and dicts of tensors.
        device: The device.
        out: Data of the same form that take the values over.

    Returns:
        Data of the same form on the device.
    """
    if out is not None:
        if type(data) is not type(out):
            raise TypeError('out should be the same type with data, '
                            f'but got data of {type(data)} and out of {type(out)}')
        if isinstance(out, set):
            raise TypeError('out should not be a set: it has no order')
    if isinstance(data, Tensor):
        moved = data.to(device)
        if isinstance(out, Tensor):
            with torch.no_grad():
                out.copy_(moved)
        return cast('_Data', moved)
    return cast('_Data', _cast_container(data, device, out))


def _cast_container(data: Any, device: torch.device, out: Any) -> Any:
    if not _is_container(data):
        raise TypeError(f'data should be a Tensor, list of tensor or dict, but got {data!r}')
    if out is not None and len(data) != len(out):
        raise ValueError(f'length of data and out should be same, but got {len(data)} and {len(out)}')
    if isinstance(data, Mapping):
        moved_items = {key: cast_data_device(value, device, None if out is None else out[key])
                       for key, value in data.items()}
        if not moved_items:
            raise ValueError('data should not be empty')
        make: Any = type(data)
        return make(moved_items)
    items = list(data)
    if not items:
        raise ValueError('data should not be empty')
    targets = [None] * len(items) if out is None else list(out)
    moved = [cast_data_device(item, device, target) for item, target in zip(items, targets, strict=True)]
    return _rebuild(data, moved)


def _rebuild(data: Any, items: list[Any]) -> Any:
    if hasattr(data, '_fields'):  # a namedtuple takes its fields one by one
        return type(data)(*items)
    return type(data)(items) if isinstance(data, (list, tuple, set, frozenset)) else items


def _is_container(data: object) -> bool:
    # What has a dtype is an array: it has items but no tensors.
    return isinstance(data, Iterable) and not isinstance(data, (str, bytes)) and not hasattr(data, 'dtype')
