"""Text files of one item a line."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

from mmengine.fileio.serialize import old_or_new_backend


def _lines(filename: str | Path, encoding: str, file_client_args: dict[str, Any] | None,
           backend_args: dict[str, Any] | None) -> Iterator[str]:
    backend = old_or_new_backend(filename, file_client_args, backend_args, stacklevel=4)
    return (line.rstrip('\n\r') for line in StringIO(backend.get_text(filename, encoding)))


def list_from_file(filename: str | Path,
                   prefix: str = '',
                   offset: int = 0,
                   max_num: int = 0,
                   encoding: str = 'utf-8',
                   file_client_args: dict[str, Any] | None = None,
                   backend_args: dict[str, Any] | None = None) -> list[str]:
    """Read the lines of a text file.

    Args:
        filename: A path or URI.
        prefix: What each line is given in front.
        offset: How many lines are left out at the beginning.
        max_num: How many lines are read at most; 0 for all.
        encoding: The file's encoding.
        file_client_args: The older form of `backend_args`.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.

    Returns:
        The lines without their ends.
    """
    lines = _lines(filename, encoding, file_client_args, backend_args)
    stop = offset + max_num if max_num > 0 else None
    return [prefix + line for line in islice(lines, offset, stop)]


def dict_from_file(filename: str | Path,
                   key_type: Callable[[str], Any] = str,
                   encoding: str = 'utf-8',
                   file_client_args: dict[str, Any] | None = None,
                   backend_args: dict[str, Any] | None = None) -> dict[Any, str | list[str]]:
    """Read a text file whose lines are a key and one or more values, with blanks between.

    Args:
        filename: A path or URI.
        key_type: What makes a key of the text, for instance `int`.
        encoding: The file's encoding.
        file_client_args: The older form of `backend_args`.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.

    Returns:
        Each key with its value, or with the list of its values where there are several.
    """
    mapping: dict[Any, str | list[str]] = {}
    for number, line in enumerate(_lines(filename, encoding, file_client_args, backend_args), start=1):
        if not line.strip():
            continue
        key, *values = line.split()
        if not values:
            raise ValueError(f'{str(filename)!r}, line {number}: a key and at least one value are expected, '
                             f'but the line is {line!r}')
        mapping[key_type(key)] = values[0] if len(values) == 1 else values
    return mapping
