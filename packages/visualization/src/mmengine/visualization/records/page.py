"""Curves of runs as one HTML page that needs nothing else: no network, no other file."""
from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files

from mmengine.visualization.records.pictures import COLORS
from mmengine.visualization.records.runs import Run

#: How many points of a series the page holds; a screen has fewer columns.
_POINTS = 2000


def curves_page(runs: Mapping[str, Run], names: Sequence[str], title: str = 'Runs') -> str:
    """Make a page with a chart for each name, and a line in it for each run.

    The page shows values below the pointer, hides and shows runs and charts, smooths, and has a logarithmic axis.

    Args:
        runs: The runs by the names that the page gives them.
        names: What to draw.
        title: Title of the page.
    """
    data = {
        'runs': [{'name': name, 'color': COLORS[index % len(COLORS)], 'status': run.status}
                 for index, (name, run) in enumerate(runs.items())],
        'charts': [{'name': name, 'lines': [_points(run, name) for run in runs.values()]} for name in names],
    }
    # `<` could end the element that holds the data, whatever a run is called.
    text = json.dumps(data, separators=(',', ':')).replace('<', '\\u003c')
    template = files('mmengine.visualization.records').joinpath('page.html').read_text(encoding='utf-8')
    return template.replace('{{title}}', html.escape(title)).replace('{{data}}', text)


def _points(run: Run, name: str) -> dict[str, list[float | None]] | None:
    series = run.series.get(name)
    if series is None:
        return None
    kept = series.thinned(_POINTS)
    return {'x': list(kept.steps), 'y': [value if math.isfinite(value) else None for value in kept.values]}
