"""Curves of runs as a PNG."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from mmengine.visualization.records.runs import Run

#: Colours that people with any sight tell apart, in the order of the runs.
COLORS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000')


def draw_curves(runs: Mapping[str, Run], names: Sequence[str], file: str | os.PathLike[str], log: bool = False) -> None:
    """Draw a chart for each name, with a line for each run.

    Args:
        runs: The runs by the names that the legend gives them.
        names: What to draw.
        file: The file to write.
        log: Whether the axis of the values is logarithmic.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # both take long to import
    from matplotlib.figure import Figure
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(5 * columns, 3.2 * rows + 0.4), layout='constrained')
    charts = figure.subplots(rows, columns, squeeze=False).flat
    for chart, name in zip(charts, names, strict=False):
        for index, (label, run) in enumerate(runs.items()):
            series = run.series.get(name)
            if series is not None:
                chart.plot(series.steps, series.values, label=label, color=COLORS[index % len(COLORS)], linewidth=1.2,
                           marker='o' if len(series.steps) < 15 else None, markersize=3)
        chart.set_title(name, fontsize=10)
        chart.grid(alpha=0.3)
        if log:
            chart.set_yscale('log')
    for chart in charts:
        chart.set_axis_off()
    if len(runs) > 1:
        handles = {label: line for chart in figure.axes for line, label in zip(*chart.get_legend_handles_labels(),
                                                                             strict=True)}
        figure.legend(handles.values(), handles.keys(), loc='outside upper center', ncols=min(len(handles), 4),
                      fontsize=9)
    FigureCanvasAgg(figure)
    figure.savefig(file, format='png', dpi=110)
