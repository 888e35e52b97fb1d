"""The forms of a checkpoint: one file, or a folder of shards, which only who needs it imports; safetensors."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmengine.checkpoint.files import MapLocation, check_checkpoint, read_checkpoint
from mmengine.checkpoint.tensor_file import is_tensor_file, read_tensors


def is_sharded(path: str | Path) -> bool:
    """Tell whether a path is a folder of shards, or what is left of one."""
    return os.path.isdir(os.path.expanduser(path))


def read_any(path: str | Path, map_location: MapLocation = None, *, trusted: bool = False) -> Any:
    """Read a checkpoint of either form, with nothing in it run as code; the tensors of shards come whole.

    Args:
        path: A file, also on a storage backend and also one of safetensors, or a folder.
        map_location: Where tensors go, as in `torch.load`; those of shards are on the CPU.
        trusted: Whether it may hold any object; reading it may then run any code.

    Raises:
        FileNotFoundError: It is not there.
        BrokenCheckpointError: It is not whole.
        UnsafeCheckpointError: It holds other types than tensors and plain containers, and is not trusted.
    """
    if is_sharded(path):
        from mmengine.checkpoint.sharded import read_sharded
        return read_sharded(path, map_location, trusted=trusted)
    if is_tensor_file(path):
        return read_tensors(path, map_location)
    return read_checkpoint(path, map_location, trusted=trusted)


def check_any(path: str | Path, *, trusted: bool = False) -> None:
    """Find out whether a checkpoint of either form is whole.

    Args:
        path: A file, also on a storage backend, or a folder.
        trusted: Whether it may hold any object; reading it may then run any code.

    Raises:
        FileNotFoundError: It is not there.
        BrokenCheckpointError: It is not whole.
        UnsafeCheckpointError: It holds other types than tensors and plain containers, and is not trusted.
    """
    if is_sharded(path):
        from mmengine.checkpoint.sharded import check_sharded
        check_sharded(path)
    else:
        check_checkpoint(path, trusted=trusted)
