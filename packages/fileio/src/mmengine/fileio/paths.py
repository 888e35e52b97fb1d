"""What a path may be, and how it stays inside the folder it belongs to."""
from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TypeAlias

StrPath: TypeAlias = str | os.PathLike[str]


def parse_uri_prefix(uri: str | Path) -> str:
    """Give the scheme of a URI, `''` for a plain path; of `cluster:s3://bucket/key` it is `s3`."""
    if not isinstance(uri, (str, Path)):
        raise AssertionError(f'uri should be a str or pathlib.Path, but got {uri!r} of type {type(uri).__name__}')
    text = str(uri)
    if isinstance(uri, Path) or '://' not in text:
        return ''
    return text.split('://', maxsplit=1)[0].rpartition(':')[2]


def contained(folder: StrPath, relative: str) -> str:
    """Join a name that a storage listed to a local folder, and refuse one that would leave the folder."""
    return os.path.join(folder, *PurePosixPath(require_inside(relative, folder).replace('\\', '/')).parts)


def require_inside(relative: str, folder: StrPath) -> str:
    """Give a name that a storage listed, and refuse one that would leave the folder it is joined to."""
    pure = PurePosixPath(relative.replace('\\', '/'))
    if pure.is_absolute() or '..' in pure.parts or os.path.splitdrive(relative)[0]:
        raise ValueError(f'{relative!r} would be outside of the folder {os.fspath(folder)!r}')
    return relative


def ensure_parent(path: StrPath) -> None:
    """Create the folder that is to hold `path`."""
    parent = os.path.dirname(path)
    if parent:
        os.makedirs(parent, exist_ok=True)
