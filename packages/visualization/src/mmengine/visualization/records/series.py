"""The numbers of a run by name: what the lines of `scalars.json` say."""
from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

#: What a line says about its place, and not about the run.
PLACES = ('step', 'iter', 'epoch')


class Series(NamedTuple):
    """One number as it went on: its values, and the iterations or steps at which they were recorded."""

    name: str
    steps: list[int]
    values: list[float]

    @property
    def finite(self) -> list[int]:
        """Positions of the values that are numbers."""
        return [index for index, value in enumerate(self.values) if math.isfinite(value)]

    def at(self, which: str) -> tuple[float, int] | None:
        """Give a value with its step; None where no value is a number.

        Args:
            which: 'last', 'min' or 'max', the earliest of those that are equal.
        """
        known = self.finite
        if not known:
            return None
        if which == 'last':
            index = known[-1]
        else:
            index = (min if which == 'min' else max)(known, key=lambda place: self.values[place])
        return self.values[index], self.steps[index]

    def thinned(self, limit: int) -> Series:
        """Leave out points until there are at most `limit`, and keep the least and the greatest of each stretch."""
        if len(self.steps) <= limit:
            return self
        width = -(-len(self.steps) * 2 // limit)
        kept: list[int] = []
        for start in range(0, len(self.steps), width):
            stretch = range(start, min(start + width, len(self.steps)))
            known = [index for index in stretch if math.isfinite(self.values[index])] or [start]
            ends = {min(known, key=lambda place: self.values[place]), max(known, key=lambda place: self.values[place])}
            kept += sorted(ends)
        return Series(self.name, [self.steps[index] for index in kept], [self.values[index] for index in kept])


def read_series(path: str | os.PathLike[str]) -> tuple[dict[str, Series], int]:
    """Read a file of scalars.

    A run of the engine counts iterations in training, and epochs in a validation: such a value is placed at the
    iteration that was recorded before it, so that all of a run lies on one axis.

    Args:
        path: The file, a line of JSON for each record.

    Returns:
        The series by name, in the order of their first values; and how many lines could not be read, such as the
        last one of a process that was killed.
    """
    found: dict[str, Series] = {}
    records, unread = _records(path)
    place: int | None = None
    for record in records:
        if _is_number(record.get('iter')):
            place = int(record['iter'])
        step = place if place is not None else record.get('step', 0)
        for name, value in record.items():
            if name not in PLACES and _is_number(value):
                series = found.setdefault(name, Series(name, [], []))
                series.steps.append(int(step) if _is_number(step) else 0)
                series.values.append(float(value))
    return found, unread


def _records(path: str | os.PathLike[str]) -> tuple[list[dict[str, Any]], int]:
    with open(path, encoding='utf-8', errors='replace') as file:
        read = [_record(line) for line in file if line.strip()]
    return [record for record in read if record is not None], read.count(None)


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def shorter(value: float) -> str:
    """Write a number with as many digits as a person compares."""
    return f'{value:.5g}'


def matching(names: Iterator[str] | list[str], patterns: tuple[str, ...]) -> list[str]:
    """Keep the names that hold one of the patterns; all of them where there is no pattern."""
    return [name for name in names if not patterns or any(one.casefold() in name.casefold() for one in patterns)]
