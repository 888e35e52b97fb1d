"""Objects that stand for an import until they are used."""
from __future__ import annotations

from importlib import import_module
from typing import Any, TypeVar

from mmengine.config.errors import ConfigImportError, ConfigModuleNotFoundError
from mmengine.interfaces import Origin
from mmengine.utils.suggest import did_you_mean

_Self = TypeVar('_Self', bound='_Lazy')


def _import(module: str, location: str | None) -> Any:
    try:
        return import_module(module)
    except Exception as error:
        # Whatever an import runs into, the line of the config that asked for it is what the user has to look at.
        failure = type_of_failure(error)(f'Failed to import {module} in {location}: {error}')
        raise failure.at(_place(location)) from error


def _place(location: str | None) -> Origin | None:
    """Read where an import is written: `'configs/a.py, line 3'`."""
    file, _, line = (location or '').rpartition(', line ')
    return Origin(file, int(line)) if line.isdigit() else None


def type_of_failure(error: BaseException) -> type[ConfigImportError]:
    """Choose the import error that says the same as `error`."""
    return ConfigModuleNotFoundError if isinstance(error, ModuleNotFoundError) else ConfigImportError


class _Lazy:
    """What lazily imported objects have in common: they are named, compared and copied, but not used."""

    location: str | None

    @property
    def dotted(self) -> str:
        """The dotted name of the object, as dumps write it."""
        raise NotImplementedError

    def build(self) -> Any:
        """Import what this stands for."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> LazyAttr:
        if name.startswith('__') and name.endswith('__'):
            raise AttributeError(name)  # else copying and pickling would take this for an object with such methods
        return LazyAttr(name, self, self.location)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be called: the object is not there yet."""
        raise RuntimeError(f'{self.dotted} ({self.location}) is imported when the config is used, so it cannot be '
                           f'called in the config. Write dict(type={self}, ...) to have it built later')

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash(self.dotted)

    def __deepcopy__(self: _Self, memo: dict[int, Any]) -> _Self:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)  # what it names is not copied
        return new

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return str(self)


class LazyObject(_Lazy):
    """A module, or a name in it, that a config imports and that is imported when it is used.

    Args:
        module: The module; several that share their first package, where a file imports more than one of its
            modules by their full names.
        imported: The name in the module; `None` stands for the module itself.
        location: Where the import is written.
    """

    def __init__(self, module: str | list[str] | tuple[str, ...], imported: str | None = None,
                 location: str | None = None) -> None:
        if not isinstance(module, (str, list, tuple)):
            raise TypeError(f'module should be a str, list or tuple, but got {type(module)}')
        if imported is not None and not isinstance(imported, str):
            raise TypeError(f'imported should be a str or None, but got {type(imported)}')
        self._module = module
        self._imported = imported
        self.location = location

    def build(self) -> Any:
        """Import what this stands for."""
        if isinstance(self._module, str):
            module = _import(self._module, self.location)
        else:
            for name in self._module:
                _import(name, self.location)
            module = _import(self._module[0].split('.')[0], self.location)
        if self._imported is None:
            return module
        if not hasattr(module, self._imported):  # a name of the module goes before a submodule of that name
            try:
                return import_module(f'{module.__name__}.{self._imported}')
            except ImportError as error:
                raise ConfigImportError(
                    f'Failed to import {self._imported} from {self._module} in {self.location}.'
                    f'{did_you_mean(self._imported, dir(module))}').at(_place(self.location)) from error
        return getattr(module, self._imported)

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return self._module if isinstance(self._module, str) else self._module[0].split('.')[0]

    @property
    def dotted(self) -> str:
        """The dotted name of the object, as dumps write it."""
        return self.module if self._imported is None else f'{self.module}.{self._imported}'

    def __str__(self) -> str:
        return self._imported or self.module


class LazyAttr(_Lazy):
    """An attribute of a lazily imported object, itself read when it is used."""

    def __init__(self, name: str, source: _Lazy, location: str | None = None) -> None:
        self.name = name
        self.source = source
        self.location = location

    @property
    def module(self) -> str:
        """The dotted name of what this is an attribute of."""
        return self.source.dotted

    @property
    def dotted(self) -> str:
        """The dotted name of the attribute, as dumps write it."""
        return f'{self.module}.{self.name}'

    def build(self) -> Any:
        """Import the source, and read the attribute."""
        source = self.source.build()
        try:
            return getattr(source, self.name)
        except AttributeError:
            pass
        try:  # `import rich` in the config, and rich.progress used in it
            return import_module(self.dotted)
        except ImportError as error:
            raise ConfigImportError(f'Failed to import {self.dotted} in {self.location}.'
                                    f'{did_you_mean(self.name, dir(source))}').at(_place(self.location)) from error

    def __str__(self) -> str:
        return self.name


#: the types that a config resolves when they are read
LAZY_TYPES = (LazyObject, LazyAttr)


def to_text(value: Any) -> Any:
    """Write lazy objects as their dotted names, in plain dicts, lists and tuples all the way down."""
    if type(value) in LAZY_TYPES:
        return value.dotted
    if isinstance(value, dict):
        return {key: to_text(item) for key, item in dict.items(value)}
    if type(value) is list:
        return [to_text(item) for item in value]
    if type(value) is tuple:
        return tuple(to_text(item) for item in value)
    return value
