"""Where the dicts and names of a config file are written: found by its syntax tree, noted while it runs.

The tree of a config is changed before it runs, so that every `dict(...)` and `{...}` is handed to a `Recorder`
along with its line, and so that assignments to names, items and attributes are noted. Line numbers stay, so a
traceback shows the lines of the file.
"""
from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

from mmengine.interfaces import Origin, origin_of

#: the name under which a running config sees its recorder
RECORDER_NAME = '__origins__'
#: methods of a dict or a list that change it
_CHANGERS = frozenset({'update', 'setdefault', 'merge', 'append', 'extend', 'insert'})


class Record(NamedTuple):
    """Where a plain dict is written, and its keys; holding the dict keeps its id its own."""

    value: Any
    origin: Origin | None
    keys: dict[Any, Origin]


#: id -> record, of the plain dicts in the configs that are being loaded
RECORDED: dict[int, Record] = {}


class Recorder:
    """Notes what a config file makes, while it runs."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.names: dict[str, Origin] = {}
        self.places: list[tuple[Origin, dict[Any, Origin]]] = []
        self._ids: list[int] = []

    def place(self, line: int, keys: dict[Any, int]) -> int:
        """Note, before the file runs, a place where a dict is written; give its number."""
        self.places.append((Origin(self.file, line), {key: Origin(self.file, at) for key, at in keys.items()}))
        return len(self.places) - 1

    def made(self, value: Any, place: int) -> Any:
        """Note that `value` was made at a place, and give it on."""
        if type(value) is dict:
            origin, keys = self.places[place]
            inner = {key: keys.get(key, origin) for key in value}
            self._add(Record(value, origin, inner))
        return value

    def named(self, name: str, line: int) -> None:
        """Note that a name was assigned."""
        self.names[name] = Origin(self.file, line)

    def changed(self, holder: Any, key: Any, line: int) -> None:
        """Note that an item of a dict was assigned."""
        origin = Origin(self.file, line)
        if type(holder) is dict:
            if id(holder) not in RECORDED:
                self._add(Record(holder, None, {}))
            RECORDED[id(holder)].keys[key] = origin
        elif hasattr(type(holder), '_set_origins'):
            holder._set_origins(None, {key: origin})

    def filled(self, holder: Any, line: int) -> None:
        """Note that a method changed a dict: what has no origin yet came from there."""
        origin = Origin(self.file, line)
        if type(holder) is dict and id(holder) in RECORDED:
            known = RECORDED[id(holder)].keys
            known.update({key: origin for key in holder if key not in known})
        elif hasattr(type(holder), '_set_origins'):
            holder._set_origins(None, {key: origin for key in dict.keys(holder) if holder.origin_of(key) is None})

    @staticmethod
    def copied(value: Any) -> Any:
        """Give a copy of a value of the base, in place of `{{ _base_.key }}`."""
        return deepcopy(value)

    def line_of_key(self, value: Any, key: Any) -> int:
        """Give the line of a key in a dict that was noted."""
        record = RECORDED.get(id(value))
        return record.keys[key].line if record and key in record.keys else 1

    def _add(self, record: Record) -> None:
        RECORDED[id(record.value)] = record
        self._ids.append(id(record.value))

    def close(self) -> None:
        """Forget the dicts."""
        for ident in self._ids:
            RECORDED.pop(ident, None)


@contextmanager
def recording(file: str) -> Iterator[Recorder]:
    """Have a recorder for one file, whose records end with the block."""
    recorder = Recorder(file)
    try:
        yield recorder
    finally:
        recorder.close()


def instrument(tree: ast.Module, recorder: Recorder) -> ast.Module:
    """Change the tree of a config so that it tells the recorder what it makes."""
    tree.body = _Instrument(recorder).block(tree.body)
    return tree


_LOAD = ast.Load()
#: nodes that hold no dict
_PLAIN = frozenset({ast.Constant, ast.Name, ast.Lambda, ast.Load, ast.Store, str, type(None)})
#: the fields that can hold one, of the nodes that a config has most of
_HOLDING = {ast.keyword: ('value',), ast.List: ('elts',), ast.Tuple: ('elts',), ast.Dict: ('keys', 'values'),
            ast.Assign: ('targets', 'value')}


class _Instrument:
    """A walk over a tree by hand, since `ast.NodeTransformer` takes several times as long."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in statements:
            found.append(statement)
            if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.inside(statement)
            found.extend(self.notes(statement))
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
        place = self.recorder.place(node.lineno, keys)
        return call_recorder('made', node, [node, _constant(place, node)])

    def notes(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        """Give the statements to run after one that assigns."""
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
            targets = [statement.target] if statement.value else []
        elif isinstance(statement, ast.For):
            targets = [statement.target]
        elif isinstance(statement, ast.Expr):
            yield from self.change(statement)
            return
        else:
            return
        for target in targets:
            for single in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
                note = self.note(single)
                if note is not None:
                    yield ast.Expr(note, lineno=statement.lineno, col_offset=statement.col_offset)

    def note(self, target: ast.expr) -> ast.expr | None:
        line = _constant(target.lineno, target)
        if isinstance(target, ast.Name):
            return call_recorder('named', target, [_constant(target.id, target), line])
        if isinstance(target, ast.Attribute) and _is_pure(target.value):
            return call_recorder('changed', target, [_loaded(target.value), _constant(target.attr, target), line])
        if isinstance(target, ast.Subscript) and _is_pure(target.value) and isinstance(target.slice, ast.Constant):
            return call_recorder('changed', target, [_loaded(target.value), target.slice, line])
        return None

    @staticmethod
    def change(statement: ast.Expr) -> Iterator[ast.stmt]:
        call = statement.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _CHANGERS \
                and _is_pure(call.func.value):
            line = _constant(statement.lineno, statement)
            note = call_recorder('filled', statement, [_loaded(call.func.value), line])
            yield ast.Expr(note, lineno=statement.lineno, col_offset=statement.col_offset)


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


def _constant(value: Any, where: Any) -> ast.Constant:
    return ast.Constant(value, lineno=where.lineno, col_offset=where.col_offset)


def call_recorder(method: str, where: Any, args: list[Any]) -> ast.Call:
    """Write a call of the recorder, at the place of a node."""
    # Through keywords, since `ast.copy_location` takes longer than all the rest.
    at = {'lineno': where.lineno, 'col_offset': where.col_offset}
    function = ast.Attribute(ast.Name(RECORDER_NAME, _LOAD, **at), method, _LOAD, **at)
    return ast.Call(function, args, [], **at, end_lineno=where.end_lineno, end_col_offset=where.end_col_offset)
