"""What the parts ask of a config, so that none of them needs the config system."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable


class Origin(NamedTuple):
    """Where a value of a config was written."""

    file: str
    line: int

    def __str__(self) -> str:
        return f'{self.file}:{self.line}'


@runtime_checkable
class ConfigLike(Protocol):
    """A nested mapping that can be read by key and printed; `Config` and `ConfigDict` are such."""

    def get(self, key: str, default: Any = None) -> Any: ...

    def __getitem__(self, key: str) -> Any: ...

    def __contains__(self, key: object) -> bool: ...

    def __iter__(self) -> Iterator[Any]: ...


@runtime_checkable
class HasOrigin(Protocol):
    """A mapping that knows where it, or one of its keys, was written."""

    def origin_of(self, key: str | None = None) -> Origin | None:
        """Tell where `key`, or the mapping as a whole, was written; `None` if it came from no file."""


def origin_of(cfg: object, key: str | None = None) -> Origin | None:
    """Tell where `cfg`, or its value at `key`, was written, for any object; `None` if that is not known.

    The class is asked and not the object: a config answers every attribute that is one of its keys.
    """
    ask = getattr(type(cfg), 'origin_of', None)
    return ask(cfg, key) if ask is not None else None
