"""When to validate: every so often, from a beginning on, with intervals that change on the way."""
from __future__ import annotations

import bisect
from collections.abc import Sequence


class ValInterval:
    """Tells whether a number of finished epochs (or iterations) is one to validate after.

    Args:
        interval: Validate after each so many.
        maximum: The last epoch or iteration, which is always validated.
        dynamic: Pairs of a beginning and the interval from there on.
    """

    def __init__(self, interval: float, maximum: int, dynamic: Sequence[tuple[int, float]] | None = None) -> None:
        self.maximum = maximum
        milestones = sorted(dynamic or [], key=lambda pair: pair[0])
        self._milestones = [0, *(start for start, _ in milestones)]
        self._intervals = [interval, *(value for _, value in milestones)]

    @property
    def is_dynamic(self) -> bool:
        """Whether the interval changes on the way."""
        return len(self._intervals) > 1

    def at(self, done: int) -> float:
        """Give the interval that holds after `done` epochs (or iterations)."""
        return self._intervals[bisect.bisect(self._milestones, done) - 1]

    def is_due(self, done: int, interval: float, begin: int) -> bool:
        """Tell whether to validate after `done` epochs (or iterations).

        Args:
            done: Finished epochs (or iterations).
            interval: The interval that holds.
            begin: Validate from this number on.
        """
        return done >= begin and (done % interval == 0 or done == self.maximum)
