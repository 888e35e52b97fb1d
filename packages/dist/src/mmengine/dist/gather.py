"""What all processes have, brought together in one or in all."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as torch_dist
from torch import Tensor

from mmengine.dist.devices import comm_device_of
from mmengine.dist.info import get_world_size, is_distributed
from mmengine.dist.watch import watched

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


def all_gather(data: Tensor, group: ProcessGroup | None = None) -> list[Tensor]:
    """Give each process the tensors of all.

    Args:
        data: The tensor, of the same shape in all processes, on any device.
        group: The processes; by default all.

    Returns:
        The tensors in the order of the processes, on the device of `data`.
    """
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    sent = data.detach().to(comm_device_of(data, group)).contiguous()
    received = [torch.empty_like(sent) for _ in range(world_size)]
    with watched('all_gather', group):
        torch_dist.all_gather(received, sent, group)
    return [tensor.to(data.device) for tensor in received]


def gather(data: Tensor, dst: int = 0, group: ProcessGroup | None = None) -> list[Tensor]:
    """Give one process the tensors of all.

    Args:
        data: The tensor, of the same shape in all processes, on any device.
        dst: The process that gets them, by its number among all processes.
        group: The processes; by default all.

    Returns:
        In the process `dst` the tensors in the order of the processes, on the device of `data`; else an empty list.
    """
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    sent = data.detach().to(comm_device_of(data, group)).contiguous()
    received = [torch.empty_like(sent) for _ in range(world_size)] if torch_dist.get_rank() == dst else None
    with watched('gather', group):
        torch_dist.gather(sent, received, dst, group)
    return [tensor.to(data.device) for tensor in received or []]


def all_gather_object(data: Any, group: ProcessGroup | None = None) -> list[Any]:
    """Give each process the objects of all, pickled on the way.

    Args:
        data: An object that can be pickled.
        group: The processes; by default all.

    Returns:
        The objects in the order of the processes.
    """
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    received = [None] * world_size
    with watched('all_gather_object', group):
        torch_dist.all_gather_object(received, data, group)
    return received


def gather_object(data: Any, dst: int = 0, group: ProcessGroup | None = None) -> list[Any] | None:
    """Give one process the objects of all, pickled on the way.

    Args:
        data: An object that can be pickled.
        dst: The process that gets them, by its number among all processes.
        group: The processes; by default all.

    Returns:
        In the process `dst` the objects in the order of the processes; else None.
    """
    world_size = get_world_size(group)
    if world_size == 1:
        return [data]
    received: list[Any] | None = [None] * world_size if is_distributed() and torch_dist.get_rank() == dst else None
    with watched('gather_object', group):
        torch_dist.gather_object(data, received, dst, group)
    return received
