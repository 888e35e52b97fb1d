"""Groups beside the one of all processes: those of one machine, and the one that may wait long."""
from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as torch_dist

from mmengine.dist.devices import get_comm_device
from mmengine.dist.info import get_default_group, get_rank, get_world_size, is_distributed
from mmengine.dist.watch import limit_of_groups, watched

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

#: How long processes wait for one that computes a metric or stores its results.
RESULTS_TIMEOUT = timedelta(hours=24)

# Each group beside the group of all that it was made in: that one may be destroyed, and another made, in one process.
_groups: dict[str, tuple[ProcessGroup, ProcessGroup]] = {}


def _stored(name: str) -> ProcessGroup | None:
    world, group = _groups.get(name, (None, None))
    return group if world is not None and world is get_default_group() else None


def _store(name: str, group: ProcessGroup) -> ProcessGroup:
    world = get_default_group()
    if world is None:
        raise RuntimeError('there is no process group: call init_dist first')
    _groups[name] = world, group
    return group


def init_local_group(node_rank: int, num_gpus_per_node: int) -> None:
    """Make a group of the processes of each machine; all processes have to call this.

    Args:
        node_rank: The number of this machine.
        num_gpus_per_node: The number of processes on each machine.
    """
    if _stored('local') is not None:
        raise AssertionError('the local group exists already: init_local_group is called once')
    own = None
    # Every process takes part in the making of every group, so that all agree on their order.
    for node in range(-(-get_world_size() // num_gpus_per_node)):
        ranks = range(node * num_gpus_per_node, min((node + 1) * num_gpus_per_node, get_world_size()))
        group = torch_dist.new_group(list(ranks), timeout=limit_of_groups())
        if node == node_rank:
            own = group
    if own is None or get_rank() // num_gpus_per_node != node_rank:
        raise ValueError(f'process {get_rank()} of {get_world_size()} is not on machine node_rank={node_rank!r} '
                         f'with num_gpus_per_node={num_gpus_per_node!r}')
    _store('local', own)


def get_local_group() -> ProcessGroup | None:
    """Give the group of the processes of this machine, None without one."""
    if not is_distributed():
        return None
    group = _stored('local')
    if group is None:
        raise RuntimeError('the local process group is not created: call "init_local_group" first')
    return group


def get_local_size() -> int:
    """Give the number of processes on this machine, 1 without a group."""
    told = _told_by_launcher('LOCAL_WORLD_SIZE')
    return get_world_size(get_local_group()) if told is None else told


def get_local_rank() -> int:
    """Give the number of this process on this machine, 0 without a group."""
    told = _told_by_launcher('LOCAL_RANK')
    return get_rank(get_local_group()) if told is None else told


def _told_by_launcher(variable: str) -> int | None:
    """Read a number of the launcher, unless there is a group of this machine, which knows better."""
    if not is_distributed() or _stored('local') is not None or variable not in os.environ:
        return None
    return int(os.environ[variable])


def results_group() -> ProcessGroup | None:
    """Give a group of all processes on the CPU that waits for a day; all processes have to call this.

    Evaluation results travel in it: a process that computes a slow metric does not run the others into the timeout of
    the group that trains.
    """
    if not is_distributed():
        return None
    group = _stored('results')
    if group is None and torch_dist.is_gloo_available():
        with watched('the making of the group of results'):
            group = _store('results', torch_dist.new_group(backend='gloo', timeout=RESULTS_TIMEOUT))
    return group or get_default_group()


def barrier(group: ProcessGroup | None = None) -> None:
    """Wait until all processes of a group are here; nothing without a group."""
    if not is_distributed():
        return
    device = get_comm_device(group)
    # The device is said, and not guessed from the rank.
    options: dict[str, Any] = {} if device.type == 'cpu' else {'device_ids': [torch.accelerator.current_device_index()]}
    with watched('barrier', group):
        torch_dist.barrier(group, **options)
