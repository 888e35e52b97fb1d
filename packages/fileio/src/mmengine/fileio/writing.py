"""Functions that write and remove files of any backend."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.fileio.dispatch import shared_backend


def put(obj: bytes, filepath: str | Path, backend_args: dict[str, Any] | None = None) -> None:
    """Write bytes to a file; a local one is complete or not there, and its folder is made.

    Args:
        obj: The content.
        filepath: A path or URI.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.
    """
    shared_backend(filepath, backend_args).put(obj, filepath)


def put_text(obj: str, filepath: str | Path, backend_args: dict[str, Any] | None = None) -> None:
    """Write text to a file, as `put` does."""
    shared_backend(filepath, backend_args).put_text(obj, filepath)


def remove(filepath: str | Path, backend_args: dict[str, Any] | None = None) -> None:
    """Remove a file."""
    shared_backend(filepath, backend_args).remove(filepath)


def rmtree(dir_path: str | Path, backend_args: dict[str, Any] | None = None) -> None:
    """Remove a folder with all that is in it."""
    shared_backend(dir_path, backend_args).rmtree(dir_path)
