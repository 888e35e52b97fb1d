"""The drawing methods of a visualizer: shapes, texts and masks over an image."""
from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmengine.visualization.drawing import featmap as featmaps
from mmengine.visualization.drawing import shapes
from mmengine.visualization.drawing.canvas import Canvas
from mmengine.visualization.drawing.checks import as_array, as_rows, check_length, check_type, require, value2list
from mmengine.visualization.drawing.colors import blend, color_str2rgb
from mmengine.visualization.values import Image, to_array, to_rgb

Self = TypeVar('Self', bound='Painter')


class Painter:
    """Holds an image and draws on it; every `draw_*` returns the object itself, so that calls can be chained.

    Colours are names or letters of matplotlib or tuples of 0..255, one for all or a list with one each. What there is
    one of per shape, such as a line width, may be a list as well.

    Args:
        image: The image to draw on, height x width (x channels), RGB.
        fig_save_cfg: Arguments of the figure that is drawn on.
    """

    def __init__(self, image: Any = None, fig_save_cfg: Mapping[str, Any] | None = None) -> None:
        self.fig_save_cfg = dict(frameon=False) if fig_save_cfg is None else fig_save_cfg
        self._figure: Canvas | None = None
        self._image: Any = None
        self._is_shown = False  # whether the figure has the image, and whatever was drawn on it
        self.width = 0
        self.height = 0
        self._default_font_size: float = 10
        if image is not None:
            self.set_image(image)

    # The image and the figure

    def set_image(self, image: Any) -> None:
        """Take an image to draw on, and forget what was drawn before."""
        require(image is not None, 'image should be given, but got None')
        self._image = to_array(image).astype(np.uint8)
        self.height, self.width = self._image.shape[:2]
        self._default_font_size = max(float(np.sqrt(self.height * self.width)) // 90, 10)
        self._is_shown = False

    def get_image(self) -> Image:
        """Give the image with all that was drawn on it, RGB."""
        require(self._image is not None, 'Please set an image with `set_image` first')
        if not self._is_shown:
            image: Image = to_rgb(self._image).copy()
            return image
        return self._canvas().render()

    def _canvas(self) -> Canvas:
        """Give the figure to draw on, with the image in it; the first call imports matplotlib."""
        if self._figure is None:
            self._figure = Canvas(self.fig_save_cfg)
        if not self._is_shown and self._image is not None:
            self._figure.show(to_rgb(self._image))
            self._is_shown = True
        return self._figure

    @property
    def ax_save(self) -> Any:
        """The axes of matplotlib to draw on directly."""
        return self._canvas().axes

    @ax_save.setter
    def ax_save(self, axes: Any) -> None:
        self._canvas().axes = axes

    @property
    def fig_save(self) -> Any:
        """The figure of matplotlib."""
        return self._canvas().figure

    @fig_save.setter
    def fig_save(self, figure: Any) -> None:
        self._canvas().figure = figure

    @property
    def fig_save_canvas(self) -> Any:
        """The canvas of the figure, which renders it."""
        return self._canvas().canvas

    @fig_save_canvas.setter
    def fig_save_canvas(self, canvas: Any) -> None:
        self._canvas().canvas = canvas

    @property
    def dpi(self) -> float:
        """Dots per inch of the figure."""
        return float(self.fig_save.get_dpi())

    # Checks

    def _is_posion_valid(self, position: NDArray[Any]) -> bool:
        """Tell whether all positions `x, y` are inside the image."""
        limits = np.array([self.width, self.height])
        return bool(((position >= 0) & (position < limits)).all())

    def _warn_outside(self, what: str, positions: NDArray[Any]) -> None:
        if not self._is_posion_valid(positions):
            warnings.warn(f'Warning: The {what} is out of bounds, the drawn {what} may not be in the image',
                          UserWarning, stacklevel=3)

    def _outline(self, edge_colors: Any, line_styles: Any, line_widths: Any, face_colors: Any,
                 alpha: Any) -> shapes.Outline:
        return shapes.Outline(edge_colors, line_styles, line_widths, face_colors, alpha,
                              widest=self._default_font_size / 4)

    # Drawing

    def draw_points(self: Self, positions: Any, colors: Any = 'g', marker: str | None = None,
                    sizes: Any = None) -> Self:
        """Draw points.

        Args:
            positions: (N, 2) or (2,): x, y.
            colors: Their colours.
            marker: A marker of matplotlib.
            sizes: Their areas in points squared.
        """
        places = as_rows('positions', positions, 2)
        shapes.points(self.ax_save, places, colors, marker, sizes)
        return self

    def draw_texts(self: Self, texts: str | list[str], positions: Any, font_sizes: Any = None, colors: Any = 'g',
                   vertical_alignments: Any = 'top', horizontal_alignments: Any = 'left',
                   font_families: Any = 'sans-serif', bboxes: dict[str, Any] | list[dict[str, Any]] | None = None,
                   font_properties: Any = None) -> Self:
        """Write texts.

        Args:
            texts: One or several.
            positions: (N, 2) or (2,): x, y.
            font_sizes: In points; by default according to the size of the image.
            colors: Their colours.
            vertical_alignments: 'center', 'top', 'bottom' or 'baseline'.
            horizontal_alignments: 'center', 'right' or 'left'.
            font_families: Family or families of fonts.
            bboxes: The boxes around the texts, as arguments of matplotlib's `FancyBboxPatch`.
            font_properties: Fonts as `matplotlib.font_manager.FontProperties`, for other scripts than Latin.
        """
        check_type('texts', texts, (str, list))
        words = [texts] if isinstance(texts, str) else texts
        places = as_rows('positions', positions, 2)
        require(len(places) == len(words), f'There should be one position per text, but got {len(places)} positions '
                f'for {len(words)} texts')
        self._warn_outside('text', places)
        sizes = self._default_font_size if font_sizes is None else font_sizes
        shapes.texts(self.ax_save, words, places, size=sizes, colors=colors, va=vertical_alignments,
                     ha=horizontal_alignments, family=font_families, bbox=bboxes, fontproperties=font_properties)
        return self

    def draw_lines(self: Self, x_datas: Any, y_datas: Any, colors: Any = 'g', line_styles: Any = '-',
                   line_widths: Any = 2) -> Self:
        """Draw lines.

        Args:
            x_datas: (N, 2) or (2,): x of both ends.
            y_datas: (N, 2) or (2,): y of both ends.
            colors: Their colours.
            line_styles: Styles of matplotlib, such as '-' or '--'.
            line_widths: Widths in points.
        """
        x, y = as_rows('x_datas', x_datas, 2), as_rows('y_datas', y_datas, 2)
        require(x.shape == y.shape, f'x_datas and y_datas should be of one shape, but got {x.shape} and {y.shape}')
        segments = np.stack([x, y], axis=-1)
        self._warn_outside('line', segments)
        shapes.lines(self.ax_save, segments, colors, line_styles, line_widths)
        return self

    def draw_circles(self: Self, center: Any, radius: Any, edge_colors: Any = 'g', line_styles: Any = '-',
                     line_widths: Any = 2, face_colors: Any = 'none', alpha: Any = 0.8) -> Self:
        """Draw circles.

        Args:
            center: (N, 2) or (2,): x, y.
            radius: (N,) radii.
            edge_colors: Colours of the lines.
            line_styles: Styles of the lines.
            line_widths: Widths of the lines in points.
            face_colors: Colours inside, or 'none'.
            alpha: How opaque they are, 0..1.
        """
        radii = as_array('radius', radius).reshape(-1)
        centers = as_rows('center', center, 2)
        require(len(centers) == len(radii), f'There should be one radius per center, but got {len(radii)} radii for '
                f'{len(centers)} centers')
        reach = radii[:, None]
        self._warn_outside('circle', np.concatenate([centers - reach, centers + reach]))
        style = self._outline(edge_colors, line_styles, line_widths, face_colors, alpha)
        shapes.circles(self.ax_save, centers, radii, style)
        return self

    def draw_bboxes(self: Self, bboxes: Any, edge_colors: Any = 'g', line_styles: Any = '-', line_widths: Any = 2,
                    face_colors: Any = 'none', alpha: Any = 0.8) -> Self:
        """Draw boxes.

        Args:
            bboxes: (N, 4) or (4,): x1, y1, x2, y2.
            edge_colors: Colours of the lines.
            line_styles: Styles of the lines.
            line_widths: Widths of the lines in points.
            face_colors: Colours inside, or 'none'.
            alpha: How opaque they are, 0..1.
        """
        boxes = as_rows('bboxes', bboxes, 4)
        require(bool((boxes[:, :2] <= boxes[:, 2:]).all()), 'A box should have x1 <= x2 and y1 <= y2, but got '
                f'{boxes[(boxes[:, :2] > boxes[:, 2:]).any(axis=1)].tolist()}')
        self._warn_outside('bbox', boxes.reshape(-1, 2))
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        style = self._outline(edge_colors, line_styles, line_widths, face_colors, alpha)
        shapes.polygons(self.ax_save, list(corners), style)
        return self

    def draw_polygons(self: Self, polygons: Any, edge_colors: Any = 'g', line_styles: Any = '-', line_widths: Any = 2,
                      face_colors: Any = 'none', alpha: Any = 0.8) -> Self:
        """Draw polygons.

        Args:
            polygons: (M, 2) corners x, y of one; or a list of such.
            edge_colors: Colours of the lines.
            line_styles: Styles of the lines.
            line_widths: Widths of the lines in points.
            face_colors: Colours inside, or 'none'.
            alpha: How opaque they are, 0..1.
        """
        every = polygons if isinstance(polygons, list) else [polygons]
        outlines = [as_array('polygons', polygon) for polygon in every]
        for outline in outlines:
            require(outline.ndim == 2 and outline.shape[1] == 2,
                    f'The shape of a polygon in `polygons` should be (M, 2), but got {outline.shape}')
            self._warn_outside('polygon', outline)
        style = self._outline(edge_colors, line_styles, line_widths, face_colors, alpha)
        shapes.polygons(self.ax_save, outlines, style)
        return self

    def draw_binary_masks(self: Self, binary_masks: Any, colors: Any = 'g', alphas: Any = 0.8) -> Self:
        """Colour the pixels of masks.

        Args:
            binary_masks: (N, H, W) or (H, W) of bool.
            colors: Their colours.
            alphas: How opaque they are, 0..1.
        """
        masks = as_array('binary_masks', binary_masks)
        require(masks.dtype == np.bool_, f'The dtype of binary_masks should be bool, but got {masks.dtype}')
        masks = masks[None] if masks.ndim == 2 else masks
        image = self.get_image()
        require(masks.ndim == 3 and masks.shape[1:] == image.shape[:2], 'binary_masks should have the height and '
                f'width of the image, {image.shape[:2]}, but got {masks.shape}')
        check_type('alphas', alphas, (int, float, list))
        check_length('alphas', alphas, len(masks))
        for mask, color, alpha in zip(masks, _mask_colors(colors, len(masks)),
                                      value2list(alphas, (int, float), len(masks)), strict=False):
            image[mask] = blend(image[mask], np.asarray(color), alpha)
        self._canvas().lay(image, interpolation='nearest')
        return self

    @staticmethod
    def draw_featmap(featmap: Any, overlaid_image: Image | None = None, channel_reduction: str | None = 'squeeze_mean',
                     topk: int = 20, arrangement: tuple[int, int] = (4, 5),
                     resize_shape: tuple[int, int] | None = None, alpha: float = 0.5) -> Image:
        """Draw a feature map as a heat map.

        - With `channel_reduction` all channels become one: 'squeeze_mean' takes their mean, 'select_max' the one of
          the largest sum.
        - Without it the `topk` channels of the largest sums are drawn side by side, as `arrangement` says.
        - With `topk` 0 or less too, a map of 1 or 3 channels is drawn as it is.

        Args:
            featmap: A tensor of channels x height x width.
            overlaid_image: The image to lay the map over, RGB.
            channel_reduction: 'squeeze_mean', 'select_max' or None.
            topk: How many channels are drawn.
            arrangement: Rows and columns of the drawing.
            resize_shape: Height and width to resize map and image to.
            alpha: Share of the image that the map takes.

        Returns:
            The picture, RGB.
        """
        return featmaps.draw_featmap(featmap, overlaid_image, channel_reduction, topk, arrangement, resize_shape, alpha)


def _mask_colors(colors: Any, count: int) -> list[Any]:
    """Give one RGB colour, 0..255, per mask."""
    check_type('colors', colors, (str, tuple, list, np.ndarray))
    if isinstance(colors, np.ndarray):
        colors = [tuple(color) for color in colors] if colors.ndim == 2 else tuple(colors)
    check_length('colors', colors, count)
    every = value2list(colors, (str, tuple), count)
    result = [color_str2rgb(color) if isinstance(color, str) else tuple(color) for color in every]
    for color in result:
        require(len(color) == 3 and all(0 <= channel <= 255 for channel in color),
                f'A colour should have three channels of 0..255, but got {color!r}')
    return result[:count]
