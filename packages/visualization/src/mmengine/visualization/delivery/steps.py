"""One axis of steps: where a record lies on it, and what becomes of steps that a tracker would refuse."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Where the step stands among the positional arguments of a method, after those that say what is recorded.
STEP_AT = {'add_scalar': 2, 'add_scalars': 1, 'add_image': 2, 'add_images': 2, 'add_picture': 2, 'add_table': 3,
           'add_curve': 3, 'add_histogram': 2, 'add_text': 2, 'add_figure': 2}


@dataclass(frozen=True)
class Position:
    """Where a run is: how many training iterations and epochs it has completed."""

    iteration: int
    epoch: int | None = None

    def series(self) -> dict[str, int]:
        """Give iteration and epoch as series of their own, under the names that training iterations have them."""
        return {'iter': self.iteration} if self.epoch is None else {'epoch': self.epoch, 'iter': self.iteration}


def put_at(position: Position, method: str, args: tuple[Any, ...],
           kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Move a record to a position, and let numbers be accompanied by the series of epoch and iteration."""
    if method == 'add_scalars':
        args = ({**position.series(), **args[0]}, *args[1:])
    return with_step(position.iteration, method, args, kwargs)


def with_step(step: int, method: str, args: tuple[Any, ...],
              kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Exchange the step of a call; a method without one stays as it is."""
    place = STEP_AT.get(method)
    if place is not None and place < len(args):
        return (*args[:place], step, *args[place + 1:]), kwargs
    return args, {**kwargs, 'step': step} if 'step' in kwargs else kwargs


class Order:
    """Raises the steps that a tracker would refuse or silently drop.

    Args:
        rule: 'run' or 'name'; see `BaseVisBackend.step_order`.
    """

    def __init__(self, rule: str) -> None:
        if rule not in ('run', 'name'):
            raise ValueError(f"step_order should be 'any', 'run' or 'name', but got {rule!r}")
        self._by_name = rule == 'name'
        self._last: dict[str, int] = {}

    def place(self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
        """Note the step of a call.

        Returns:
            The step to take instead; None if the given one will do.
        """
        at = STEP_AT.get(method)
        step = kwargs.get('step') if at is None or at >= len(args) else args[at]
        if step is None:
            return None
        if not self._by_name:
            names = ['']
        else:
            names = list(args[0]) if method == 'add_scalars' else [args[0]]
        least = max((self._last[name] + self._by_name for name in names if name in self._last), default=step)
        placed = max(step, least)
        for name in names:
            self._last[name] = placed
        return None if placed == step else placed

    def forget(self) -> None:
        """Start over with another run of the tracker."""
        self._last.clear()
