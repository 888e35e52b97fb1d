"""Values that a config file makes from others: an option that sets these later does not reach them."""
from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from os import stat
from typing import Any, NamedTuple

from mmengine.config.config_dict import ConfigDict
from mmengine.config.errors import ConfigParsingError
from mmengine.config.plain_file import BASE_KEY
from mmengine.config.python_text import parse
from mmengine.config.sources import read_text
from mmengine.interfaces import Origin

#: so many places are named in a warning
_SHOWN = 3


class _Use(NamedTuple):
    """One value that is read to make another: their dotted keys, where, and whether it is taken as it is."""

    source: str
    target: str
    where: Origin
    as_it_is: bool


def warn_unreached(options: Mapping[str, Any], cfg: ConfigDict, stacklevel: int = 3) -> None:
    """Warn of values that were made from what an option sets, when the file was read, and stay as they are.

    Args:
        options: Dotted keys with their values.
        cfg: The config, before they are merged.
        stacklevel: How far above the caller is whom the warning is for, as in `warnings.warn`.
    """
    uses = [use for file in sorted(_files_of(cfg)) for use in _uses_in(file)]
    for option in options:
        found = {path: where for path, where in _unreached(option, uses, cfg)
                 if not any(_is_below(path, other) for other in options)}
        if found:
            shown = ', '.join(f'{path!r} ({where})' for path, where in list(found.items())[:_SHOWN])
            more = f' and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''
            text = (f'The option {option!r} does not reach {shown}{more}: made from it when the config was read, '
                    'it stays as it is. Set it as well, if that is meant')
            warnings.warn(text, UserWarning, stacklevel=stacklevel)


def _unreached(option: str, uses: list[_Use], cfg: ConfigDict) -> Iterator[tuple[str, Origin]]:
    """Follow what is made from an option, and from that in turn."""
    reached, seen = [option], {option}
    for path in reached:
        for use in uses:
            if not _is_below(path, use.source) and not _is_below(use.source, path):
                continue
            below = path[len(use.source):] if use.as_it_is else ''  # empty where the option has the whole of it
            target = use.target + below
            made_there = cfg.origin_of(target) == cfg.origin_of(path) if below else _is_from(use, cfg)
            if target in seen or not made_there or not _has(cfg, target):
                continue
            seen.add(target)
            reached.append(target)
            yield target, use.where


def _is_from(use: _Use, cfg: ConfigDict) -> bool:
    """Tell whether the value is still the one that was made there, and no later file has set another."""
    origin = cfg.origin_of(use.target)
    return origin is None or origin.file == use.where.file


def _has(cfg: Any, path: str) -> bool:
    holder = cfg
    for part in path.split('.'):
        if isinstance(holder, dict) and part in holder:
            holder = dict.__getitem__(holder, part)
        elif isinstance(holder, (list, tuple)) and part.isdigit() and int(part) < len(holder):
            holder = holder[int(part)]
        else:
            return False
    return True


def _is_below(path: str, other: str) -> bool:
    return f'{path}.'.startswith(f'{other}.')


def _files_of(value: Any) -> set[str]:
    """Find the Python files that a config was made from."""
    found: set[str] = set()
    if isinstance(value, ConfigDict):
        origins = [value.origin_of(), *(value.origin_of(key) for key in dict.keys(value))]
        found = {origin.file for origin in origins if origin is not None and origin.file.endswith('.py')}
    items: Iterable[Any] = ()
    if isinstance(value, dict):
        items = dict.values(value)
    elif type(value) in (list, tuple):
        items = value
    return found.union(*map(_files_of, items))


def _uses_in(file: str) -> tuple[_Use, ...]:
    try:
        return _read_uses(file, stat(file).st_mtime_ns)
    except (OSError, ConfigParsingError):  # gone or changed since; the warning is a courtesy
        return ()


@lru_cache(maxsize=256)
def _read_uses(file: str, changed: int) -> tuple[_Use, ...]:
    tree = parse(read_text(file), file)
    return tuple(use for statement in tree.body if isinstance(statement, ast.Assign)
                 for target in statement.targets if isinstance(target, ast.Name) and target.id != BASE_KEY
                 for use in _uses(statement.value, target.id, file))


def _uses(node: ast.AST, path: str, file: str, exact: bool = True) -> Iterator[_Use]:
    """Find what an expression reads, and at which key below `path` that ends up."""
    source = _dotted(node)
    if source is not None:
        if source:
            yield _Use(source, path, Origin(file, getattr(node, 'lineno', 1)), exact)
        return
    for key, child in _parts(node):
        yield from _uses(child, path if key is None else f'{path}.{key}', file, exact and key is not None)


def _parts(node: ast.AST) -> Iterator[tuple[str | None, ast.AST]]:
    """List the expressions inside one, each with its key if that is known."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        yield from ((None, arg) for arg in node.args)
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield str(key.value) if isinstance(key, ast.Constant) else None, value
    elif isinstance(node, (ast.List, ast.Tuple)):
        yield from ((str(index), item) for index, item in enumerate(node.elts))
    else:
        yield from ((None, child) for child in ast.iter_child_nodes(node))


def _dotted(node: ast.AST) -> str | None:
    """Give the dotted key that a name, attribute or item stands for; `None` if it is another expression."""
    parts: list[str] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
        elif isinstance(node.slice, ast.Constant):
            parts.append(str(node.slice.value))
        else:
            return None
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    parts.append(node.id)
    parts.reverse()
    return '.'.join(parts[1:] if parts[0] == BASE_KEY else parts)
