"""The sum, the mean, the greatest and their like over all processes."""
from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as torch_dist
from torch import Tensor

from mmengine.dist.devices import comm_device_of
from mmengine.dist.info import get_world_size
from mmengine.dist.watch import watched

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_OPERATIONS = {
    'sum': 'SUM',
    'mean': 'SUM',  # not all backends have an average: the sum is divided
    'product': 'PRODUCT',
    'min': 'MIN',
    'max': 'MAX',
    'band': 'BAND',
    'bor': 'BOR',
    'bxor': 'BXOR',
}


def _operation(name: str) -> Any:
    if name.lower() not in _OPERATIONS:
        raise ValueError(f'reduce op should be one of {list(_OPERATIONS)}, but got {name!r}')
    return getattr(torch_dist.ReduceOp, _OPERATIONS[name.lower()])


def all_reduce(data: Tensor, op: str = 'sum', group: ProcessGroup | None = None) -> None:
    """Reduce a tensor over all processes, in place; its type stays, so that a mean of integers is rounded down.

    Args:
        data: The tensor, of the same shape in all processes, on any device.
        op: 'sum', 'mean', 'product', 'min', 'max', 'band', 'bor' or 'bxor'.
        group: The processes; by default all.
    """
    operation = _operation(op)
    world_size = get_world_size(group)
    if world_size == 1:
        return
    with torch.no_grad():
        here = data.detach()
        sent = here.to(comm_device_of(data, group)).contiguous()
        with watched('all_reduce', group):
            torch_dist.all_reduce(sent, operation, group)
        if op.lower() == 'mean':
            sent.copy_(_mean(sent, world_size))
        if sent is not here:
            data.copy_(sent)


def _mean(total: Tensor, world_size: int) -> Tensor:
    exact = total.is_floating_point() or total.is_complex()
    return total / world_size if exact else torch.div(total, world_size, rounding_mode='floor')


def all_reduce_dict(data: dict[str, Tensor], op: str = 'sum', group: ProcessGroup | None = None) -> None:
    """Reduce all tensors of a dict over all processes; the dict gets new tensors.

    Args:
        data: The tensors, of the same keys and shapes in all processes.
        op: As for `all_reduce`.
        group: The processes; by default all.
    """
    if not isinstance(data, dict):
        raise AssertionError(f'data should be a dict, but got {type(data).__name__}')
    _operation(op)
    if get_world_size(group) == 1:
        return
    keys = sorted(data)  # the order in which they were put in may differ among processes
    copies = [data[key].detach().clone() for key in keys]
    _all_reduce_coalesced(copies, op, group)
    data.update(zip(keys, copies, strict=True))


def all_reduce_params(params: Iterable[torch.nn.Parameter] | Generator[Tensor, None, None],
                      coalesce: bool = True,
                      bucket_size_mb: int = -1,
                      op: str = 'mean',
                      group: ProcessGroup | None = None) -> None:
    """Reduce parameters or buffers over all processes, in place.

    Args:
        params: The parameters, in the same order in all processes.
        coalesce: Whether they are sent many at a time.
        bucket_size_mb: The size of what is sent at a time; all of one type for -1.
        op: As for `all_reduce`.
        group: The processes; by default all.
    """
    _operation(op)
    if get_world_size(group) == 1:
        return
    tensors = [param.detach() for param in params]
    if coalesce:
        _all_reduce_coalesced(tensors, op, group, bucket_size_mb)
    else:
        for tensor in tensors:
            all_reduce(tensor, op, group)


def _all_reduce_coalesced(tensors: list[Tensor], op: str, group: ProcessGroup | None, bucket_size_mb: int = -1) -> None:
    for bucket in _buckets(tensors, bucket_size_mb * 1024 * 1024):
        flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
        all_reduce(flat, op, group)
        parts = torch.split(flat, [tensor.numel() for tensor in bucket])
        for tensor, part in zip(bucket, parts, strict=True):
            tensor.copy_(part.reshape(tensor.shape))


def _buckets(tensors: list[Tensor], limit: int) -> Iterator[list[Tensor]]:
    """Group tensors of one type and device, in pieces of at most `limit` bytes where that is positive."""
    by_kind: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for tensor in tensors:
        by_kind.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for same in by_kind.values():
        bucket: list[Tensor] = []
        size = 0
        for tensor in same:
            nbytes = tensor.numel() * tensor.element_size()
            if bucket and 0 < limit < size + nbytes:
                yield bucket
                bucket, size = [], 0
            bucket.append(tensor)
            size += nbytes
        yield bucket
