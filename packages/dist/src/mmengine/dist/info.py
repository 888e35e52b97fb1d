"""Who and how many we are, with one process as with many."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import torch.distributed as torch_dist

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_P = ParamSpec('_P')
_R = TypeVar('_R')


def is_distributed() -> bool:
    """Tell whether a process group is up."""
    return torch_dist.is_available() and torch_dist.is_initialized()


def get_default_group() -> ProcessGroup | None:
    """Give the group of all processes, None without one."""
    return torch_dist.group.WORLD if is_distributed() else None


def get_backend(group: ProcessGroup | None = None) -> str | None:
    """Give the name of a group's backend, None without a group."""
    return torch_dist.get_backend(group) if is_distributed() else None


def get_world_size(group: ProcessGroup | None = None) -> int:
    """Give the number of processes in a group, 1 without one."""
    return torch_dist.get_world_size(group) if is_distributed() else 1


def get_rank(group: ProcessGroup | None = None) -> int:
    """Give the number of this process in a group, 0 without one."""
    return torch_dist.get_rank(group) if is_distributed() else 0


def get_dist_info(group: ProcessGroup | None = None) -> tuple[int, int]:
    """Give the number of this process in a group and the number of all."""
    return get_rank(group), get_world_size(group)


def is_main_process(group: ProcessGroup | None = None) -> bool:
    """Tell whether this is process 0 of a group."""
    return get_rank(group) == 0


def master_only(func: Callable[_P, _R]) -> Callable[_P, _R | None]:
    """Let a function run in process 0 only; elsewhere it does nothing and gives None."""

    @functools.wraps(func)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R | None:
        return func(*args, **kwargs) if is_main_process() else None

    return wrapper
