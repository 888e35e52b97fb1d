"""The figure that a visualizer draws on, made when something is drawn for the first time."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmengine.visualization.values import Image


def img_from_canvas(canvas: Any) -> Image:
    """Render a canvas of matplotlib to height x width x RGB."""
    buffer, (width, height) = canvas.print_to_buffer()
    image: Image = np.frombuffer(buffer, dtype=np.uint8).reshape(height, width, 4)[:, :, :3].copy()
    return image


def make_figure(config: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Make a figure without margins that belongs to no window.

    Returns:
        Its canvas, the figure, and its only axes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(**config)
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    axes.axis(False)
    return FigureCanvasAgg(figure), figure, axes


def fit(figure: Any, height: int, width: int, **spaces: float) -> None:
    """Give a figure, without margins, a size in pixels."""
    dpi = figure.get_dpi()
    # A hair more than the size, since matplotlib rounds the product of inches and dots down; and axes a hair less
    # than the size, since some versions round that up and then resample the image to the pixel too much.
    figure.set_size_inches((width + 1e-2) / dpi, (height + 1e-2) / dpi)
    figure.subplots_adjust(left=0, right=width / (width + 1e-2) - 1e-9, bottom=0,
                           top=height / (height + 1e-2) - 1e-9, **spaces)


class Canvas:
    """A figure of exactly one pixel for each pixel of the image below it.

    Args:
        config: Arguments of `matplotlib.figure.Figure`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.canvas, self.figure, self.axes = make_figure(config)

    def show(self, image: Image) -> None:
        """Start over with an image."""
        height, width = image.shape[:2]
        fit(self.figure, height, width)
        self.axes.cla()
        self.axes.axis(False)
        self.lay(image, interpolation='none')

    def lay(self, image: Image, interpolation: str) -> None:
        """Put an image over what is there, pixel on pixel."""
        height, width = image.shape[:2]
        self.axes.imshow(image, extent=(0, width, height, 0), interpolation=interpolation)

    def render(self) -> Image:
        """Give what is drawn as an array."""
        return img_from_canvas(self.canvas)
