"""A table as a CSV file, and the pictures in it."""
from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from mmengine.visualization.backends.files import as_picture
from mmengine.visualization.values import Picture, PictureRef, to_plain


def table_as_csv(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> tuple[str, dict[str, Picture]]:
    """Write a table; the cells of pictures hold the names of the series that they are to be recorded in.

    Returns:
        The file, and the pictures by the names of their series.
    """
    text, pictures = io.StringIO(), {}
    writer = csv.writer(text)
    writer.writerow(columns)
    for index, row in enumerate(rows):
        cells = []
        for column, value in zip(columns, row, strict=True):
            picture = as_picture(value)
            if isinstance(value, PictureRef):
                cells.append(f'{value.table}_{value.column}_{value.row}')
            elif picture is not None:
                cells.append(f'{name}_{column}_{index}')
                pictures[cells[-1]] = picture
            else:
                cells.append(to_plain(value))
        writer.writerow(cells)
    return text.getvalue(), pictures
