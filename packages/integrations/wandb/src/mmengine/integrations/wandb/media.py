"""Pictures, texts, figures and table cells as the platform's own objects."""
from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from mmengine.visualization.backends.fallbacks import figure_as_html, figure_as_image
from mmengine.visualization.backends.files import as_picture
from mmengine.visualization.values import Boxes, Picture, to_array, to_image, to_plain


def image(wandb: Any, value: Any, upload: Any = None) -> Any:
    """Make an image with its layers of a `Picture` or an array.

    Args:
        wandb: The module.
        value: The picture.
        upload: An image with the same pixels, to be used instead of them.
    """
    picture = value if isinstance(value, Picture) else Picture(value)
    names = {int(number): str(name) for number, name in picture.class_names.items()}
    boxes = {group: {'box_data': _boxes(found, names), **_labels(names, found.labels)}
             for group, found in picture.boxes.items()}
    masks = {group: _mask(mask, names) for group, mask in picture.masks.items()}
    pixels = to_image(picture.image) if upload is None else upload
    return wandb.Image(pixels, boxes=boxes or None, masks=masks or None, caption=picture.caption)


def _boxes(boxes: Boxes, names: Mapping[int, str]) -> list[dict[str, Any]]:
    corners = to_array(boxes.xyxy).reshape(-1, 4).tolist()
    labels = [int(label) for label in to_array(boxes.labels).tolist()] if len(boxes.labels) else [0] * len(corners)
    scores = None if boxes.scores is None else [float(score) for score in to_array(boxes.scores).tolist()]
    found = []
    for index, (x1, y1, x2, y2) in enumerate(corners):
        label = labels[index]
        box = {'position': {'minX': x1, 'minY': y1, 'maxX': x2, 'maxY': y2}, 'domain': 'pixel', 'class_id': label,
               'box_caption': boxes.captions[index] if boxes.captions else names.get(label, str(label))}
        if scores is not None:
            box['scores'] = {'score': scores[index]}
        found.append(box)
    return found


def _mask(mask: Any, names: Mapping[int, str]) -> dict[str, Any]:
    array = to_array(mask).astype('uint8')
    return {'mask_data': array, **_labels(names, sorted({int(number) for number in array.ravel()} - {0}))}


def _labels(names: Mapping[int, str], used: Any) -> dict[str, Any]:
    """Name every class: the platform refuses a layer that has a class without a name."""
    return {'class_labels': {**{int(number): str(int(number)) for number in to_array(used).ravel()}, **names}}


def page(wandb: Any, text: str, format: str) -> Any:
    """Make a page of a text; Markdown is shown as it is written."""
    return wandb.Html(text if format == 'html' else f'<pre>{html.escape(text)}</pre>')


def figure(wandb: Any, value: Any) -> Any:
    """Make an image of a figure of matplotlib, and an interactive plot or a page of any other."""
    if type(value).__module__.startswith('plotly'):
        return wandb.Plotly(value)
    found = figure_as_html(value)
    return wandb.Image(figure_as_image(value)) if found is None else wandb.Html(found)


def cell(wandb: Any, value: Any) -> Any:
    """Make a cell of a table: a picture as an image, what has no plain form as text."""
    picture = as_picture(value)
    if picture is not None:
        return image(wandb, picture)
    plain = to_plain(value)
    return plain if plain is None or isinstance(plain, (bool, int, float, str)) else str(plain)


def pictures_of(wandb: Any, name: str, table: Any) -> dict[tuple[str, int, str], Any]:
    """Find the images of a table by its name, their row and their column."""
    return {(name, row, column): value for row, cells in enumerate(table.data)
            for column, value in zip(table.columns, cells, strict=True) if isinstance(value, wandb.Image)}


def artifact_name(name: str) -> str:
    """Exchange what the platform does not take in the name of an artifact."""
    return re.sub(r'[^\w.-]+', '-', name)
