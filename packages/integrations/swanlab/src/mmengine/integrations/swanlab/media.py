"""Pictures, texts, figures, tables and charts as the platform's own objects."""
from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from mmengine.visualization.backends.fallbacks import figure_as_html, figure_as_image
from mmengine.visualization.backends.files import as_picture
from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import Picture, PictureRef, to_image, to_plain


def image(swanlab: Any, value: Any) -> Any:
    """Make an image of a `Picture`, boxes and masks drawn in, or of an array."""
    picture = value if isinstance(value, Picture) else Picture(value)
    pixels = annotate(picture) if picture.boxes or picture.masks else to_image(picture.image)
    return swanlab.Image(PILImage.fromarray(np.ascontiguousarray(pixels)), caption=picture.caption)


def text(swanlab: Any, value: str, format: str) -> Any:
    """Make a text, or a page of HTML."""
    return swanlab.Html(value) if format == 'html' else swanlab.Text(value)


def figure(swanlab: Any, value: Any) -> Any:
    """Make an image of a figure of matplotlib, and a page of any other."""
    page = figure_as_html(value)
    return image(swanlab, figure_as_image(value)) if page is None else swanlab.Html(page)


def table(swanlab: Any, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Any:
    """Make a table; a picture in it becomes a word that says under which name it is."""
    cells = [[_cell(name, index, column, value) for column, value in zip(columns, row, strict=True)]
             for index, row in enumerate(rows)]
    chart = swanlab.echarts.Table()
    chart.add(list(columns), cells)
    return chart


def _cell(table: str, row: int, column: str, value: Any) -> Any:
    if isinstance(value, PictureRef):
        return f'{value.table}/{value.column}/{value.row}'
    if as_picture(value) is not None:
        return f'{table}/{column}/{row}'
    plain = to_plain(value)
    return plain if isinstance(plain, (bool, int, float, str)) else str(plain)


def histogram(swanlab: Any, name: str, counts: NDArray[Any], edges: NDArray[Any]) -> Any:
    """Make a chart with a bar for each bin, named after its edges."""
    chart = swanlab.echarts.Bar()
    chart.add_xaxis([f'{low:.4g} .. {high:.4g}' for low, high in itertools.pairwise(edges)])
    chart.add_yaxis(name, counts.tolist())
    return chart


def curve(swanlab: Any, x: Sequence[float], y: Sequence[float], y_name: str) -> Any:
    """Make a line chart."""
    chart = swanlab.echarts.Line()
    chart.add_xaxis([float(value) for value in x])
    chart.add_yaxis(y_name, [float(value) for value in y])
    return chart
