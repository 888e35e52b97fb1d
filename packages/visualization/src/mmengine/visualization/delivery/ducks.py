"""What a backend of any make can do: one of ours, one written for upstream, or any class with some of the methods."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mmengine.visualization.backends.base import BaseVisBackend


def setting(backend: Any, name: str) -> Any:
    """Read a setting of a backend, which has the default of `BaseVisBackend` if it is of another make."""
    return getattr(backend, name, getattr(BaseVisBackend, name))


def is_started(backend: Any) -> bool:
    """Tell whether its tracker runs, as far as one can know."""
    return bool(getattr(backend, '_env_initialized', False))


def limit_of(backend: Any, method: str) -> float:
    """Give the seconds within which a method should return."""
    given = getattr(backend, 'limit_of', None)
    return float(BaseVisBackend.call_limit if given is None else given(method))


def is_transient(backend: Any, error: BaseException) -> bool:
    """Tell whether to try a call again."""
    judge = getattr(backend, 'is_transient', None)
    return bool(isinstance(error, ConnectionError) if judge is None else judge(error))


def supports(backend: Any, feature: str) -> bool:
    """Tell whether it has something of its own."""
    ask = getattr(backend, 'supports', None)
    return ask is not None and bool(ask(feature))


def method_of(backend: Any, name: str) -> Callable[..., Any] | None:
    """Give a method that takes the keyword arguments of ours; None if the class implements only a part."""
    function = getattr(backend, name, None)
    return function if function is None or name.startswith('add_') else _fitting(function)


def _fitting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leave out the keyword arguments that an older backend's method does not have, such as `close(status)`."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return function
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return function
    known = set(parameters)

    def fitting(*args: Any, **given: Any) -> Any:
        return function(*args, **{key: value for key, value in given.items() if key in known})

    return fitting
