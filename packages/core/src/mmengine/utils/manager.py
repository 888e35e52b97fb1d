"""Classes whose instances are reachable by name from everywhere."""
from __future__ import annotations

import inspect
import threading
import warnings
from collections import OrderedDict
from typing import Any, TypeVar

T = TypeVar('T', bound='ManagerMixin')

_lock = threading.RLock()  # re-entrant: the constructor of one instance may ask for another one


class ManagerMeta(type):
    """Give every class its own instances by name; the constructor has to take `name`."""

    _instance_dict: OrderedDict[str, Any]

    def __init__(cls, *args: Any) -> None:
        super().__init__(*args)
        if 'name' not in inspect.signature(cls.__init__).parameters:  # type: ignore[misc]  # the class's own, as it is
            raise AssertionError(f'{cls.__qualname__}.__init__ must have the parameter `name`, '
                                 f'by which its instances are found')
        cls._instance_dict = OrderedDict()


class ManagerMixin(metaclass=ManagerMeta):
    """Base of classes whose instances are reachable by name.

    The *current* instance of a class is the one that was made last, by that class or a subclass of it. Whoever has
    several instances of one class side by side says which is current with `make_current`, and `release` forgets
    an instance, so that its name is free again.

    Args:
        name: Name of the instance.
        **kwargs: For the next class in the order of inheritance.
    """

    def __init__(self, name: str = '', **kwargs: Any) -> None:
        _check_name(type(self), name)
        super().__init__(**kwargs)
        self._instance_name = name

    @classmethod
    def get_instance(cls: type[T], name: str, **kwargs: Any) -> T:
        """Get the instance called `name`; make it from `kwargs` when there is none.

        Args:
            name: Name of the instance.
            **kwargs: For the constructor. An existing instance does not change, which a warning says.
        """
        _check_name(cls, name)
        with _lock:
            found: T | None = cls._instance_dict.get(name)
            if found is None:
                found = cls(name=name, **kwargs)
                found.make_current()
            elif kwargs:
                warnings.warn(f'{cls.__name__} called {name!r} exists already: the arguments '
                              f'{sorted(kwargs)} are not used. Use another name, or release() the existing one.',
                              UserWarning, stacklevel=2)
            return found

    @classmethod
    def get_current_instance(cls: type[T]) -> T:
        """Get the instance that was made last, or made current since."""
        with _lock:
            if not cls._instance_dict:
                raise RuntimeError(f'there is no instance of {cls.__name__} yet: '
                                   f'call {cls.__name__}.get_instance(name, ...) before get_current_instance()')
            current: T = next(reversed(cls._instance_dict.values()))
            return current

    @classmethod
    def check_instance_created(cls, name: str) -> bool:
        """Tell whether an instance of this name exists."""
        return name in cls._instance_dict

    @property
    def instance_name(self) -> str:
        """Name of the instance."""
        return self._instance_name

    def make_current(self) -> None:
        """Make this the instance that `get_current_instance` of its class, and of the classes above, gives.

        An instance that was not made by `get_instance`, or was released, becomes known by its name.
        """
        with _lock:
            for cls in _managed(type(self)):
                cls._instance_dict.pop(self._instance_name, None)
                cls._instance_dict[self._instance_name] = self

    def release(self) -> None:
        """Forget this instance: its name is free, and the one before is current."""
        with _lock:
            for cls in _managed(type(self)):
                if cls._instance_dict.get(self._instance_name) is self:
                    del cls._instance_dict[self._instance_name]


def _managed(cls: type[ManagerMixin]) -> list[type[ManagerMixin]]:
    """List the class and its bases that have instances of their own."""
    return [base for base in cls.__mro__ if issubclass(base, ManagerMixin) and base is not ManagerMixin]


def _check_name(cls: type, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise AssertionError(f'name of a {cls.__name__} must be a non-empty string, got {name!r} '
                             f'of type {type(name).__name__}')
