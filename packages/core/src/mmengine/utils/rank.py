"""Which process of a distributed job this is, asked without importing torch."""
from __future__ import annotations

import os
import sys
from types import ModuleType


def _process_group() -> ModuleType | None:
    """Get `torch.distributed` if somebody has imported it and set a process group up."""
    dist = sys.modules.get('torch.distributed')
    if dist is None or not hasattr(dist, 'is_initialized'):  # absent, or in the middle of being imported
        return None
    return dist if dist.is_available() and dist.is_initialized() else None


def _from_environment(variable: str, default: int) -> int:
    value = os.environ.get(variable, '')
    try:
        return int(value) if value else default
    except ValueError:
        raise ValueError(f'environment variable {variable} is {value!r}, expected an integer: '
                         f'correct or unset it') from None


def get_rank() -> int:
    """Get the rank of this process: from the process group, else from `RANK`, else 0."""
    dist = _process_group()
    return int(dist.get_rank()) if dist is not None else _from_environment('RANK', 0)


def get_world_size() -> int:
    """Get the number of processes: from the process group, else from `WORLD_SIZE`, else 1."""
    dist = _process_group()
    return int(dist.get_world_size()) if dist is not None else _from_environment('WORLD_SIZE', 1)


def get_local_rank() -> int:
    """Get the rank of this process on its machine: from `LOCAL_RANK`, else 0."""
    return _from_environment('LOCAL_RANK', 0)


def is_main_process() -> bool:
    """Tell whether this process has rank 0, the one that prints and writes."""
    return get_rank() == 0
