"""Printing of a config as Python that reads back to the same values."""
from __future__ import annotations

import keyword
import math
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

from mmengine.config.lazy import to_text

WIDTH = 79
INDENT = 4
#: lists of at least so many plain values are filled line by line
_FILL_FROM = 9
_NUMBERS = frozenset({int, bool, type(None)})


class _Node:
    """A value laid out: its text on one line where that fits at all, and its parts."""

    __slots__ = ('close', 'flat', 'items', 'open')

    def __init__(self, flat: str | None, open: str = '', close: str = '',
                 items: list[tuple[str, _Node]] | None = None) -> None:
        self.flat = flat
        self.open = open
        self.close = close
        self.items = items


def pretty(cfg: Mapping[Any, Any]) -> str:
    """Print a dict as a Python file, one assignment for each key, keys in the order of their texts."""
    lines: list[str] = []
    for key, value in sorted(cfg.items(), key=lambda pair: str(pair[0])):
        # A key that is no name can still be a global of the file that is read back.
        name = key if _is_name(key) else f'globals()[{_leaf(key)}]'
        lines.append(_render(_node(value), 0, f'{name} = ', ''))
    return ''.join(f'{line}\n' for line in lines)


def flat(value: Any) -> str:
    """Write a value on one line."""
    return ' '.join(line.strip() for line in _render(_node(to_text(value)), 0, '', '').splitlines())


def _node(value: Any) -> _Node:
    if isinstance(value, str):
        return _Node(repr(value if type(value) is str else str(value)))
    if isinstance(value, dict):
        return _dict_node(value)
    if isinstance(value, list):
        return _group('[', ']', [('', _node(item)) for item in value])
    if isinstance(value, tuple):
        return _group('(', ')', [('', _node(item)) for item in value])
    if isinstance(value, (set, frozenset)) and value:
        items = sorted(((_node(item)) for item in value), key=lambda node: node.flat or '')
        inner = _group('{', '}', [('', item) for item in items])
        return inner if isinstance(value, set) else _group('frozenset(', ')', [('', inner)])
    return _Node(_leaf(value))


def _dict_node(value: dict[Any, Any]) -> _Node:
    pairs = sorted(dict.items(value), key=lambda pair: str(pair[0]))
    if all(map(_is_name, value)):
        return _group('dict(', ')', [(f'{key}=', _node(item)) for key, item in pairs])
    return _group('{', '}', [(f'{_flat_key(key)}: ', _node(item)) for key, item in pairs])


def _flat_key(key: Any) -> str:
    if isinstance(key, tuple):
        return f'({"".join(f"{_flat_key(item)}, " for item in key).rstrip()})'
    return _leaf(key)


def _group(open: str, close: str, items: list[tuple[str, _Node]]) -> _Node:
    flats = [f'{prefix}{node.flat}' for prefix, node in items if node.flat is not None]
    flat = None
    if len(flats) == len(items):
        comma = ',' if open == '(' and len(items) == 1 else ''
        flat = f'{open}{", ".join(flats)}{comma}{close}'
        if len(flat) > WIDTH:
            flat = None
    return _Node(flat, open, close, items)


def _render(node: _Node, indent: int, before: str, after: str) -> str:
    """Write a value at an indent, after some text on its first line and before some on its last."""
    if node.items is None or (node.flat is not None and indent + len(before) + len(node.flat) + len(after) <= WIDTH):
        return f'{" " * indent}{before}{node.flat}{after}'
    inner = indent + INDENT
    if len(node.items) >= _FILL_FROM and all(item.items is None and not prefix for prefix, item in node.items):
        lines = list(_filled((item.flat or '' for _, item in node.items), inner))
    else:
        lines = [_render(item, inner, prefix, ',') for prefix, item in node.items]
    return '\n'.join([f'{" " * indent}{before}{node.open}', *lines, f'{" " * indent}{node.close}{after}'])


def _filled(texts: Iterable[str], indent: int) -> Iterable[str]:
    line = ''
    for text in texts:
        if line and indent + len(line) + len(text) + 2 > WIDTH:
            yield f'{" " * indent}{line}'
            line = ''
        line += f' {text},' if line else f'{text},'
    if line:
        yield f'{" " * indent}{line}'


def _is_name(key: Any) -> bool:
    return isinstance(key, str) and key.isidentifier() and not keyword.iskeyword(key)


def _leaf(value: Any) -> str:
    """Write a value without parts as an expression; what has none is written as a string."""
    kind = type(value)
    if kind in _NUMBERS or kind is bytes or kind is complex:
        return repr(value)
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else f"float('{float(value)}')"
    if isinstance(value, type) or (callable(value) and hasattr(value, '__qualname__')):
        return repr(dotted_name(value))
    if isinstance(value, (PurePath, date)):
        return repr(str(value))
    if isinstance(value, (range, slice, set, frozenset)) or value is Ellipsis:
        return repr(value)
    if hasattr(value, 'tolist'):  # arrays, tensors and their numbers
        return _render(_node(value.tolist()), -10**9, '', '')
    if isinstance(value, int) and type(value).__repr__ is int.__repr__:
        return repr(value)
    return repr(str(value))


def dotted_name(value: Any) -> str:
    """Give the name under which a class or a function can be imported."""
    module = getattr(value, '__module__', None)
    return value.__qualname__ if module in (None, 'builtins') else f'{module}.{value.__qualname__}'
