"""The names of the fields of a data element, in the order in which they were set."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet


class FieldNames(MutableSet[str]):
    """A set of names that keeps their order.

    With a plain set the order of the fields would differ between processes, as the hashes of strings do.
    """

    __slots__ = ('_names',)

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = dict.fromkeys(names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def are_those_of(self, other: FieldNames) -> bool:
        """Tell whether another element has the same names, in whatever order."""
        return self._names.keys() == other._names.keys()

    def add(self, value: str) -> None:
        """Add a name behind the others; one that is there keeps its place."""
        self._names[value] = None

    def discard(self, value: str) -> None:
        """Remove a name if it is there."""
        self._names.pop(value, None)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({list(self._names)!r})'
