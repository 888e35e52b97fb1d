"""Where the dicts and names of a config file are written: found by its syntax tree, noted while it runs.

The tree of a config is changed before it runs, so that every `dict(...)` and `{...}` is handed to a `Recorder`
along with its line, and so that assignments to names, items and attributes are noted. Line numbers stay, so a
traceback shows the lines of the file.
"""
from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.config.recorder import RECORDER_NAME, Places, Recorder
from mmengine.interfaces import Origin, origin_of

#: methods of a dict or a list that change it
_CHANGERS = frozenset({'update', 'setdefault', 'merge', 'append', 'extend', 'insert'})


@contextmanager
def recording(file: str, keep: Callable[[Any], Any]) -> Iterator[Recorder]:
    """Have a recorder for one file, whose records end with the block.

    Args:
        file: The file.
        keep: Copies a value that is about to be changed.
    """
    recorder = Recorder(file, keep)
    try:
        yield recorder
    finally:
        recorder.close()


def instrument(tree: ast.Module, places: Places) -> ast.Module:
    """Change the tree of a config so that it tells its recorder what it makes; note the places in advance."""
    places.again.update(_assigned_again(tree.body))
    tree.body = _Instrument(places).block(tree.body)
    return tree


def _assigned_again(statements: list[ast.stmt]) -> Iterator[str]:
    """Find the names that a file assigns more than once."""
    seen: set[str] = set()
    for name in _assigned(statements):
        if name in seen:
            yield name
        seen.add(name)


def _assigned(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for target in _targets(statement):
            if isinstance(target, ast.Name):
                yield target.id
        blocks = [getattr(statement, field, []) for field in ('body', 'orelse', 'finalbody')]
        blocks += [handler.body for handler in getattr(statement, 'handlers', [])]
        for block in blocks * (2 if isinstance(statement, (ast.For, ast.While)) else 1):
            yield from _assigned(block)


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """List what a statement assigns."""
    found: Iterable[ast.expr] = ()
    if isinstance(statement, ast.Assign):
        found = statement.targets
    elif isinstance(statement, ast.For) or (isinstance(statement, (ast.AugAssign, ast.AnnAssign)) and statement.value):
        found = [statement.target]
    return [single for target in found
            for single in (target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target])]


_LOAD = ast.Load()
#: nodes that hold no dict
_PLAIN = frozenset({ast.Constant, ast.Name, ast.Lambda, ast.Load, ast.Store, str, type(None)})
#: the fields that can hold one, of the nodes that a config has most of
_HOLDING = {ast.keyword: ('value',), ast.List: ('elts',), ast.Tuple: ('elts',), ast.Dict: ('keys', 'values'),
            ast.Assign: ('targets', 'value')}


class _Instrument:
    """A walk over a tree by hand, since `ast.NodeTransformer` takes several times as long."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in statements:
            before, after = _notes(statement)
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.inside(statement)
            for note in before:
                found.append(ast.Expr(note, lineno=statement.lineno, col_offset=statement.col_offset))
            found.append(statement)
            for note in after:
                found.append(ast.Expr(note, lineno=statement.lineno, col_offset=statement.col_offset))
        return found

    def inside(self, node: ast.AST) -> None:
        """Replace the expressions below a node."""
        for field in _HOLDING.get(type(node)) or node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                if value and isinstance(value[0], ast.stmt):
                    value[:] = self.block(value)
                elif value:
                    value[:] = [item if type(item) in _PLAIN else self.expression(item) for item in value]
            elif isinstance(value, ast.AST) and type(value) not in _PLAIN:
                setattr(node, field, self.expression(value))

    def expression(self, node: Any) -> Any:
        if not isinstance(node, ast.AST):
            return node
        self.inside(node)
        keys: dict[Any, int]
        if isinstance(node, ast.Dict):
            keys = {key.value: key.lineno for key in node.keys if isinstance(key, ast.Constant)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
            keys = {keyword.arg: keyword.lineno for keyword in node.keywords if keyword.arg is not None}
        else:
            return node
        place = self.places.add(node.lineno, keys)
        return call_recorder('made', node, [node, _constant(place, node)])


_Notes = tuple[list[ast.expr], list[ast.expr]]


def _notes(statement: ast.stmt) -> _Notes:
    """Write what is to be noted before and after a statement that assigns or changes something."""
    if isinstance(statement, ast.Expr):
        return _notes_of_call(statement.value)
    before: list[ast.expr] = []
    after: list[ast.expr] = []
    for target in _targets(statement):
        line = _constant(target.lineno, target)
        place = _place_of(target)
        if isinstance(target, ast.Name):
            # The variable of a loop that never ran has no value.
            value = [] if isinstance(statement, ast.For) else [_loaded(target)]
            after.append(call_recorder('named', target, [_constant(target.id, target), line, *value]))
        elif place is not None:
            before.append(call_recorder('changing', target, [_later(place[0]), place[1]]))
            after.append(call_recorder('changed', target, [*place, line]))
    return before, after


def _notes_of_call(call: ast.expr) -> _Notes:
    """Write the notes around the call of a method that changes a dict or a list, such as `model.update(depth=50)`."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in _CHANGERS:
        return [], []
    holder = call.func.value
    place = _place_of(holder) or ((_constant(None, holder), _constant(holder.id, holder))
                                  if isinstance(holder, ast.Name) else None)
    if place is None:
        return [], []
    line = _constant(call.lineno, call)
    return ([call_recorder('filling', call, [_later(_loaded(holder)), line])],
            [call_recorder('filled', call, [_loaded(holder), line, *place])])


def _place_of(target: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """Find the dict that has an item or an attribute, and the key, if both can be read once more without any effect."""
    if isinstance(target, ast.Attribute) and _is_pure(target.value):
        return _loaded(target.value), _constant(target.attr, target)
    if isinstance(target, ast.Subscript) and _is_pure(target.value) and isinstance(target.slice, ast.Constant):
        return _loaded(target.value), target.slice
    return None


def find_origin(holder: Any, path: str, above: Origin | None = None) -> Origin | None:
    """Find where the value at a dotted path below a config was written.

    Args:
        holder: A dict or a list of the config.
        path: Keys and indices, with dots between.
        above: Where `holder` was written, for items of a list, which have no place of their own.
    """
    first, _, rest = path.partition('.')
    key: Any = int(first) if isinstance(holder, (list, tuple)) and first.isdigit() else first
    try:
        inner = dict.__getitem__(holder, key) if isinstance(holder, dict) else holder[key]
    except (KeyError, IndexError, TypeError):
        return None
    own = origin_of(holder, key) or origin_of(inner) or (above if isinstance(holder, (list, tuple)) else None)
    return find_origin(inner, rest, own) if rest else own


def _is_pure(node: ast.expr) -> bool:
    """Tell whether a node can be evaluated once more without any effect: names, attributes and constant items."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
            return False
        node = node.value
    return isinstance(node, ast.Name)


def _loaded(node: ast.expr) -> ast.expr:
    """Copy a pure node for reading."""
    if isinstance(node, ast.Attribute):
        new: ast.expr = ast.Attribute(_loaded(node.value), node.attr, ast.Load())
    elif isinstance(node, ast.Subscript):
        new = ast.Subscript(_loaded(node.value), node.slice, ast.Load())
    else:
        new = ast.Name(node.id, ast.Load()) if isinstance(node, ast.Name) else node
    return ast.copy_location(new, node)


def _later(node: ast.expr) -> ast.Lambda:
    """Write a function that reads a node, so that an error of it is left to the statement itself."""
    arguments = ast.arguments([], [], None, [], [], None, [])
    return ast.Lambda(arguments, node, lineno=node.lineno, col_offset=node.col_offset)


def _constant(value: Any, where: Any) -> ast.Constant:
    return ast.Constant(value, lineno=where.lineno, col_offset=where.col_offset)


def call_recorder(method: str, where: Any, args: list[Any]) -> ast.Call:
    """Write a call of the recorder, at the place of a node."""
    # Through keywords, since `ast.copy_location` takes longer than all the rest.
    at = {'lineno': where.lineno, 'col_offset': where.col_offset}
    function = ast.Attribute(ast.Name(RECORDER_NAME, _LOAD, **at), method, _LOAD, **at)
    return ast.Call(function, args, [], **at, end_lineno=where.end_lineno, end_col_offset=where.end_col_offset)
