"""Records as plain files: JSON lines, pictures, texts and tables below one folder."""
from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import Image, Picture, PictureRef, to_image, to_plain

TEXT_SUFFIXES = {'plain': '.txt', 'markdown': '.md', 'html': '.html'}


def record_path(folder: str | os.PathLike[str], name: str, suffix: str) -> Path:
    """Find the place of a record below `folder`, and make the folders that a `/` in its name asks for."""
    parts = [part if part not in ('', '.', '..') else '_' for part in name.strip('/').split('/')]
    path = Path(folder, *parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + suffix)


def append_line(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Append one record as a line of JSON, in one write to the system, so that a crash loses or tears nothing."""
    append_bytes(path, as_line(record))


def as_line(record: Mapping[str, Any]) -> bytes:
    """Write a record as a line of JSON."""
    try:
        text = json.dumps(record)
    except (TypeError, ValueError):
        text = json.dumps(to_plain(record))
    return text.encode() + b'\n'


def append_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Append to a file in one write to the system."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        view = memoryview(data)
        while view:  # the rest of a short write either goes through or says why not
            view = view[os.write(handle, view):]
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        os.close(handle)


def write_png(path: str | os.PathLike[str], image: Image) -> None:
    """Write a picture without loss; little compression, since this runs beside a training."""
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
