"""Modules, classes and functions from their dotted names."""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

_MISSING = object()


def import_modules_from_strings(imports: str | Sequence[str] | None,
                                allow_failed_imports: bool = False) -> Any:
    """Import one module, or several, by name.

    Args:
        imports: A dotted name gives a module; a list of them gives a list of modules; nothing gives None.
        allow_failed_imports: Whether a module that cannot be imported is a warning, with None in its place.
    """
    if not imports:
        return None
    if isinstance(imports, str):
        return _import_or_warn(imports, allow_failed_imports)
    if not isinstance(imports, (list, tuple)):
        raise TypeError(f'imports must be a name or a list of names, got {imports!r} of type {type(imports).__name__}')
    for name in imports:
        if not isinstance(name, str):
            raise TypeError(f'imports must be names of modules, got {name!r} of type {type(name).__name__}')
    return [_import_or_warn(name, allow_failed_imports) for name in imports]


def _import_or_warn(name: str, allow_failed_imports: bool) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError as e:
        if not allow_failed_imports:
            raise ImportError(f'Failed to import {name!r}: {e}', name=e.name, path=e.path) from e
        warnings.warn(f'{name!r} failed to import and is ignored: {e}', UserWarning, stacklevel=3)
        return None


def get_object_from_string(obj_name: str) -> Any:
    """Get a module, a class, a function or an attribute from its dotted name; None if there is no such thing.

    Where a module and another object have the same name, the other object is meant. A module that is there and fails
    to import raises what it raises.

    Args:
        obj_name: Dotted name, `package.module.Class.attribute` for example.
    """
    first, *rest = obj_name.split('.')
    found: Any = _import_if_there(first)
    for part in rest:
        if found is None:
            return None
        found = _member(found, part)
    return found


def _member(owner: Any, name: str) -> Any:
    if not isinstance(owner, ModuleType):
        return getattr(owner, name, None)
    full_name = f'{owner.__name__}.{name}'
    try:
        value = getattr(owner, name, _MISSING)
    except ModuleNotFoundError as e:  # a name that the module looks up when asked, in a place that is not installed
        _raise_unless_missing(e, full_name)
        return None
    return value if value is not _MISSING else _import_if_there(full_name)


def _import_if_there(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError as e:
        _raise_unless_missing(e, name)
        return None


def _raise_unless_missing(error: ModuleNotFoundError, name: str) -> None:
    """Let the error pass if `name` itself, or what it lies in, is missing; not if something that it imports is."""
    if error.name is None or not f'{name}.'.startswith(f'{error.name}.'):
        raise error
