"""What becomes of a record when the tracker has no place for it: tables as Markdown, figures as pictures, and so on."""
from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmengine.visualization.backends.files import as_picture
from mmengine.visualization.values import Artifact, Image, PictureRef, to_array, to_plain


def table_as_markdown(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a table in Markdown; a picture becomes a word that says where it is."""
    lines = ['| ' + ' | '.join(columns) + ' |', '|' + ' --- |' * len(columns)]
    for index, row in enumerate(rows):
        cells = [_markdown_cell(index, column, value) for column, value in zip(columns, row, strict=True)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def _markdown_cell(row: int, column: str, value: Any) -> str:
    if isinstance(value, PictureRef):
        return f'{value.table}/{value.column}/{value.row}'
    if as_picture(value) is not None:
        return f'picture {column}/{row}'
    return str(to_plain(value)).replace('|', '\\|').replace('\n', ' ')


def histogram_of(values: Any, bins: int, counts: Any, edges: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Count the values per bin, unless that has been done already; what is not finite is left out.

    Returns:
        The counts, and the edges of the bins, one more.
    """
    if values is not None:
        flat = to_array(values).ravel().astype(np.float64)
        return np.histogram(flat[np.isfinite(flat)], bins=bins)
    if counts is None or edges is None or len(edges) != len(counts) + 1:
        raise ValueError('A histogram needs `values`, or `counts` with `edges`, which are one more')
    return to_array(counts), to_array(edges)


def histogram_figure(name: str, counts: NDArray[Any], edges: NDArray[Any]) -> Any:
    """Draw a histogram."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(5, 3), layout='tight')
    axes = figure.add_subplot(title=name)
    axes.stairs(counts, edges, fill=True)
    return figure


def figure_as_image(figure: Any) -> Image:
    """Render a matplotlib figure."""
    from PIL import Image as PILImage  # here and not above: most runs draw nothing
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png')
    with PILImage.open(buffer) as picture:
        return np.asarray(picture.convert('RGB'))


def figure_as_html(figure: Any) -> str | None:
    """Give the page of a figure that knows how to make one, such as plotly's."""
    to_html = getattr(figure, 'to_html', None)
    return str(to_html()) if to_html is not None else None


def artifact_note(path: str | os.PathLike[str], artifact: Artifact) -> str:
    """Describe in Markdown where an artifact lies, for a tracker that cannot keep it."""
    facts: Mapping[str, Any] = {'type': artifact.type, 'path': place_of(path), 'size': size_of(path),
                                'aliases': ', '.join(artifact.aliases), **artifact.metadata}
    return table_as_markdown(['', artifact.name], list(facts.items()))


def place_of(path: str | os.PathLike[str]) -> str:
    """Give the whole path of a file or folder; an address such as `s3://bucket/data` is one already."""
    return str(path) if '://' in str(path) else os.path.abspath(path)


def size_of(path: str | os.PathLike[str]) -> int | None:
    """Count the bytes of a file, or of all files below a folder."""
    if os.path.isdir(path):
        return sum(os.path.getsize(os.path.join(folder, file)) for folder, _, files in os.walk(path) for file in files)
    return os.path.getsize(path) if os.path.exists(path) else None
