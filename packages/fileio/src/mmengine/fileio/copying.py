"""Functions that copy files and folders within a backend, to it and from it."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.fileio.dispatch import shared_backend


def copyfile(src: str | Path, dst: str | Path, backend_args: dict[str, Any] | None = None) -> str:
    """Copy a file within the backend of `src` and return the new path; into `dst` if that is a folder.

    Args:
        src: The file.
        dst: The new file, or a folder to put it into.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.
    """
    return shared_backend(src, backend_args).copyfile(src, dst)


def copytree(src: str | Path, dst: str | Path, backend_args: dict[str, Any] | None = None) -> str:
    """Copy a folder within the backend of `src` to a new one and return its path."""
    return shared_backend(src, backend_args).copytree(src, dst)


def copyfile_from_local(src: str | Path, dst: str | Path, backend_args: dict[str, Any] | None = None) -> str:
    """Copy a local file to the backend of `dst` and return the new path; into `dst` if that is a folder."""
    return shared_backend(dst, backend_args).copyfile_from_local(src, dst)


def copytree_from_local(src: str | Path, dst: str | Path, backend_args: dict[str, Any] | None = None) -> str:
    """Copy a local folder to the backend of `dst` and return the new path."""
    return shared_backend(dst, backend_args).copytree_from_local(src, dst)


def copyfile_to_local(src: str | Path, dst: str | Path, backend_args: dict[str, Any] | None = None) -> str:
    """Copy a file of the backend of `src` to a local path and return that; into `dst` if that is a folder."""
    return shared_backend(src, backend_args).copyfile_to_local(src, dst)


def copytree_to_local(src: str | Path, dst: str | Path, backend_args: dict[str, Any] | None = None) -> str:
    """Copy a folder of the backend of `src` to a local path and return that."""
    return shared_backend(src, backend_args).copytree_to_local(src, dst)


def copy_if_symlink_fails(src: str | Path, dst: str | Path, backend_args: dict[str, Any] | None = None) -> bool:
    """Link `dst` to `src`, or copy it where that fails; tell whether it is a link."""
    return shared_backend(src, backend_args).copy_if_symlink_fails(src, dst)
