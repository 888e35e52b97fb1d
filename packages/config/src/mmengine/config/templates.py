"""What stands in `{{ }}` in the text of a config: the file's own name, environment variables, values of bases."""
from __future__ import annotations

import os
import os.path as osp
import re
import uuid
from copy import deepcopy
from typing import Any

from mmengine.config.errors import ConfigKeyError
from mmengine.interfaces import Origin
from mmengine.utils.suggest import did_you_mean

_ENVIRONMENT = re.compile(r'''\{\{\s*(?P<quote>['"]?)\s*\$\s*(?P<name>\w+)\s*(?::\s*(?P<default>[^\s'"}]*))?\s*'''
                          r'''(?P=quote)\s*\}\}''')
_BASE = re.compile(r'\{\{\s*_base_\.([\w.]+)\s*\}\}')


def substitute_predefined(text: str, filename: str) -> str:
    """Put in the name of the file, for `{{ fileDirname }}` and the like."""
    if '{{' not in text:
        return text
    basename = osp.basename(filename)
    stem, extension = osp.splitext(basename)
    values = {'fileDirname': osp.dirname(filename), 'fileBasename': basename,
              'fileBasenameNoExtension': stem, 'fileExtname': extension}
    for name, value in values.items():
        posix = value.replace('\\', '/')
        text = posix.join(re.split(rf'\{{\{{\s*{name}\s*\}}\}}', text))
    return text


def substitute_environment(text: str, filename: str = '') -> tuple[str, dict[str, str]]:
    """Put in environment variables, for `{{ $NAME:default }}`; give the text, and the variables that were set."""
    if '{{' not in text:
        return text, {}
    found: dict[str, str] = {}

    def value_of(match: re.Match[str]) -> str:
        name, default = match['name'], match['default']
        if name in os.environ:
            found[name] = os.environ[name]
            return os.environ[name]
        if default:
            return str(default)
        where = Origin(filename, text.count('\n', 0, match.start()) + 1) if filename else None
        raise ConfigKeyError(f'The environment variable {name!r} is not set and has no default'
                             f'{f" ({where})" if where else ""}. Set it, or write {{{{ ${name}:default }}}}'
                             ).at(where, name)

    return _ENVIRONMENT.sub(value_of, text), found


def mark_base_values(text: str) -> tuple[str, dict[str, str]]:
    """Put a string in the place of each `{{ _base_.key }}`; give the text, and string -> key."""
    if '{{' not in text:
        return text, {}
    keys: dict[str, str] = {}

    def mark(match: re.Match[str]) -> str:
        placeholder = f'_{match[1].rpartition(".")[2]}_{uuid.uuid4().hex[:8]}'
        keys[placeholder] = match[1]
        line = text[text.rfind('\n', 0, match.start()) + 1:match.start()]
        return placeholder if _is_inside_string(line) else f'"{placeholder}"'

    return _BASE.sub(mark, text), keys


def _is_inside_string(line: str) -> bool:
    quote = ''
    for char, before in zip(line, f' {line}', strict=False):
        if char in '\'"' and before != '\\' and char == (quote or char):
            quote = '' if quote else char
    return bool(quote)


def put_base_values(value: Any, keys: dict[str, str], base: Any) -> Any:
    """Put the values of the base in for the strings of `mark_base_values`, all the way down; dicts are changed."""
    if not keys:
        return value
    if isinstance(value, dict):
        for key, item in list(dict.items(value)):
            new = put_base_values(item, keys, base)
            if new is not item:
                dict.__setitem__(value, key, new)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)([put_base_values(item, keys, base) for item in value])
    if isinstance(value, str):
        return _put_into_text(value, keys, base)
    return value


def _put_into_text(text: str, keys: dict[str, str], base: Any) -> Any:
    if text in keys:
        return deepcopy(base_value(base, keys[text]))
    for placeholder, key in keys.items():
        if placeholder in text:
            text = text.replace(placeholder, str(base_value(base, key)))
    return text


def has_base_values(text: str) -> bool:
    """Tell whether a text has `{{ _base_.key }}` in it."""
    return _BASE.search(text) is not None


def where_base_value(text: str, dotted: str, filename: str) -> Origin:
    """Find where a text has `{{ _base_.key }}`."""
    start = next((match.start() for match in _BASE.finditer(text) if match[1] == dotted), 0)
    return Origin(filename, text.count('\n', 0, start) + 1)


def put_base_values_into_text(text: str, base: Any, where: Origin | None = None) -> str:
    """Put the values of the base into a string that has `{{ _base_.key }}` in it."""
    return _BASE.sub(lambda match: str(base_value(base, match[1], where)), text)


def base_value(base: Any, dotted: str, where: Origin | None = None) -> Any:
    """Read a value of the base by its dotted key.

    Args:
        base: The values of the base.
        dotted: The key.
        where: Where a config asks for it.
    """
    value = base
    for key in dotted.split('.'):
        try:
            value = value[int(key) if isinstance(value, (list, tuple)) else key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            near = did_you_mean(key, map(str, dict.keys(value))) if isinstance(value, dict) else ''
            raise ConfigKeyError(f'The base has no value at _base_.{dotted}: {key!r} is not there'
                                 f'{f" ({where})" if where else ""}.{near}').at(where, dotted) from error
    return value

