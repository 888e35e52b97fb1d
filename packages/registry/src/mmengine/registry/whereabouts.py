"""Search sources for a class that should have been registered: most often its module was just not imported."""
from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import NamedTuple

from mmengine.registry.libraries import LIBRARIES

#: Limits of one search, which has to stay quick even where a data set lies beside the code.
MAX_ENTRIES = 20_000
MAX_FILES = 2_000
MAX_BYTES = 1_000_000
MAX_DEPTH = 6

_SKIPPED = frozenset(('build', 'dist', 'node_modules', 'site-packages', 'venv', 'work_dirs'))


class Definition(NamedTuple):
    """Where a class or function is defined.

    Attributes:
        file: The file, relative to the current folder where it lies below that.
        line: The line.
        module: Name to import it by.
        registered: Whether it seems to be registered where it is defined.
        imported: Whether the module has been imported.
        importable: Whether the module is found under that name.
    """

    file: str
    line: int
    module: str
    registered: bool
    imported: bool
    importable: bool


def find_definition(name: str) -> list[Definition]:
    """Find where a class or function is defined, below the current folder and in installed libraries of the family.

    Those that are registered come first.
    """
    if not name.isidentifier():
        return []
    found = [definition for folder, package in _roots() for definition in _search(folder, package, name)]
    return sorted(found, key=lambda definition: not definition.registered)


def _roots() -> Iterator[tuple[str, str]]:
    """Give the folders to search, each with the package that it is."""
    yield os.getcwd(), ''
    for library in LIBRARIES:
        spec = find_spec(library)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield folder, library


def _search(folder: str, package: str, name: str) -> Iterator[Definition]:
    definition = re.compile(rf'^[ \t]*(?:class|def)[ \t]+{name}\b', re.MULTILINE)
    for path in _sources(folder):
        try:
            with open(path, 'rb') as file:
                data = file.read(MAX_BYTES)
        except OSError:
            continue
        if name.encode() not in data:
            continue
        text = data.decode('utf-8', 'replace')
        for match in definition.finditer(text):
            yield _describe(path, folder, package, text, match.start())


def _sources(folder: str) -> Iterator[str]:
    """Go through Python files breadth first, within the limits."""
    entries = files = 0
    level = [folder]
    for _ in range(MAX_DEPTH):
        below: list[str] = []
        for directory in level:
            try:
                with os.scandir(directory) as scan:
                    for entry in scan:
                        entries += 1
                        if entries > MAX_ENTRIES or files > MAX_FILES:
                            return
                        if entry.name.endswith('.py'):
                            files += 1
                            yield entry.path
                        elif entry.is_dir(follow_symlinks=False) and _is_code(entry):
                            below.append(entry.path)
            except OSError:  # not ours to read
                continue
        level = below


def _is_code(entry: os.DirEntry[str]) -> bool:
    return (entry.name.isidentifier() and not entry.name.startswith('__') and entry.name not in _SKIPPED
            and not os.path.exists(os.path.join(entry.path, 'pyvenv.cfg')))


def _describe(path: str, folder: str, package: str, text: str, start: int) -> Definition:
    above = text[:start].rstrip().rpartition('\n\n')[2]  # the decorators
    registered = 'register_module(' in above or re.search(r'register_module\([^)]*module=', text) is not None
    parts = os.path.relpath(os.path.splitext(path)[0], folder).split(os.sep)
    if parts[-1] == '__init__':
        parts.pop()
    module, importable = '.'.join([package, *parts] if package else parts), True
    if not package:
        module, importable = _importable(path, module)
    relative = os.path.relpath(path)
    return Definition(path if relative.startswith(os.pardir) else relative, text.count('\n', 0, start) + 1, module,
                      registered, module in sys.modules, importable)


def _importable(path: str, module: str) -> tuple[str, bool]:
    """Find the name by which a file below the current folder is imported."""
    full = os.path.splitext(os.path.realpath(path))[0]
    for root in sorted((os.path.realpath(entry or os.getcwd()) for entry in sys.path), key=len, reverse=True):
        if full.startswith(root + os.sep):
            parts = full[len(root) + 1:].split(os.sep)
            return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts), True
    return module, False
