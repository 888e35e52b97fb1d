"""Curves as a picture, drawn without matplotlib's global state: no window, no figure that stays in memory."""
from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmengine.fileio import atomic_write

#: A curve is drawn with at most so many points: more cannot be told apart.
_MOST_POINTS = 1500
#: So many curves find room in one picture.
_MOST_PANELS = 12
_COLUMNS = 3
_MAIN, _FAINT, _BEST = '#1f5a94', '#a9c4e0', '#c2410c'


class Curve(NamedTuple):
    """A name, pairs of iteration and value, and how it is drawn.

    Attributes:
        name: What is drawn.
        points: Pairs of iteration and value.
        is_dense: Whether there is a value per iteration: then its mean over stretches is drawn on a band of its range.
        best: The best of the points, to mark.
    """

    name: str
    points: Sequence[tuple[int, float]]
    is_dense: bool = False
    best: tuple[int, float] | None = None


def draw_curves(path: str, curves: Sequence[Curve], epoch_length: float | None, title: str) -> None:
    """Draw each curve into a panel of its own.

    Args:
        path: The picture, a PNG.
        curves: The curves.
        epoch_length: Iterations per epoch, to count epochs instead of iterations.
        title: Title of the picture.
    """
    shown = curves[:_MOST_PANELS]
    columns = min(_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(4.4 * columns, 3.1 * rows + 0.4), dpi=120, layout='constrained')
    canvas = FigureCanvasAgg(figure)
    more = f' ({len(curves) - len(shown)} more metrics are not shown)' if len(curves) > len(shown) else ''
    figure.suptitle(f'{title}{more}', fontsize=9, color='#444444')
    for index, curve in enumerate(shown, 1):
        _draw(figure.add_subplot(rows, columns, index), curve, epoch_length)
    buffer = io.BytesIO()
    canvas.print_figure(buffer, format='png')
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def _draw(axes: Any, curve: Curve, epoch_length: float | None) -> None:
    scale = epoch_length or 1
    if curve.is_dense and len(curve.points) > 40:
        steps, means, lows, highs = _stretches(curve.points)
        positions = [step / scale for step in steps]
        axes.fill_between(positions, lows, highs, color=_FAINT, linewidth=0)
        axes.plot(positions, means, color=_MAIN, linewidth=1.4)
        if lows and min(lows) > 0 and max(highs) > 30 * min(means):
            axes.set_yscale('log')
    else:
        axes.plot([step / scale for step, _ in curve.points], [value for _, value in curve.points], color=_MAIN,
                  linewidth=1.4, marker='o', markersize=3)
    if curve.best is not None:
        step, value = curve.best
        axes.plot([step / scale], [value], color=_BEST, marker='o', markersize=5)
        axes.annotate(f'{value:.4g}', (step / scale, value), textcoords='offset points', xytext=(0, 6), ha='center',
                      fontsize=8, color=_BEST)
    axes.set_title(curve.name, fontsize=10)
    axes.set_xlabel('epoch' if epoch_length else 'iteration', fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_axisbelow(True)
    axes.grid(True, color='#e5e5e5', linewidth=0.6)
    axes.margins(y=0.12)
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)


def _stretches(points: Sequence[tuple[int, float]]) -> tuple[list[float], list[float], list[float], list[float]]:
    """Take mean, smallest and largest value of stretches of a long curve; what is not finite is left out."""
    # A stretch of at least eight values: the mean of less is as restless as the values.
    size = max(8, math.ceil(len(points) / _MOST_POINTS))
    steps, means, lows, highs = [], [], [], []
    for start in range(0, len(points), size):
        values = [value for _, value in points[start:start + size] if math.isfinite(value)]
        if values:
            stretch = points[start:start + size]
            steps.append((stretch[0][0] + stretch[-1][0]) / 2)
            means.append(sum(values) / len(values))
            lows.append(min(values))
            highs.append(max(values))
    return steps, means, lows, highs
