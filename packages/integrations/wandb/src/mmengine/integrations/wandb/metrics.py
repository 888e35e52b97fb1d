"""How the platform sums up and draws series, from the forms in which configs say it."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_GOALS = {'maximize': 'max', 'minimize': 'min', 'max': 'max', 'min': 'min'}


def metric_definitions(given: Mapping[str, str] | Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Give the arguments of `define_metric` for each series.

    Args:
        given: Summaries by name, such as `{'val/acc': 'max'}`, or a list of arguments; `goal` in them, which the
            client has given up, becomes the summary.

    Raises:
        TypeError: It is neither.
    """
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [{'name': name, 'summary': summary} for name, summary in given.items()]
    if not all(isinstance(item, Mapping) and 'name' in item for item in given):
        raise TypeError("define_metric_cfg should be a dict such as {'val/acc': 'max'}, or a list of dicts with the "
                        f"key 'name', but got {given!r}")
    return [_without_goal(dict(item)) for item in given]


def _without_goal(definition: dict[str, Any]) -> dict[str, Any]:
    goal = definition.pop('goal', None)
    if goal is not None:
        definition.setdefault('summary', _GOALS.get(goal, goal))
    return definition
