"""Shapes and texts put on the axes of a figure."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from mmengine.visualization.drawing.checks import check_length, check_type, check_type_and_length, value2list
from mmengine.visualization.drawing.colors import color_val_matplotlib


@dataclass(frozen=True)
class Outline:
    """How closed shapes look; each field for all of them, or a list with one for each."""

    edge_colors: Any
    line_styles: Any
    line_widths: Any
    face_colors: Any
    alpha: Any
    widest: float

    def arguments(self, count: int) -> dict[str, Any]:
        """Check the fields against the number of shapes, and give them as arguments of a collection."""
        check_type_and_length('edge_colors', self.edge_colors, (str, tuple, list), count)
        check_type_and_length('line_styles', self.line_styles, (str, list), count)
        check_type_and_length('line_widths', self.line_widths, (int, float, list), count)
        check_type_and_length('face_colors', self.face_colors, (str, tuple, list), count)
        check_type_and_length('alpha', self.alpha, (int, float, list), count)
        # Thin lines vanish, and lines thicker than this hide small objects.
        widths = [min(max(width, 1), self.widest) for width in value2list(self.line_widths, (int, float), count)]
        alphas = value2list(self.alpha, (int, float), count)
        return dict(edgecolors=_with_alpha(self.edge_colors, alphas), linestyles=self.line_styles, linewidths=widths,
                    facecolors=_with_alpha(self.face_colors, alphas))


def _with_alpha(colors: Any, alphas: Sequence[float]) -> list[Any]:
    """Give each shape its colour with its opacity; matplotlib before 3.9 makes black of 'none' in a list."""
    from matplotlib.colors import to_rgba
    every = _each(color_val_matplotlib(colors), len(alphas))
    return [color if color == 'none' else to_rgba(color, alpha)
            for color, alpha in zip(every, alphas, strict=False)]


def points(axes: Any, places: NDArray[Any], colors: Any, marker: str | None, sizes: Any) -> None:
    """Draw points."""
    check_type_and_length('colors', colors, (str, tuple, list), len(places))
    color = color_val_matplotlib(colors)
    axes.scatter(places[:, 0], places[:, 1], c=[color] if isinstance(color, tuple) else color, s=sizes, marker=marker)


def texts(axes: Any, words: Sequence[str], places: NDArray[Any], size: Any, colors: Any, **styles: Any) -> None:
    """Write texts; every style is one for all, or a list."""
    count = len(words)
    check_type_and_length('font_sizes', size, (int, float, list), count)
    check_type_and_length('colors', colors, (str, tuple, list), count)
    every: dict[str, list[Any]] = {'color': _each(color_val_matplotlib(colors), count), 'size': _each(size, count)}
    for name, style in styles.items():
        check_length(name, style, count)
        every[name] = _each(style, count)
    for index, (text, (x, y)) in enumerate(zip(words, places.tolist(), strict=True)):
        chosen = {name: values[index] for name, values in every.items() if values[index] is not None}
        axes.text(x, y, text, **chosen)


def _each(style: Any, count: int) -> list[Any]:
    return style if isinstance(style, list) else [style] * count


def lines(axes: Any, segments: NDArray[Any], colors: Any, line_styles: Any, line_widths: Any) -> None:
    """Draw straight lines."""
    from matplotlib.collections import LineCollection
    check_type_and_length('colors', colors, (str, tuple, list), len(segments))
    check_type_and_length('line_styles', line_styles, (str, list), len(segments))
    check_type('line_widths', line_widths, (int, float, list))
    check_length('line_widths', line_widths, len(segments))
    axes.add_collection(LineCollection(list(segments), colors=color_val_matplotlib(colors), linestyles=line_styles,
                                       linewidths=line_widths))


def circles(axes: Any, centers: NDArray[Any], radii: NDArray[Any], style: Outline) -> None:
    """Draw circles."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Circle
    patches = [Circle((x, y), radius) for (x, y), radius in zip(centers.tolist(), radii.tolist(), strict=True)]
    axes.add_collection(PatchCollection(patches, **style.arguments(len(patches))))


def polygons(axes: Any, outlines: Sequence[NDArray[Any]], style: Outline) -> None:
    """Draw polygons."""
    from matplotlib.collections import PolyCollection
    axes.add_collection(PolyCollection(outlines, **style.arguments(len(outlines))))
