"""Check who imports whom: no cycle of modules, no import upwards, no sibling that is not declared.

    python tools/check_imports.py [ROOT]

Counts every import, those inside functions included, apart from `if TYPE_CHECKING`. The layers are those of
ARCHITECTURE.md; a part that is missing in `LAYERS` may import what an integration may.
"""
from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from parts import ROOT, Part, closure, load_parts, needs_torch, siblings

TOP = 'mmengine'
INTEGRATION = {'core', 'registry', 'fileio', 'visualization'}
LAYERS: dict[str, set[str]] = {
    'core': set(),
    'registry': {'core'},
    'fileio': {'core'},
    'config': {'core', 'fileio'},
    'dist': {'core'},
    'visualization': {'core', 'registry', 'fileio'},
    'engine': {'core', 'registry', 'fileio', 'config', 'dist', 'visualization'},
}


@dataclass(frozen=True)
class Import:
    """One imported name: the module named, the name taken from it, the line, and whether loading runs it."""

    module: str
    name: str
    line: int
    at_load: bool


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    part: str
    file: Path
    imports: tuple[Import, ...]


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ''
    parents = module.split('.')
    parents = parents[:len(parents) - node.level + is_package]
    return '.'.join([*parents, *([node.module] if node.module else [])])


def _statements(node: ast.AST, at_load: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node, at_load
    below: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.dump(node.test):
        below = node.orelse
    at_load = at_load and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    for child in below:
        yield from _statements(child, at_load)


def imports_of(source: str, module: str, is_package: bool) -> Iterator[Import]:
    """Give every import of a source text."""
    for node, at_load in _statements(ast.parse(source), True):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, '', node.lineno, at_load) for alias in node.names)
        else:
            base = _absolute(node, module, is_package)
            yield from (Import(base, alias.name, node.lineno, at_load) for alias in node.names)


def read_modules(parts: dict[str, Part]) -> tuple[dict[str, Module], list[str]]:
    """Read all modules of all parts; the second value says which belong to two parts."""
    modules: dict[str, Module] = {}
    problems = []
    for part in parts.values():
        for file in sorted(part.source.rglob('*.py')):
            path = list(file.relative_to(part.source).with_suffix('').parts)
            is_package = path[-1] == '__init__'
            name = '.'.join(path[:-1] if is_package else path)
            if name in modules:
                problems.append(f'{file}: {name} is also in the part {modules[name].part!r}')
            found = imports_of(file.read_text(encoding='utf-8'), name, is_package)
            modules[name] = Module(name, part.name, file, tuple(found))
    return modules, problems


def target_of(modules: dict[str, Module], item: Import) -> str | None:
    """Give our module that an import names; an unknown one below our namespace counts for its nearest parent."""
    name = f'{item.module}.{item.name}' if f'{item.module}.{item.name}' in modules else item.module
    while name and name not in modules:
        name = name.rpartition('.')[0]
    return name or None


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Give the groups of modules that can reach each other (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for child in sorted(graph[node]):
            if child not in index:
                visit(child)
                low[node] = min(low[node], low[child])
            elif child in stack:
                low[node] = min(low[node], index[child])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                groups.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return groups


def judge(parts: dict[str, Part], module: Module, item: Import, target: Module) -> str | None:
    """Say why a module may not import another one, if so."""
    if target.name == TOP and item.module != TOP:
        return f'imports {item.module}, which no part has'
    if target.name == TOP and item.name not in ('__version__', 'version_info'):
        return f'imports {item.name or TOP!r} from the lazy top: name the module that defines it'
    if target.part == module.part:
        return None
    allowed = LAYERS.get(module.part, INTEGRATION)
    if target.part not in allowed:
        return f'{module.part} must not import {target.name}: {target.part} is not below it'
    declared = closure(parts, siblings(parts, parts[module.part].requires))
    if target.part not in declared:
        return f'imports {target.name}, but {module.part} does not declare {parts[target.part].distribution}'
    return None


def check(parts: dict[str, Part]) -> tuple[list[str], int]:
    """Give every problem, and the number of modules that were read."""
    modules, problems = read_modules(parts)
    graph: dict[str, set[str]] = {name: set() for name in modules}
    for module in modules.values():
        torch_free = not needs_torch(parts, module.part)
        for item in module.imports:
            where = f'{module.file}:{item.line}: '
            if torch_free and item.at_load and item.module.split('.')[0] == 'torch':
                problems.append(f'{where}{module.part} must load without torch')
            target = target_of(modules, item)
            if target is None or target == module.name:
                continue
            graph[module.name].add(target)
            problem = judge(parts, module, item, modules[target])
            problems += [where + problem] if problem else []
    problems += [f'modules import each other: {", ".join(group)}' for group in cycles(graph)]
    return problems, len(modules)


def main() -> int:
    """Print the problems; their number decides the exit status."""
    sys.setrecursionlimit(10_000)
    parts = load_parts(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT)
    problems, count = check(parts)
    print('\n'.join(problems) or f'{len(parts)} parts, {count} modules: no cycle, no import upwards, all declared')
    return bool(problems)


if __name__ == '__main__':
    sys.exit(main())
