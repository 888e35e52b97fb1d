"""The registry: modules by name, and objects built from configs."""
from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mmengine.registry.build_functions import build_from_cfg
from mmengine.registry.errors import AlreadyRegisteredError
from mmengine.registry.node import RegistryNode, is_interactive_main
from mmengine.utils import is_seq_of

M = TypeVar('M', bound=Callable[..., Any])


class Registry(RegistryNode):
    """Classes and functions by name, to be built from configs.

    >>> CATS = Registry('cat', scope='zoo')
    >>> @CATS.register_module()
    ... class Siamese:
    ...     def __init__(self, age):
    ...         self.age = age
    >>> CATS.build(dict(type='Siamese', age=3)).age
    3

    Args:
        name: What is registered, `'model'` for example.
        build_func: What `build` calls, with the config and `registry=`; by default the parent's, or `build_from_cfg`.
        parent: Registry whose names are found from here as well, and that finds ours by `scope.Name`.
        scope: Prefix of the names; by default the top package of the module that makes the registry.
        locations: Modules that register their members here. They are imported when a name is missing.
        entry_points: Group of entry points `name = module:object` by which other distributions offer modules. One is
            imported when its name is asked for and missing.
    """

    def __init__(self, name: str, build_func: Callable[..., Any] | None = None, parent: Registry | None = None,
                 scope: str | None = None, locations: Sequence[str] = (), *, entry_points: str | None = None) -> None:
        made_at = _caller(self)
        super().__init__(name, parent, made_at[0].split('.')[0] if scope is None else scope, locations, entry_points,
                         made_at)
        if build_func is None:
            build_func = build_from_cfg if parent is None else parent.build_func
        self.build_func: Callable[..., Any] = build_func

    def __repr__(self) -> str:
        width = max(map(len, self._module_dict), default=0)
        rows = [f'    {name:{width}}  {module!r}' for name, module in self._module_dict.items()]
        return '\n'.join([f'Registry of {self._name} (scope {self._scope!r}, {len(rows)} modules)', *rows])

    @staticmethod
    def infer_scope() -> str:
        """Find the top package of the module that calls the caller of this function."""
        frame = sys._getframe(2)
        return str(frame.f_globals.get('__name__', 'mmengine')).split('.')[0]

    def build(self, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        """Build an object from a config.

        Args:
            cfg: Config with `type`, and optionally `_scope_`; the rest are arguments.
            *args: Further arguments of `build_func`.
            **kwargs: Further arguments of `build_func`.
        """
        return self.build_func(cfg, *args, **kwargs, registry=self)

    def register_module(self, name: str | Sequence[str] | None = None, force: bool = False,
                        module: Any = None) -> Any:
        """Register a class or function, as a decorator or by a call.

        >>> DOGS = Registry('dog', scope='zoo')
        >>> @DOGS.register_module(name=['Poodle', 'Caniche'])
        ... class Poodle:
        ...     pass
        >>> DOGS.register_module(module=dict).__name__
        'dict'

        Args:
            name: Name, or several; by default that of the module.
            force: Whether a module of the same name is replaced; otherwise that is an error.
            module: What to register. Without it, a decorator is returned.
        """
        if not isinstance(force, bool):
            raise TypeError(f'force must be a boolean, but got {type(force)}')
        if not (name is None or isinstance(name, str) or is_seq_of(name, str)):
            raise TypeError('name must be None, an instance of str, or a sequence of str, '
                            f'but got {type(name)}')
        if module is not None:
            self._register_module(module, name, force)
            return module

        def decorate(module: M) -> M:
            self._register_module(module, name, force)
            return module

        return decorate

    def _register_module(self, module: Any, module_name: str | Sequence[str] | None = None,
                         force: bool = False) -> None:
        """Register a module by its own or by other names."""
        if not callable(module):
            raise TypeError(f'module must be Callable, but got {type(module)}')
        if module_name is None:
            module_name = _own_name(module)
        names = [module_name] if isinstance(module_name, str) else list(module_name)
        # All or none: an error at the second name must not leave the first one behind.
        wanted = [name for name in names if force or self._is_free(name, module)]
        for name in wanted:
            self._module_dict[name] = module
            self._provided.pop(name, None)

    def _is_free(self, name: str, module: Any) -> bool:
        """Tell whether `module` may have the name; False keeps the present one without complaint."""
        present = self._module_dict.get(name)
        if present is None or present is self._provided.get(name) or _is_run_again(present, module):
            return True
        # Of an installed distribution's offer and another module of that name, the other one is the user's choice.
        if self._providers.offers(name, present) != self._providers.offers(name, module):
            return self._providers.offers(name, present)
        where = getattr(present, '__module__', None) or type(present).__module__
        raise AlreadyRegisteredError(
            f'{name} is already registered in {self._name} at {where}. Register the new one by another name, or '
            f'with force=True to replace the present one.')


def _own_name(module: Any) -> str:
    name = getattr(module, '__name__', None)
    if name is None and isinstance(module, functools.partial):
        return _own_name(module.func)
    if not isinstance(name, str):
        raise TypeError(f'{module!r} has no name of its own: give one, register_module(name=..., module=...)')
    return name


def _is_run_again(present: Any, module: Any) -> bool:
    """Tell whether a cell of a notebook defines its class anew."""
    def identity(thing: Any) -> tuple[Any, Any]:
        return getattr(thing, '__module__', None), getattr(thing, '__qualname__', None)

    return present is not module and identity(present) == identity(module) \
        and is_interactive_main(str(identity(module)[0]))


def _caller(instance: object) -> tuple[str, int]:
    """Find module and line that make an instance, past the constructors of its subclasses."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_name == '__init__' and frame.f_locals.get('self') is instance:
        frame = frame.f_back
    return str(frame.f_globals.get('__name__', 'mmengine')), frame.f_lineno
