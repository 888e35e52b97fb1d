"""Helpers for local paths."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


def is_filepath(x: object) -> bool:
    """Tell whether an object is a string or a `Path`."""
    return isinstance(x, (str, Path))


def is_abs(path: str) -> bool:
    """Tell whether a path is absolute, or an address of a web server or an object store."""
    return os.path.isabs(path) or path.startswith(('http://', 'https://', 's3://'))


def fopen(filepath: str | Path, *args: Any, **kwargs: Any) -> IO[Any]:
    """Open a file as `open` does; the caller closes it."""
    if not isinstance(filepath, (str, Path)):
        raise ValueError(f'filepath must be a string or a Path, got {filepath!r} of type {type(filepath).__name__}')
    file: IO[Any] = open(filepath, *args, **kwargs)  # noqa: SIM115  # the caller closes it
    return file


def check_file_exist(filename: str | Path, msg_tmpl: str = 'file "{}" does not exist') -> None:
    """Raise `FileNotFoundError` unless a path leads to a file.

    Args:
        filename: Path of the file.
        msg_tmpl: Message with a place for the path.
    """
    if not os.path.isfile(filename):
        raise FileNotFoundError(msg_tmpl.format(filename))


def mkdir_or_exist(dir_name: str | Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, unless it exists; an empty name means the working directory.

    Args:
        dir_name: Path of the folder; `~` is expanded.
        mode: Permissions, before the umask.
    """
    if str(dir_name):
        os.makedirs(os.path.expanduser(dir_name), mode=mode, exist_ok=True)


def symlink(src: str | Path, dst: str | Path, overwrite: bool = True, **kwargs: Any) -> None:
    """Make a symbolic link.

    Args:
        src: What the link leads to.
        dst: Path of the link.
        overwrite: Whether what is at `dst` gives way.
        **kwargs: For `os.symlink`.
    """
    if overwrite and os.path.lexists(dst):
        os.remove(dst)
    os.symlink(src, dst, **kwargs)


def scandir(dir_path: str | Path, suffix: str | tuple[str, ...] | None = None, recursive: bool = False,
            case_sensitive: bool = True) -> Iterator[str]:
    """List the files of a folder whose names do not start with a dot, in alphabetical order.

    Args:
        dir_path: Path of the folder.
        suffix: End of the names to list, or several; None lists all.
        recursive: Whether to list the files of the folders below as well.
        case_sensitive: Whether the case of the suffix matters.

    Returns:
        Paths relative to `dir_path`.
    """
    if not isinstance(dir_path, (str, Path)):
        raise TypeError(f'dir_path must be a string or a Path, got {dir_path!r} of type {type(dir_path).__name__}')
    if suffix is not None and not isinstance(suffix, (str, tuple)):
        raise TypeError(f'suffix must be a string or a tuple of strings, got {suffix!r}')
    if suffix is not None and not case_sensitive:
        suffix = suffix.lower() if isinstance(suffix, str) else tuple(item.lower() for item in suffix)
    return _scan(str(dir_path), '', suffix, recursive, case_sensitive)


def _scan(folder: str, prefix: str, suffix: str | tuple[str, ...] | None, recursive: bool,
          case_sensitive: bool) -> Iterator[str]:
    with os.scandir(folder) as found:  # closed before the caller sees a name, who may stop anywhere
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        relative = os.path.join(prefix, entry.name)
        if entry.is_file():
            name = entry.name if case_sensitive else entry.name.lower()
            if not name.startswith('.') and (suffix is None or name.endswith(suffix)):
                yield relative
        elif recursive and entry.is_dir():
            yield from _scan(entry.path, relative, suffix, recursive, case_sensitive)
