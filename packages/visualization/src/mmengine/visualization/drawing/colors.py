"""Colours as callers write them, as matplotlib wants them, and as numbers."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmengine.visualization.values import Image

#: The single letters and the names that need no look-up in matplotlib.
BASIC = {'r': (255, 0, 0), 'g': (0, 128, 0), 'b': (0, 0, 255), 'y': (191, 191, 0), 'c': (0, 191, 191),
         'm': (191, 0, 191), 'k': (0, 0, 0), 'w': (255, 255, 255), 'red': (255, 0, 0), 'green': (0, 128, 0),
         'blue': (0, 0, 255), 'black': (0, 0, 0), 'white': (255, 255, 255)}


def color_val_matplotlib(colors: Any) -> Any:
    """Make what matplotlib takes of a colour: a name, or a tuple of 0..255; or a list of them."""
    if isinstance(colors, str):
        return colors
    if isinstance(colors, tuple):
        if len(colors) != 3:
            raise AssertionError(f'A colour should have three channels, but got {colors!r}')
        if not all(0 <= channel <= 255 for channel in colors):
            raise AssertionError(f'The channels of a colour should be within 0..255, but got {colors!r}')
        return tuple(channel / 255 for channel in colors)
    if isinstance(colors, list):
        return [color_val_matplotlib(color) for color in colors]
    raise TypeError(f'A colour should be a str, a tuple or a list of them, but got {type(colors)}')


def color_str2rgb(color: str) -> tuple[int, int, int]:
    """Give the channels, 0..255, of a colour by any name that matplotlib knows."""
    if color in BASIC:
        return BASIC[color]
    from matplotlib.colors import to_rgb
    red, green, blue = to_rgb(color)
    return int(red * 255), int(green * 255), int(blue * 255)


def _jet() -> Image:
    """Make the colour scale of blue over green and yellow to red, as OpenCV has it."""
    x = np.arange(256) / 255 * 4
    channels = [np.clip(np.minimum(x - low, high - x), 0, 1) for low, high in ((1.5, 4.5), (0.5, 3.5), (-0.5, 2.5))]
    scale: Image = np.rint(np.stack(channels, axis=1) * 255).astype(np.uint8)
    return scale


JET = _jet()


def blend(first: NDArray[Any], second: NDArray[Any], weight: float) -> Image:
    """Mix two pictures, `weight` being the share of the second."""
    mixed = first.astype(np.float32) * (1 - weight) + second.astype(np.float32) * weight
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
