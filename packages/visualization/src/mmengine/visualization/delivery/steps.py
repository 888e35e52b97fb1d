"""One axis of steps: where a record lies on it, and what becomes of steps that a tracker would refuse."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

#: What records numbers: a run has many of these calls, and few of all others.
NUMBERS = frozenset({'add_scalar', 'add_scalars'})
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


#: The arguments of one call.
Given: TypeAlias = tuple[tuple[Any, ...], Mapping[str, Any]]


def step_of(method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
    """Give the step of a call; None if it has none."""
    place = STEP_AT.get(method)
    return kwargs.get('step') if place is None or place >= len(args) else args[place]


def with_step(step: int, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Given:
    """Exchange the step of a call; a method without one stays as it is."""
    place = STEP_AT.get(method)
    if place is not None and place < len(args):
        return (*args[:place], step, *args[place + 1:]), kwargs
    return args, {**kwargs, 'step': step} if 'step' in kwargs else kwargs


class Axis:
    """Where the records of one backend lie.

    Args:
        rule: 'any', 'run' or 'name'; see `BaseVisBackend.step_order`.
        as_given: Whether it takes the steps of callers even inside of `Visualizer.at`.
    """

    def __init__(self, rule: str, as_given: bool = False) -> None:
        if rule not in ('any', 'run', 'name'):
            raise ValueError(f"step_order should be 'any', 'run' or 'name', but got {rule!r}")
        self.rule = rule
        self.as_given = as_given
        self._last: dict[str, int] = {}

    def keeps(self, method: str, args: tuple[Any, ...]) -> bool:
        """Tell whether a call stays as it is where the position of the run is not known, and note its step."""
        if self.rule == 'any':
            return True
        place = STEP_AT.get(method)
        if self.rule == 'name' or place is None or place >= len(args) or args[place] < self._last.get('', args[place]):
            return False
        self._last[''] = args[place]
        return True

    def place(self, position: Position | None, method: str, args: tuple[Any, ...],
              kwargs: Mapping[str, Any]) -> list[Given]:
        """Put a call where it belongs: at the position of the run if that is known, and not before the last.

        Returns:
            The call to make instead, or the calls if the numbers of one have to go to different steps.
        """
        if position is not None and not self.as_given:
            args, kwargs = with_step(position.iteration, method, args, kwargs)
            if method == 'add_scalars':
                known = self._last if self.rule == 'name' else {}  # which refuses to be told twice
                series = {name: value for name, value in position.series().items()
                          if known.get(name, -1) < position.iteration}
                args = ({**series, **args[0]}, *args[1:])
        step = step_of(method, args, kwargs)
        if self.rule == 'any' or step is None:
            return [(args, kwargs)]
        if self.rule == 'name' and method == 'add_scalars':
            return self._split(step, args, kwargs)
        placed = self._raised(step, '' if self.rule == 'run' else args[0])
        return [(args, kwargs) if placed == step else with_step(placed, method, args, kwargs)]

    def _raised(self, step: int, name: str) -> int:
        last = self._last.get(name)
        if last is not None:
            step = max(step, last + (self.rule == 'name'))
        self._last[name] = step
        return step

    def _split(self, step: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Given]:
        by_step: dict[int, dict[str, Any]] = {}
        for name, value in args[0].items():
            by_step.setdefault(self._raised(step, name), {})[name] = value
        return [with_step(placed, 'add_scalars', (values, *args[1:]), kwargs) for placed, values in by_step.items()]

    def forget(self) -> None:
        """Start over with another run of the tracker."""
        self._last.clear()
