"""In what the configs of runs differ, read from the text that each run has kept."""
from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path


def differing_settings(files: Sequence[Path | None]) -> dict[str, list[str | None]]:
    """Compare configs key by key; nothing in them is run.

    Args:
        files: The config of each run, a Python file of values; None where there is none.

    Returns:
        The keys whose values are not all alike, with the value of each run as it is written, None where it has none.
    """
    read = [dict(_settings(file)) if file is not None else {} for file in files]
    keys = dict.fromkeys(key for settings in read for key in settings)
    values = {key: [settings.get(key) for settings in read] for key in keys}
    return {key: row for key, row in values.items() if len(set(row)) > 1}


def _settings(file: Path) -> Iterator[tuple[str, str]]:
    try:
        body = ast.parse(file.read_text(encoding='utf-8')).body
    except (OSError, SyntaxError, ValueError):
        return
    for statement in body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield from _flat(statement.targets[0].id, statement.value)


def _flat(path: str, node: ast.expr) -> Iterator[tuple[str, str]]:
    inner = list(_inner(node))
    for key, value in inner:
        yield from _flat(f'{path}.{key}', value)
    if not inner:
        yield path, ast.unparse(node)


def _inner(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Give what is in a dict, or in a list that holds more than plain values."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg is not None)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                yield str(key.value) if isinstance(key, ast.Constant) else ast.unparse(key), value
    elif isinstance(node, (ast.List, ast.Tuple)) and any(isinstance(item, (ast.Call, ast.Dict)) for item in node.elts):
        yield from ((str(index), item) for index, item in enumerate(node.elts))
