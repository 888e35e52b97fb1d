"""What one process has, given to all."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as torch_dist
from torch import Tensor

from mmengine.dist.devices import comm_device_of, get_comm_device
from mmengine.dist.info import get_rank, get_world_size
from mmengine.dist.watch import watched

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


def broadcast(data: Tensor, src: int = 0, group: ProcessGroup | None = None) -> None:
    """Give all processes the tensor of one, in place.

    Args:
        data: The tensor, of the same shape in all processes, on any device.
        src: The process that has it, by its number among all processes.
        group: The processes; by default all.
    """
    if get_world_size(group) == 1:
        return
    with torch.no_grad():
        here = data.detach()
        sent = here.to(comm_device_of(data, group)).contiguous()
        with watched('broadcast', group):
            torch_dist.broadcast(sent, src, group)
        if sent is not here and torch_dist.get_rank() != src:
            data.copy_(sent)


def broadcast_object_list(data: list[Any], src: int = 0, group: ProcessGroup | None = None) -> None:
    """Give all processes the objects of one, pickled on the way; the list gets them in place.

    Args:
        data: Objects that can be pickled; in the other processes a list of the same length.
        src: The process that has them, by its number among all processes.
        group: The processes; by default all.
    """
    if not isinstance(data, list):
        raise AssertionError(f'data should be a list, but got {type(data).__name__}')
    if get_world_size(group) > 1:
        with watched('broadcast_object_list', group):
            torch_dist.broadcast_object_list(data, src, group, device=get_comm_device(group))


def sync_random_seed(group: ProcessGroup | None = None) -> int:
    """Draw a seed that is the same in all processes.

    Args:
        group: The processes; by default all.

    Returns:
        The seed, at least 0 and below 2**31.
    """
    seed = int(np.random.randint(2**31))
    if get_world_size(group) == 1:
        return seed
    first = torch_dist.get_global_rank(group, 0) if group is not None else 0
    shared = torch.tensor(seed if get_rank(group) == 0 else 0, dtype=torch.int64)
    broadcast(shared, first, group)
    return int(shared.item())
