"""Records as plain files: JSON lines, pictures, texts and tables below one folder."""
from __future__ import annotations

import csv
import functools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import Image, Picture, PictureRef, to_image, to_plain

TEXT_SUFFIXES = {'plain': '.txt', 'markdown': '.md', 'html': '.html'}


def record_path(folder: str | os.PathLike[str], name: str, suffix: str) -> Path:
    """Find the place of a record below `folder`, and make the folders that a `/` in its name asks for."""
    parts = [part if part not in ('', '.', '..') else '_' for part in name.strip('/').split('/')]
    path = Path(folder, *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + suffix)


def as_line(record: Mapping[str, Any]) -> bytes:
    """Write a record as a line of JSON."""
    try:
        items = [f'{_key(name)}: {_number(value)}' for name, value in record.items()]
    except (TypeError, ValueError):
        return json.dumps(to_plain(record)).encode() + b'\n'
    return f'{{{", ".join(items)}}}\n'.encode()


@functools.lru_cache(1024)
def _key(name: str) -> str:
    if type(name) is not str:
        raise TypeError(f'not a name: {name!r}')
    return json.dumps(name)


def _number(value: Any) -> str:
    # A scalar is all that most lines have, and `json.dumps` sets up an encoder for each of them.
    kind = type(value)
    if kind is int or (kind is float and value - value == 0):  # neither NaN nor infinite
        return repr(value)
    return json.dumps(value)


class LineFile:
    """A file of lines that stays open, since opening it takes longer than a line does.

    Each line goes to the system in one write, so that a crash loses or tears nothing, and several processes may append.

    Args:
        path: The file; it is made with its first line, and again if somebody has removed it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._handle: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {'_path': self._path, '_handle': None}

    def __del__(self) -> None:
        self.close()

    def append(self, line: bytes) -> None:
        """Append a line."""
        try:
            handle = self._handle
            if handle is None or not os.fstat(handle).st_nlink:
                handle = self._open()
            written = os.write(handle, line)
            while written < len(line):  # the rest of a short write either goes through or says why not
                written += os.write(handle, line[written:])
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from error

    def _open(self) -> int:
        self.close()
        self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        return self._handle

    def close(self) -> None:
        """Close the file; a further line opens it again."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def append_line(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Append one record as a line of JSON."""
    file = LineFile(path)
    try:
        file.append(as_line(record))
    finally:
        file.close()


def write_png(path: str | os.PathLike[str], image: Image) -> None:
    """Write a picture without loss; little compression, since this runs beside a training."""
    from PIL import Image as PILImage  # here and not above: most runs draw nothing
    PILImage.fromarray(np.ascontiguousarray(to_image(image))).save(path, format='PNG', compress_level=1)


def write_text(folder: str | os.PathLike[str], name: str, text: str, step: int, format: str) -> Path:
    """Write a text to a file of its own below `folder`."""
    path = record_path(folder, f'{name}_{step}', TEXT_SUFFIXES[format])
    path.write_text(text, encoding='utf-8')
    return path


def write_table(folder: str | os.PathLike[str], name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]],
                step: int) -> Path:
    """Write a table as CSV; the pictures in it go to a folder beside it and their cells hold the file names."""
    path = record_path(folder, f'{name}_{step}', '.csv')
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for index, row in enumerate(rows):
            cells = zip(columns, row, strict=True)
            writer.writerow([_cell(path, index, column, value) for column, value in cells])
    return path


def _cell(table: Path, row: int, column: str, value: Any) -> Any:
    if isinstance(value, PictureRef):
        return f'{value.table}[{value.row}].{value.column}'
    picture = as_picture(value)
    if picture is None:
        plain = to_plain(value)
        return plain if isinstance(plain, (str, int, float, type(None))) else json.dumps(plain)
    path = record_path(table.with_suffix(''), f'{row}_{column.replace("/", "_")}', '.png')
    write_png(path, annotate(picture))
    return path.relative_to(table.parent).as_posix()


def as_picture(value: Any) -> Picture | None:
    """Take a cell for a picture if it is one: a `Picture`, or an array of uint8 with two or three dimensions."""
    if isinstance(value, Picture):
        return value
    is_image = getattr(value, 'ndim', 0) in (2, 3) and str(getattr(value, 'dtype', '')).endswith('uint8')
    return Picture(value) if is_image else None
