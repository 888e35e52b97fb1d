"""Configs on the command line: `--cfg-options a.b=1 c=[1,2]`, and an option for every key."""
from __future__ import annotations

from argparse import Action, ArgumentError, ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.config.errors import ConfigOptionError

_CLOSING = {'(': ')', '[': ']'}


class DictAction(Action):
    """Takes `KEY=VALUE` pairs into a dict; an option that is given again adds to it, and the later value wins.

    A value is a number, `true`, `false`, `None` or a string; `a,b` and `[a,b]` are lists, `(a,b)` is a tuple, and
    they can stand in each other.
    """

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: str | Sequence[Any] | None,
                 option_string: str | None = None) -> None:
        """Take the pairs of one use of the option."""
        options = dict(getattr(namespace, self.dest, None) or {})
        for pair in [values] if isinstance(values, str) else values or []:
            key, separator, value = str(pair).partition('=')
            if not separator:
                raise ArgumentError(self, f'{pair!r} is not of the form KEY=VALUE')
            options[key] = option_value(key, value)
        setattr(namespace, self.dest, options)

    @staticmethod
    def _parse_int_float_bool(val: str) -> int | float | bool | str | None:
        for kind in (int, float):
            try:
                return kind(val)
            except ValueError:
                pass
        if val.lower() in ('true', 'false'):
            return val.lower() == 'true'
        return None if val == 'None' else val

    @staticmethod
    def _parse_iterable(val: str) -> Any:
        """Read a value, with lists and tuples in it."""
        text = val.strip()
        items = _split(text)
        if len(items) > 1:
            return [DictAction._parse_iterable(item) for item in items]
        if text[:1] in _CLOSING and text.endswith(_CLOSING[text[0]]):
            inner = text[1:-1].strip()
            found = [DictAction._parse_iterable(item) for item in _split(inner) if item.strip()]
            return tuple(found) if text[0] == '(' else found
        return DictAction._parse_int_float_bool(text.strip('\'"'))


def option_value(key: str, text: str) -> Any:
    """Read the value of an option; an error names its key."""
    try:
        return DictAction._parse_iterable(text)
    except ConfigOptionError as error:
        raise ConfigOptionError(f'{error} (option {key!r})').at(None, key) from error


def _split(text: str) -> list[str]:
    """Split a text at the commas outside all brackets."""
    items, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char in '([':
            depth += 1
        elif char in ')]':
            depth -= 1
        elif char == ',' and depth == 0:
            items.append(text[start:index])
            start = index + 1
    balanced = all(text.count(opening) == text.count(closing) for opening, closing in _CLOSING.items())
    if not balanced and (items or ',' in text or text[:1] in _CLOSING):
        raise ConfigOptionError(f'Imbalanced brackets exist in {text!r}')
    return [*items, text[start:]]


def add_arguments(parser: ArgumentParser, cfg: Mapping[str, Any], prefix: str = '') -> ArgumentParser:
    """Give a parser one option for every key of a config, dicts all the way down.

    Args:
        parser: The parser.
        cfg: The config.
        prefix: What stands before the names of the options.
    """
    for key, value in cfg.items():
        name = f'--{prefix}{key}'
        if isinstance(value, dict):
            add_arguments(parser, value, f'{prefix}{key}.')
        elif isinstance(value, bool):
            parser.add_argument(name, action='store_true')
        elif isinstance(value, (list, tuple)):
            parser.add_argument(name, type=type(value[0]) if value else str, nargs='+')
        elif isinstance(value, (str, int, float)):
            parser.add_argument(name, type=type(value))
        else:
            parser.add_argument(name)
    return parser
