"""Checkpoints as files: written whole or not at all, read safely."""
from __future__ import annotations

import contextlib
import io
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import torch

from mmengine.checkpoint.checksum import DamagedError, SummedFile, verify
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
    """Give the bytes of the file that holds a checkpoint, its checksum included."""
    buffer = io.BytesIO()
    _save_to(checkpoint, buffer)
    return buffer.getvalue()


def _save_to(checkpoint: dict[str, Any], file: IO[bytes]) -> None:
    summed: Any = SummedFile(file)
    try:
        torch.save(checkpoint, summed)
        summed.seal()
        file.flush()
    except Exception as error:
        if summed.failure is not None:
            raise summed.failure from error
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
    with _opened(filename, backend_args) as source, _speaking_of(filename):
        verify(source)
        return load_safely(source, map_location, repr(str(filename)), trusted)


def check_checkpoint(filename: str | Path, *, trusted: bool = False,
                     backend_args: dict[str, Any] | None = None) -> None:
    """Find out whether a checkpoint is whole: by its checksum, or by reading it if it has none.

    Args:
        filename: Path, or URI of a storage backend.
        trusted: Whether the file may hold any object; reading it may then run any code.
        backend_args: Arguments of the storage backend; by default it is chosen by the prefix of `filename`.

    Raises:
        FileNotFoundError: There is no such file.
        BrokenCheckpointError: The file is not whole.
        UnsafeCheckpointError: The file holds other types than tensors and plain containers, and is not trusted.
    """
    with _opened(filename, backend_args) as source, _speaking_of(filename):
        if not verify(source):
            load_safely(source, 'cpu', repr(str(filename)), trusted)


@contextlib.contextmanager
def _speaking_of(filename: str | Path) -> Iterator[None]:
    """Turn what the reader raises about a file that is not whole into one kind of error that names the file."""
    try:
        yield
    except UnsafeCheckpointError:
        raise
    except DamagedError as error:
        raise BrokenCheckpointError(f'{str(filename)!r} is not a whole checkpoint: it was damaged after it was '
                                    f'written ({error})') from error
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, KeyError, ValueError) as error:
        reason = str(error).strip().splitlines()
        raise BrokenCheckpointError(
            f'{str(filename)!r} is not a whole checkpoint: it was cut off while it was written or copied, or is no '
            f'checkpoint ({reason[0] if reason else type(error).__name__})') from error


def _opened(filename: str | Path, backend_args: dict[str, Any] | None) -> IO[bytes]:
    backend = get_file_backend(filename, backend_args=backend_args)
    if not isinstance(backend, LocalBackend):
        return io.BytesIO(backend.get(filename))
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{str(filename)!r} can not be found: there is no such checkpoint file')
    return open(path, 'rb')
