"""The parts of the monorepo as their project files describe them, in the order of their dependencies."""
from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent


def name_of(requirement: str) -> str:
    """Give the normalised distribution name of a requirement such as ``mmparts-core>=0.12,<0.13``."""
    return re.split(r'[\s;<>=!~\[]', requirement.strip(), maxsplit=1)[0].lower().replace('_', '-')


@dataclass(frozen=True)
class Part:
    """One distribution: where it lives, and what its project file declares."""

    name: str
    path: Path
    project: dict[str, Any]
    groups: dict[str, list[str]] = field(default_factory=dict)  # of requirements, for development alone

    @property
    def distribution(self) -> str:
        """Name on the package index."""
        return str(self.project['name'])

    @property
    def source(self) -> Path:
        """Folder that holds the import packages; metadata-only parts have none."""
        return self.path / 'src'

    @property
    def tests(self) -> Path:
        """Folder of the part's own tests."""
        return self.path / 'tests'

    @property
    def is_integration(self) -> bool:
        """Whether the part connects one tracker or library."""
        return self.path.parent.name == 'integrations'

    def supports(self, python: str) -> bool:
        """Whether the part declares a Python such as '3.13', which takes wheels of all that it requires."""
        return (SpecifierSet(self.project.get('requires-python', '')).contains(python)
                and f'Programming Language :: Python :: {python}' in self.project.get('classifiers', ()))

    @property
    def test_requires(self) -> tuple[str, ...]:
        """What the tests of the part need besides."""
        return tuple(self.groups.get('test', ()))

    @property
    def requires(self) -> tuple[str, ...]:
        """What an installation of the part brings along."""
        return tuple(self.project.get('dependencies', ()))

    @property
    def extras(self) -> tuple[str, ...]:
        """What only the extras of the part bring along."""
        return tuple(r for extra in self.project.get('optional-dependencies', {}).values() for r in extra)

    def digest(self) -> str:
        """Hash the content of every file that can reach a wheel or a source distribution."""
        found = hashlib.sha256()
        for file in sorted(f for f in self.path.rglob('*') if f.is_file() and '__pycache__' not in f.parts):
            found.update(f'{file.relative_to(self.path).as_posix()}\0'.encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
        return found.hexdigest()

    def artifact(self, dist: Path, suffix: str = '.whl') -> Path | None:
        """Find the built wheel (or source distribution) of the part in a folder."""
        stem = self.distribution.replace('-', '_')
        found = [f for f in dist.glob(f'{stem}-*{suffix}') if f.name[len(stem) + 1].isdigit()]
        return max(found, default=None, key=lambda file: file.stat().st_mtime)


def load_parts(root: Path = ROOT) -> dict[str, Part]:
    """Read every part of a checkout: name of its folder -> part, what is depended upon first."""
    found: dict[str, Part] = {}
    files = [*root.glob('packages/*/pyproject.toml'), *root.glob('packages/integrations/*/pyproject.toml')]
    for file in sorted(files):
        if file.parent.name.startswith('_'):  # the template for new integrations
            continue
        data = tomllib.loads(file.read_text(encoding='utf-8'))
        groups = data.get('dependency-groups', {})
        found[file.parent.name] = Part(file.parent.name, file.parent, data['project'], groups)
    return {name: found[name] for name in closure(found, found)}


def siblings(parts: dict[str, Part], requirements: Iterable[str]) -> list[str]:
    """Give the names of the parts among some requirements."""
    known = {part.distribution: name for name, part in parts.items()}
    return [known[name] for name in map(name_of, requirements) if name in known]


def closure(parts: dict[str, Part], names: Iterable[str]) -> list[str]:
    """Give the named parts and all that they depend upon, what is depended upon first."""
    ordered: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f'parts depend on each other in a circle: {" -> ".join([*above, name])}')
        if name not in ordered:
            for sibling in siblings(parts, parts[name].requires):
                visit(sibling, (*above, name))
            ordered[name] = None

    for name in names:
        visit(name, ())
    return list(ordered)


def needs_torch(parts: dict[str, Part], name: str) -> bool:
    """Whether an installation of the part brings torch along."""
    return any(name_of(r) == 'torch' for n in closure(parts, [name]) for r in parts[n].requires)
