"""Feature maps as heat maps, alone or over the image they were computed from."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmengine.visualization.drawing.canvas import fit, img_from_canvas
from mmengine.visualization.drawing.checks import require, tensor2ndarray
from mmengine.visualization.drawing.colors import JET, blend
from mmengine.visualization.values import Image, is_tensor, to_array, to_rgb

REDUCTIONS = ('squeeze_mean', 'select_max')


def convert_overlay_heatmap(feat_map: Any, img: Image | None = None, alpha: float = 0.5) -> Image:
    """Colour a map of one channel, or the mean brightness of three, by its values, and lay it over an image.

    Args:
        feat_map: Height x width, or 1 or 3 channels x height x width; an array or a tensor.
        img: The image to lay it over, RGB.
        alpha: Share of the image that the map takes.
    """
    values = np.asarray(tensor2ndarray(feat_map), dtype=np.float64)
    require(values.ndim == 2 or (values.ndim == 3 and values.shape[0] in (1, 3)),
            f'A feature map should be (H, W), (1, H, W) or (3, H, W), but got {values.shape}')
    low, high = values.min(), values.max()
    span = high - low
    scaled = ((values - low) * (255 / span if span > 0 else 0)).astype(np.uint8)
    if scaled.ndim == 3:
        scaled = scaled[0] if len(scaled) == 1 else _brightness(scaled)
    heat: Image = JET[scaled]
    return heat if img is None else blend(img, heat, alpha)


def _brightness(channels: Image) -> Image:
    weights = np.array([0.114, 0.587, 0.299])  # of blue, green and red light
    return np.rint(np.tensordot(weights, channels.astype(np.float64), axes=1)).astype(np.uint8)


def resize_bilinear(image: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    """Resize the last two axes to `size` (height, width); centres of pixels are aligned, borders repeated."""
    result = np.asarray(image, dtype=np.float64)
    for axis, length in ((-2, size[0]), (-1, size[1])):
        old = result.shape[axis]
        if old == length:
            continue
        place = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        left = np.floor(place).astype(int)
        share = (place - left).reshape(-1, *([1] * (-1 - axis)))
        right = np.minimum(left + 1, old - 1)
        result = np.take(result, left, axis) * (1 - share) + np.take(result, right, axis) * share
    return result


def draw_featmap(featmap: Any, overlaid_image: Image | None, channel_reduction: str | None, topk: int,
                 arrangement: tuple[int, int], resize_shape: tuple[int, int] | None, alpha: float) -> Image:
    """Draw a feature map of channels x height x width; see `Visualizer.draw_featmap`."""
    require(is_tensor(featmap), f'`featmap` should be torch.Tensor, but got {type(featmap)}')
    require(featmap.ndim == 3, f'Input dimension must be 3, but got {featmap.ndim}')
    maps, image = _to_one_size(to_array(featmap), overlaid_image, resize_shape)
    if channel_reduction is not None:
        require(channel_reduction in REDUCTIONS,
                f'Mode only support "squeeze_mean", "select_max", but got {channel_reduction}')
        reduced = maps.mean(axis=0) if channel_reduction == 'squeeze_mean' else maps[_strongest(maps, 1)[0]]
        return convert_overlay_heatmap(reduced, image, alpha)
    if topk <= 0:
        require(len(maps) in (1, 3),
                'The input tensor channel dimension must be 1 or 3 when topk is less than 1, but the channel '
                f'dimension you input is {len(maps)}, you can use the channel_reduction parameter or set topk '
                'greater than 0 to solve the error')
        return convert_overlay_heatmap(maps, image, alpha)
    row, col = arrangement
    require(row * col >= topk, 'The product of row and col in the `arrangement` is less than topk, please set the '
            '`arrangement` correctly')
    return _draw_grid(maps, _strongest(maps, topk), image, row, col, alpha)


def _to_one_size(maps: NDArray[Any], image: Image | None,
                 size: tuple[int, int] | None) -> tuple[NDArray[Any], Image | None]:
    if image is not None:
        image = to_rgb(image)
        if image.shape[:2] != maps.shape[1:]:
            warnings.warn(f'Since the spatial dimensions of overlaid_image: {image.shape[:2]} and featmap: '
                          f'{maps.shape[1:]} are not same, the feature map will be interpolated. This may cause '
                          'mismatch problems !', stacklevel=4)
            size = size or (image.shape[0], image.shape[1])
    if size is not None:
        maps = resize_bilinear(maps, size)
        if image is not None:
            resized = resize_bilinear(image.transpose(2, 0, 1), size).transpose(1, 2, 0)
            image = np.rint(resized).astype(np.uint8)
    return maps, image


def _strongest(maps: NDArray[Any], count: int) -> NDArray[Any]:
    """Find the channels of the largest sums, largest first."""
    sums = maps.sum(axis=(1, 2))
    return np.argsort(-sums, kind='stable')[:count]


def _draw_grid(maps: NDArray[Any], channels: NDArray[Any], image: Image | None, rows: int, columns: int,
               alpha: float) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    height, width = maps.shape[1:]
    figure = Figure(frameon=False)
    canvas = FigureCanvasAgg(figure)
    fit(figure, height * rows, width * columns, wspace=0, hspace=0)
    for index, channel in enumerate(channels.tolist()):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.axis('off')
        axes.text(2, 15, f'channel: {channel}', fontsize=10)
        axes.imshow(convert_overlay_heatmap(maps[channel], image, alpha))
    return img_from_canvas(canvas)
