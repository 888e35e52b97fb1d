"""Config files in the pure Python style: bases by `read_base`, imports that wait until they are used."""
from __future__ import annotations

import ast
import os.path as osp
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from mmengine.config.config_dict import ConfigDict
from mmengine.config.errors import ConfigKeyError, ConfigParsingError
from mmengine.config.lazy import LazyObject
from mmengine.config.lazy_imports import (
    LAZY_NAME,
    ImportTransformer,
    gather_absolute_imports,
    is_builtin_module,
    module_of,
    reads_base,
    take_from_base,
)
from mmengine.config.python_text import Code, assigns_base, compiled, config_of, run
from mmengine.config.recorder import Recorder
from mmengine.interfaces import Origin
from mmengine.utils.suggest import did_you_mean


def is_lazy(tree: ast.Module, source: str) -> bool:
    """Tell whether a file is in the pure Python style: it has `read_base`, or imports what is no part of Python.

    Args:
        tree: The file.
        source: Its text, which most often has no import at all.
    """
    if 'import' not in source and 'read_base' not in source:
        return False
    return not assigns_base(tree) and any(map(_is_lazy_node, ast.walk(tree)))


def _is_lazy_node(node: ast.AST) -> bool:
    if isinstance(node, ast.With):
        return reads_base(node)
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or not is_builtin_module(node.module or '')
    if isinstance(node, ast.Import):
        return not all(is_builtin_module(alias.name) for alias in node.names)
    return False


class LazyFile:
    """A file in the pure Python style, prepared once and run as often as it is a base.

    Args:
        tree: The file, which is used up.
        path: Its name.
    """

    def __init__(self, tree: ast.Module, path: str) -> None:
        self.path = path
        #: the modules that are read as bases: what the import says -> its file, and where it says so
        self.bases = self._bases(tree)
        self._imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        self._tree = tree
        self._code: Code | None = None
        self._base_imports: list[ast.ImportFrom] = []
        self._imported: set[str] = set()

    def _bases(self, tree: ast.Module) -> dict[str, tuple[str, Origin]]:
        found: dict[str, tuple[str, Origin]] = {}
        for node in tree.body:
            if not isinstance(node, ast.With):
                continue
            if not reads_base(node):
                raise ConfigParsingError(f'Only `with read_base():` can stand in a config of the pure Python style, '
                                         f'but {self.path}:{node.lineno} has `{ast.unparse(node.items[0])}`'
                                         ).at(Origin(self.path, node.lineno))
            for statement in node.body:
                where = Origin(self.path, statement.lineno)
                if not isinstance(statement, ast.ImportFrom):
                    raise ConfigParsingError(f'Only `from ... import ...` can stand in `with read_base():`, '
                                             f'but {where} has `{ast.unparse(statement)}`').at(where)
                module = module_of(statement)
                found[module] = (self._file_of(module, where), where)
        return found

    def _file_of(self, module: str, where: Origin) -> str:
        name = module.lstrip('.')
        level = len(module) - len(name)
        parts = name.split('.')
        if level:
            folder = osp.join(osp.dirname(self.path), *['..'] * (level - 1))
        else:
            spec = find_spec(parts[0])  # the package itself is not imported
            if spec is None or not spec.submodule_search_locations:
                raise ConfigParsingError(f'{where} reads its base from {module!r}, but no package {parts[0]!r} is '
                                         'installed').at(where)
            folder, parts = next(iter(spec.submodule_search_locations)), parts[1:]
            installed = osp.join(folder, '.mim')  # where a library of the family keeps its configs once it is built
            if parts[:1] == ['configs'] and not osp.exists(osp.join(folder, 'configs')) and osp.exists(installed):
                folder = installed
        return osp.normpath(f'{osp.join(folder, *parts)}.py')

    def execute(self, bases: Mapping[str, ConfigDict], recorder: Recorder) -> tuple[ConfigDict, set[str]]:
        """Run the file over its bases; give its names, and which of them are imports."""
        self._check_names(bases)
        code = self._code or self._prepared(bases)
        namespace: dict[str, Any] = {LAZY_NAME: LazyObject}
        for node in self._base_imports:
            take_from_base(node, bases, namespace)
        for base in bases.values():
            for name in base:
                origin = base.origin_of(name)
                if origin is not None and name in namespace:
                    recorder.inherit(name, origin, list(base._past_of(name)), dict.__getitem__(base, name))
        run(code, recorder, namespace)
        del namespace[LAZY_NAME]
        return config_of(namespace, recorder, functions=True), self._imported

    def _prepared(self, bases: Mapping[str, ConfigDict]) -> Code:
        tree, roots = gather_absolute_imports(self._tree, self.path)
        transformer = ImportTransformer({}, dict(bases), self.path)
        self._code = compiled(transformer.visit(tree), self.path)
        self._base_imports = transformer.base_imports
        self._imported = transformer.imported_obj | roots
        return self._code

    def _check_names(self, bases: Mapping[str, ConfigDict]) -> None:
        for node in self._imports:
            base = bases.get(module_of(node))
            for alias in node.names if base is not None else ():
                if base is not None and alias.name != '*' and alias.name not in base:
                    raise ConfigKeyError(f'{self.path}:{node.lineno} imports {alias.name!r}, which its base '
                                          f'does not have.{did_you_mean(alias.name, map(str, base))}'
                                          ).at(Origin(self.path, node.lineno), alias.name)
