"""Top-level names of `mmengine` on first use, and what to install or mend when their part is not whole."""
from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from importlib.machinery import PathFinder
from typing import Any

from mmengine._parts import DISTRIBUTIONS, NAMES


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _not_whole(module: str, distribution: str) -> ModuleNotFoundError:
    """Say that a part is missing, or that its files were removed along with another package."""
    if _is_installed(distribution):
        text = (f'{module} is in the distribution {distribution!r}, which is installed, but its files are gone '
                f'(removed together with another package that had files of the same names): '
                f'pip install --force-reinstall --no-deps {distribution}')
    else:
        text = f'{module} is in the distribution {distribution!r}, which is not installed: pip install {distribution}'
    return ModuleNotFoundError(text, name=module)


def _part_of(fullname: str) -> str | None:
    parent, _, part = fullname.rpartition('.')
    return part if parent == 'mmengine' and part in DISTRIBUTIONS else None


class _DamagedPart:
    """First finder: a part of which only leftovers exist would import as an empty namespace."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: object = None) -> None:
        part = _part_of(fullname)
        if part is not None:
            spec = PathFinder.find_spec(fullname, path)
            if spec is not None and spec.origin is None:
                raise _not_whole(fullname, DISTRIBUTIONS[part])


class _MissingPart:
    """Last finder: only asked when no other finder knows the part."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: object = None) -> None:
        part = _part_of(fullname)
        if part is not None:
            raise _not_whole(fullname, DISTRIBUTIONS[part])


def attach(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the module-level `__getattr__` and `__dir__` of the top of the namespace (PEP 562)."""
    owner = {name: part for part, names in NAMES.items() for name in names}
    sys.meta_path.insert(0, _DamagedPart)
    sys.meta_path.append(_MissingPart)

    def __getattr__(name: str) -> Any:
        if name not in owner and name not in DISTRIBUTIONS:
            raise AttributeError(f'module {package!r} has no attribute {name!r}')
        module = import_module(f'{package}.{owner.get(name, name)}')
        value = getattr(module, name) if name in owner else module
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        module = sys.modules[package]
        found = {part: PathFinder.find_spec(f'{package}.{part}', module.__path__) for part in DISTRIBUTIONS}
        present = {part for part, spec in found.items() if spec is not None and spec.origin is not None}
        return sorted({*vars(module), *present, *(name for name, part in owner.items() if part in present)})

    return __getattr__, __dir__
