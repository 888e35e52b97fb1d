"""Functions that read files of any backend."""
from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from mmengine.fileio.dispatch import shared_backend
from mmengine.fileio.paths import StrPath


def get(filepath: str | Path, backend_args: dict[str, Any] | None = None) -> bytes:
    """Read a file as bytes.

    Args:
        filepath: A path or URI, as for all functions of this module.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.
    """
    return shared_backend(filepath, backend_args).get(filepath)


def get_text(filepath: str | Path, encoding: str = 'utf-8', backend_args: dict[str, Any] | None = None) -> str:
    """Read a file as text."""
    return shared_backend(filepath, backend_args).get_text(filepath, encoding)


def get_range(filepath: str | Path,
              start: int,
              stop: int | None = None,
              backend_args: dict[str, Any] | None = None) -> bytes:
    """Read the bytes of a file from `start` up to `stop`, or to its end."""
    return shared_backend(filepath, backend_args).get_range(filepath, start, stop)


def stream(filepath: str | Path, backend_args: dict[str, Any] | None = None) -> AbstractContextManager[IO[bytes]]:
    """Open a file to read it in pieces: `with stream('s3://bucket/a.tar') as file: file.read(1 << 20)`."""
    return shared_backend(filepath, backend_args).stream(filepath)


@contextmanager
def get_local_path(filepath: str | Path,
                   backend_args: dict[str, Any] | None = None) -> Generator[StrPath, None, None]:
    """Give a local path with the file's content: the path itself, or a copy that is gone when the block ends."""
    with shared_backend(filepath, backend_args).get_local_path(str(filepath)) as local:
        yield local


def generate_presigned_url(url: str,
                           client_method: str = 'get_object',
                           expires_in: int = 3600,
                           backend_args: dict[str, Any] | None = None) -> str:
    """Make a URL that gives access to one object for some seconds."""
    return shared_backend(url, backend_args).generate_presigned_url(url, client_method, expires_in)
