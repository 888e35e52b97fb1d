"""Pictures, figures and distributions as the platform's own objects."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from mmengine.visualization.backends.fallbacks import figure_as_html, figure_as_image
from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import Picture, to_image

#: Most bins of a distribution.
MAX_BINS = 512


def image(aim: Any, value: Any) -> Any:
    """Make an image, without loss, of a `Picture`, boxes and masks drawn in, or of an array."""
    picture = value if isinstance(value, Picture) else Picture(value)
    pixels = annotate(picture) if picture.boxes or picture.masks else to_image(picture.image)
    return aim.Image(PILImage.fromarray(np.ascontiguousarray(pixels)), caption=picture.caption or '', format='png')


def figure(aim: Any, value: Any) -> Any:
    """Make an interactive figure of one of plotly, an image of one of matplotlib, a text of any other page."""
    if type(value).__module__.startswith('plotly'):
        return aim.Figure(value)
    page = figure_as_html(value)
    return image(aim, figure_as_image(value)) if page is None else aim.Text(page)


def distribution(aim: Any, counts: NDArray[Any], edges: NDArray[Any]) -> Any:
    """Make a distribution, whose bins are all of one width on this platform and not too many."""
    borders = np.asarray(edges, np.float64)
    heights = np.asarray(counts, np.float64)
    if len(heights) > MAX_BINS or not np.allclose(np.diff(borders), np.diff(borders)[0]):
        even = np.linspace(borders[0], borders[-1], min(len(heights), MAX_BINS) + 1)
        heights = np.diff(np.interp(even, borders, np.concatenate([[0.0], np.cumsum(heights)])))
    return aim.Distribution(hist=heights, bin_range=(float(borders[0]), float(borders[-1])))
