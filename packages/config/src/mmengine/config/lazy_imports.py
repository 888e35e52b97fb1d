"""Imports in a config of the pure Python style, made into objects that stand for what they would import."""
from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.config.errors import ConfigParsingError
from mmengine.interfaces import Origin

#: the name under which a running config makes lazy objects
LAZY_NAME = 'LazyObject'


def is_builtin_module(name: str) -> bool:
    """Tell whether a module is part of Python."""
    return name.partition('.')[0] in sys.stdlib_module_names


def reads_base(node: ast.With) -> bool:
    """Tell whether a statement is `with read_base():`."""
    call = node.items[0].context_expr
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == 'read_base'


class ImportTransformer(ast.NodeTransformer):
    """Replaces imports of what is no part of Python by lazy objects, and imports of bases by their values.

    Args:
        global_dict: The namespace that the config will run in, which takes the values of the bases.
        base_dict: What an import of a base says, such as `'..._base_.models'`, with its values.
        filename: The config.
    """

    def __init__(self, global_dict: dict[str, Any], base_dict: dict[str, Any] | None = None,
                 filename: str | None = None) -> None:
        self.global_dict = global_dict
        self.base_dict = base_dict or {}
        self.filename = filename
        self.imported_obj: set[str] = set()
        #: the imports of bases, in the order in which they were read
        self.base_imports: list[ast.ImportFrom] = []
        super().__init__()

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.stmt]:
        """Read the bases."""
        if not reads_base(node):
            return self.generic_visit(node)
        for statement in node.body:
            if isinstance(statement, ast.ImportFrom):
                self._read_base(statement)
        return []

    def _read_base(self, node: ast.ImportFrom) -> None:
        self.base_imports.append(node)
        take_from_base(node, self.base_dict, self.global_dict)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | list[ast.stmt]:
        """Make `from a import b` a lazy object."""
        module = module_of(node)
        if module in self.base_dict:
            self._read_base(node)
            return []
        where = self._where(node)
        if any(alias.name == '*' for alias in node.names):
            raise ConfigParsingError('Illegal syntax in config! `from xxx import *` is not allowed to appear outside '
                                     f'`with read_base():` ({where})').at(Origin(str(self.filename), node.lineno))
        if node.level:
            raise ConfigParsingError(f'Illegal syntax in config! A relative import such as `{ast.unparse(node)}` must '
                                     f'stand in `with read_base():` ({where})'
                                     ).at(Origin(str(self.filename), node.lineno))
        names = [alias.asname or alias.name for alias in node.names]
        self.imported_obj.update(names)
        if is_builtin_module(module):
            return node
        return [assign_lazy(name, module, alias.name, where, node)
                for name, alias in zip(names, node.names, strict=True) if alias.name != 'read_base']

    def visit_Import(self, node: ast.Import) -> ast.AST | list[ast.stmt]:
        """Make `import a.b as c` a lazy object; what has no `as` is left to `gather_absolute_imports`."""
        found: list[ast.stmt] = []
        for alias in node.names:
            self.imported_obj.add(alias.asname or alias.name.partition('.')[0])
            if alias.asname and not is_builtin_module(alias.name):
                found.append(assign_lazy(alias.asname, alias.name, None, self._where(node), node))
            else:
                found.append(ast.copy_location(ast.Import([alias]), node))
        return found

    def _where(self, node: ast.stmt) -> str:
        return f'{self.filename}, line {node.lineno}'


def module_of(node: ast.ImportFrom) -> str:
    """Give what `from ... import` says, dots included."""
    return '.' * node.level + (node.module or '')


def take_from_base(node: ast.ImportFrom, bases: Mapping[str, dict[str, Any]], namespace: dict[str, Any]) -> None:
    """Put what a file imports from a base into the namespace that it runs in."""
    base = bases[module_of(node)]
    for alias in node.names:
        if alias.name == '*':
            namespace.update(dict.items(base))
        else:
            namespace[alias.asname or alias.name] = dict.__getitem__(base, alias.name)


def assign_lazy(name: str, module: str | list[str], imported: str | None, where: str, node: ast.stmt) -> ast.stmt:
    """Write `name = LazyObject(module, imported, where)` at the place of a node."""
    modules = ast.Constant(module) if isinstance(module, str) else ast.List([*map(ast.Constant, module)], ast.Load())
    call = ast.Call(ast.Name(LAZY_NAME, ast.Load()), [modules, ast.Constant(imported), ast.Constant(where)], [])
    statement = ast.Assign([ast.Name(name, ast.Store())], call)
    return ast.fix_missing_locations(ast.copy_location(statement, node))


class _Gather(ast.NodeTransformer):
    """Takes out `import a.b`."""

    def __init__(self, filename: str | None) -> None:
        self.filename = filename
        self.roots: dict[str, list[str]] = {}
        self.nodes: dict[str, ast.Import] = {}

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        kept = []
        for alias in node.names:
            if is_builtin_module(alias.name):
                kept.append(alias)
                continue
            root = alias.name.partition('.')[0]
            names = self.roots.setdefault(root, [])
            if alias.name not in names:
                names.append(alias.name)
            if alias.asname:
                kept.append(alias)
            else:
                self.nodes.setdefault(root, node)
        return ast.copy_location(ast.Import(kept), node) if kept else None


def gather_absolute_imports(tree: ast.Module, filename: str | None = None) -> tuple[ast.Module, set[str]]:
    """Make one lazy object `a`, at the top of the file, of `import a.b` and `import a.c`; give the names so made.

    Args:
        tree: The file.
        filename: Its name.
    """
    gather = _Gather(filename)
    tree = gather.visit(tree)
    tree.body[:0] = [assign_lazy(root, gather.roots[root], None, f'{filename}, line {node.lineno}', node)
                     for root, node in gather.nodes.items()]
    return tree, set(gather.nodes)


@contextmanager
def read_base() -> Iterator[None]:
    """Mark, in a config, the imports that are its bases: `with read_base(): from .base import *`."""
    yield
