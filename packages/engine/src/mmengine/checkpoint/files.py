"""Checkpoints as files: written whole or not at all, read safely."""
from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mmengine.checkpoint.safety import UnsafeCheckpointError, load_safely
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.fileio.atomic import atomic_write

MapLocation = str | torch.device | Callable[..., Any] | None


class BrokenCheckpointError(RuntimeError):
    """A checkpoint file is not whole: cut off, empty, or no checkpoint at all."""


def write_checkpoint(checkpoint: dict[str, Any], filename: str | Path,
                     backend_args: dict[str, Any] | None = None) -> None:
    """Write a checkpoint so that its name never stands for half a file, whenever the process or the disk fails.

    Args:
        checkpoint: What `torch.save` can save.
        filename: Path, or URI of a storage backend.
        backend_args: Arguments of the storage backend; by default it is chosen by the prefix of `filename`.

    Raises:
        OSError: The file can't be written, the disk is full for example. An older file of that name is as it was.
    """
    backend = get_file_backend(filename, backend_args=backend_args)
    if not isinstance(backend, LocalBackend):
        backend.put(serialized(checkpoint), filename)
        return
    path = Path(filename).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, 'wb') as file:
            _save_to(checkpoint, file)
    except OSError as error:
        older = 'The file that was there before is whole.' if path.exists() else 'No file was left behind.'
        raise type(error)(error.errno, f'the checkpoint {str(filename)!r} could not be written: {error.strerror}. '
                                       f'{older}') from error


def serialized(checkpoint: dict[str, Any]) -> bytes:
    """Give the bytes of the file that holds a checkpoint."""
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    return buffer.getvalue()


class _Remembering(io.RawIOBase):
    """A file that keeps the reason of a failed write: torch reports a full disk as an internal error."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return int(self._file.write(data))
        except OSError as error:
            self.failure = error
            raise


def _save_to(checkpoint: dict[str, Any], file: Any) -> None:
    remembering: Any = _Remembering(file)
    try:
        torch.save(checkpoint, remembering)
        file.flush()
    except Exception as error:
        if remembering.failure is not None:
            raise remembering.failure from error
        raise


def read_checkpoint(filename: str | Path, map_location: MapLocation = None, *, trusted: bool = False,
                    backend_args: dict[str, Any] | None = None) -> Any:
    """Read a checkpoint from a path or from a storage backend, with nothing in it run as code.

    Args:
        filename: Path, or URI of a storage backend.
        map_location: Where tensors go, as in `torch.load`.
        trusted: Whether the file may hold any object; reading it may then run any code.
        backend_args: Arguments of the storage backend; by default it is chosen by the prefix of `filename`.

    Raises:
        FileNotFoundError: There is no such file.
        BrokenCheckpointError: The file is not whole.
        UnsafeCheckpointError: The file holds other types than tensors and plain containers, and is not trusted.
    """
    backend = get_file_backend(filename, backend_args=backend_args)
    name = repr(str(filename))
    if isinstance(backend, LocalBackend):
        path = os.path.expanduser(filename)
        if not os.path.isfile(path):
            raise FileNotFoundError(f'{name} can not be found: there is no such checkpoint file')
        source: Any = open(path, 'rb')  # noqa: SIM115  # closed below
    else:
        source = io.BytesIO(backend.get(filename))
    try:
        with source:
            return load_safely(source, map_location, name, trusted)
    except UnsafeCheckpointError:
        raise
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines()
        raise BrokenCheckpointError(f'{name} is not a whole checkpoint: it was cut off while it was written or copied, '
                                    f'or is no checkpoint ({reason[0] if reason else type(error).__name__})') from error
