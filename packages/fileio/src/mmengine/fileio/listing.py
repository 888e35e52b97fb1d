"""Functions that look at names in any backend."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.fileio.backends.base import Suffix
from mmengine.fileio.dispatch import shared_backend


def exists(filepath: str | Path, backend_args: dict[str, Any] | None = None) -> bool:
    """Tell whether there is a file or folder of this name."""
    return shared_backend(filepath, backend_args).exists(filepath)


def isdir(filepath: str | Path, backend_args: dict[str, Any] | None = None) -> bool:
    """Tell whether there is a folder of this name."""
    return shared_backend(filepath, backend_args).isdir(filepath)


def isfile(filepath: str | Path, backend_args: dict[str, Any] | None = None) -> bool:
    """Tell whether there is a file of this name."""
    return shared_backend(filepath, backend_args).isfile(filepath)


def join_path(filepath: str | Path, *filepaths: str | Path, backend_args: dict[str, Any] | None = None) -> str:
    """Join the components of a path in the way of its backend."""
    return shared_backend(filepath, backend_args).join_path(filepath, *filepaths)


def list_dir_or_file(dir_path: str | Path,
                     list_dir: bool = True,
                     list_file: bool = True,
                     suffix: Suffix = None,
                     recursive: bool = False,
                     backend_args: dict[str, Any] | None = None) -> Iterator[str]:
    """List the names in a folder, relative to it.

    Args:
        dir_path: The folder, a path or URI.
        list_dir: Whether folders are listed.
        list_file: Whether files are listed.
        suffix: Only files that end so; needs `list_dir=False`.
        recursive: Whether the folders in the folder are listed as well.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.

    Returns:
        An iterator of relative paths. The arguments are checked by the call itself.
    """
    backend = shared_backend(dir_path, backend_args)
    return backend.list_dir_or_file(dir_path, list_dir, list_file, suffix, recursive)
