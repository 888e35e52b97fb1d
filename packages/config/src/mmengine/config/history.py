"""How a value came to be: the files and options that set it, one after the other."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from mmengine.interfaces import Origin, origin_of

#: what options are called in a history, after the usual name of the option that they come from
OPTIONS = '--cfg-options'


class Step(NamedTuple):
    """A value that a key has had, and what set it; `file` is `None` where the program did."""

    file: str | None
    line: int | None
    value: Any

    def __str__(self) -> str:
        if self.file is None:
            return 'the program'
        return self.file if self.line is None else f'{self.file}:{self.line}'


def step(origin: Origin | None, value: Any) -> Step:
    """Make a step of where a value was written."""
    return Step(None, None, value) if origin is None else Step(origin.file, origin.line, value)


def find_history(holder: Any, path: str, above: Step | None = None) -> list[Step]:
    """List what set the value at a dotted path below a config, the present value last.

    Args:
        holder: A dict or a list of the config.
        path: Keys and indices, with dots between.
        above: What set `holder`, for values that have no place of their own.

    Raises:
        KeyError: There is no such value.
    """
    first, _, rest = path.partition('.')
    if isinstance(holder, dict) and path in holder:
        first, rest = path, ''
    key: Any = int(first) if isinstance(holder, (list, tuple)) and first.isdigit() else first
    try:
        inner = dict.__getitem__(holder, key) if isinstance(holder, dict) else holder[key]
    except (KeyError, IndexError, TypeError):
        raise KeyError(first) from None
    past = _past(holder, key)
    now = _now(holder, key, inner, past, above)
    if not rest:
        return [*(one for one in past if one.value is not inner), now]
    return [*_further(past, inner, rest), *find_history(inner, rest, now)]


def _past(holder: Any, key: Any) -> list[Step]:
    ask = getattr(type(holder), '_past_of', None)
    return list(ask(holder, key)) if ask is not None else []


def _now(holder: Any, key: Any, value: Any, past: list[Step], above: Step | None) -> Step:
    origin = origin_of(holder, key) or origin_of(value)
    if origin is None and past and past[-1].value is value:
        return past[-1]
    if origin is None and above is not None and not past:
        return above._replace(value=value)
    return step(origin, value)


def _further(past: list[Step], inner: Any, rest: str) -> Iterator[Step]:
    """List what set the value at the same path in dicts that were replaced as a whole."""
    for one in past:
        if one.value is not inner:
            try:
                yield from find_history(one.value, rest, one)
            except KeyError:
                continue
