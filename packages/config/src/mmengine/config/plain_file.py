"""Config files that are made of values and nothing else, read from their syntax tree without being run.

Most files of a chain are such: assignments of numbers, strings, lists and dicts, which name each other and the values
of the bases. Compiling costs more than all the rest of loading, so these are not compiled. What is read has no effect
until it is read to the end; a statement that is not understood, or would raise, leaves the file to be run.
"""
from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from mmengine.config.config_dict import ATOMS, DICTS, ConfigDict
from mmengine.config.errors import ConfigKeyError
from mmengine.config.history import Step, step
from mmengine.config.recorder import RECORDER_NAME
from mmengine.config.templates import base_value, put_base_values_into_text
from mmengine.interfaces import Origin

#: the name of the bases of a file, to itself
BASE_KEY = '_base_'
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_SUMMABLE = frozenset({int, float, str, list, tuple})
_FORMATTED = frozenset({int, float, str, bool, type(None)})
#: a product of a list or a string that is longer is left to be run, which says where it is when memory does not suffice
_MOST = 10**6


class NotPlainError(Exception):
    """A file that has to be run."""


def rebuilt(value: Any) -> Any:
    """Make configs of the dicts in a value, each a new one, so that two names never share a dict or a list."""
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is list:
        return [rebuilt(item) for item in value]
    if kind is tuple:
        return tuple([rebuilt(item) for item in value])
    if kind not in DICTS and not isinstance(value, ConfigDict):
        return value
    new = type(value)() if isinstance(value, ConfigDict) else ConfigDict()
    for key, item in dict.items(value):
        dict.__setitem__(new, key, item if type(item) in ATOMS else rebuilt(item))
    new._take_origins(value)
    return new


def read_plain(tree: ast.Module, file: str, base: ConfigDict) -> ConfigDict | None:
    """Read a file; give its names as a config, or `None` if it has to be run.

    Args:
        tree: The file, without the statement that names its bases. It is not changed.
        file: Its name, for origins.
        base: The values of its bases.
    """
    try:
        return _Reader(file, base).read(tree)
    except (NotPlainError, RecursionError):
        return None


class _Reader:
    """Evaluates the nodes of one file.

    Nothing that it understands changes a value, so a name can be copied where it is read instead of once at the end.
    """

    def __init__(self, file: str, base: ConfigDict) -> None:
        self.file = file
        self.base = base
        self.names: dict[str, Any] = {}
        self.lines: dict[int, Origin] = {}
        self.past: dict[Any, list[Step]] = {}

    def read(self, tree: ast.Module) -> ConfigDict:
        origins: dict[Any, Origin] = {}
        for statement in tree.body:
            if type(statement) is ast.Assign:
                self.assign(statement, origins)
            elif type(statement) is not ast.Expr or type(statement.value) is not ast.Constant:
                raise NotPlainError
        cfg = ConfigDict()
        dict.update(cfg, self.names)
        cfg._start_origins(self.at(1), origins)
        cfg._add_past(self.past)
        return cfg

    def assign(self, statement: ast.Assign, origins: dict[Any, Origin]) -> None:
        value = self.value(statement.value)
        for index, target in enumerate(statement.targets):
            if type(target) is not ast.Name or target.id in (BASE_KEY, 'dict') or target.id.startswith('__'):
                raise NotPlainError
            name, origin = target.id, self.at(target.lineno)
            if name in origins and origins[name] is not origin:
                self.past.setdefault(name, []).append(step(origins[name], self.names[name]))
            self.names[name] = rebuilt(value) if index else value
            origins[name] = origin

    def at(self, line: int) -> Origin:
        origin = self.lines.get(line)
        if origin is None:
            origin = self.lines[line] = Origin(self.file, line)
        return origin

    # ---------------------------------------------------------------- expressions
    def value(self, node: Any) -> Any:
        kind = type(node)
        if kind is ast.Constant:
            return node.value
        read = _READ.get(kind)
        if read is None:
            raise NotPlainError
        return read(self, node)

    def name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return rebuilt(self.names[node.id])
        raise NotPlainError

    def call(self, node: ast.Call) -> Any:
        if type(node.func) is ast.Attribute:
            return self.base_value(node, node.func)
        if type(node.func) is not ast.Name or node.func.id != 'dict' or node.args:
            raise NotPlainError
        new, origins, value, at = ConfigDict(), {}, self.value, self.at
        for keyword in node.keywords:
            key, item = keyword.arg, keyword.value
            if key is None:
                more = self.found(item)
                if type(more) is not ConfigDict or not all(type(one) is str and one not in new for one in more):
                    raise NotPlainError
                dict.update(new, dict.items(rebuilt(more)))
                origins.update(dict.fromkeys(more, at(node.lineno)))
                continue
            if key in new:  # a keyword that is repeated
                raise NotPlainError
            dict.__setitem__(new, key, item.value if type(item) is ast.Constant else value(item))
            origins[key] = at(keyword.lineno)
        new._start_origins(at(node.lineno), origins)
        return new

    def base_value(self, node: ast.Call, method: ast.Attribute) -> Any:
        """Read what stands in place of `{{ _base_.key }}`."""
        if type(method.value) is not ast.Name or method.value.id != RECORDER_NAME:
            raise NotPlainError
        try:
            dotted, where = self.key(node.args[0]), self.at(node.lineno)
            if method.attr == 'text':
                return put_base_values_into_text(dotted, self.base, where)
            return rebuilt(base_value(self.base, dotted, where))
        except ConfigKeyError as error:
            raise NotPlainError from error

    def joined(self, node: ast.JoinedStr) -> str:
        """Read an f-string of texts and numbers."""
        parts = []
        for part in node.values:
            inner = part
            if type(part) is ast.FormattedValue:
                if part.conversion != -1 or part.format_spec is not None:
                    raise NotPlainError
                inner = part.value
            value = self.value(inner)
            if type(value) not in _FORMATTED:
                raise NotPlainError
            parts.append(format(value))
        return ''.join(parts)

    def dict_display(self, node: ast.Dict) -> ConfigDict:
        new, origins = ConfigDict(), {}
        for key_node, item in zip(node.keys, node.values, strict=True):
            key = self.key(key_node)
            dict.__setitem__(new, key, self.value(item))
            origins[key] = self.at(key_node.lineno)  # type: ignore[union-attr]  # `key` has refused None
        new._start_origins(self.at(node.lineno), origins)
        return new

    @staticmethod
    def key(node: ast.expr | None) -> Any:
        if type(node) is not ast.Constant:
            raise NotPlainError
        return node.value

    def list_display(self, node: ast.List) -> Any:
        return [item.value if type(item) is ast.Constant else self.value(item) for item in node.elts]

    def tuple_display(self, node: ast.Tuple) -> Any:
        return tuple([item.value if type(item) is ast.Constant else self.value(item) for item in node.elts])

    def unary(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if type(node.op) is ast.USub and type(value) in (int, float):
            return -value
        raise NotPlainError

    def binary(self, node: ast.BinOp) -> Any:
        left, right, apply = self.value(node.left), self.value(node.right), _BINARY.get(type(node.op))
        if apply is None or type(left) not in _SUMMABLE or type(right) not in _SUMMABLE:
            raise NotPlainError
        if apply is operator.mul and not all(type(side) is float or _size(side) < _MOST for side in (left, right)):
            raise NotPlainError
        try:
            return rebuilt(apply(left, right))  # a list times a number has one item several times
        except (ArithmeticError, TypeError) as error:
            raise NotPlainError from error

    def inside(self, node: ast.Attribute | ast.Subscript) -> Any:
        return rebuilt(self.found(node))

    def found(self, node: ast.expr) -> Any:
        """Find the value of names, attributes and items, without a copy of it."""
        if type(node) is ast.Name:
            return self.base if node.id == BASE_KEY else self.names.get(node.id)
        key: Any
        if type(node) is ast.Attribute:
            holder, key = self.found(node.value), node.attr
            if type(holder) is not ConfigDict or hasattr(ConfigDict, key):
                raise NotPlainError
        elif type(node) is ast.Subscript:
            holder, key = self.found(node.value), self.key(node.slice)
        else:
            raise NotPlainError
        try:
            return dict.__getitem__(holder, key) if type(holder) is ConfigDict else holder[key]
        except (LookupError, TypeError) as error:
            raise NotPlainError from error


def _size(value: Any) -> int:
    return abs(value) if type(value) is int else len(value)


_READ: dict[type, Callable[[Any, Any], Any]] = {
    ast.Name: _Reader.name, ast.Call: _Reader.call, ast.Dict: _Reader.dict_display, ast.List: _Reader.list_display,
    ast.Tuple: _Reader.tuple_display, ast.UnaryOp: _Reader.unary, ast.BinOp: _Reader.binary,
    ast.JoinedStr: _Reader.joined, ast.Attribute: _Reader.inside, ast.Subscript: _Reader.inside,
}
