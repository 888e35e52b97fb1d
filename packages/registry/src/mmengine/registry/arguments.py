"""What arguments a class or function takes, and what is wrong with those that a config gives."""
from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from mmengine.utils.suggest import did_you_mean

_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def qualified_name(target: Any) -> str:
    """Write the full name of a class or function: `mmengine.model.base_module.BaseModule`."""
    name = getattr(target, '__qualname__', None)
    if name is None:
        return repr(target)
    return f'{target.__module__}.{name}'


def _parameters(target: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(target).parameters.values())
    except (TypeError, ValueError):  # written in C, or a signature that lies
        return None


def takes_any(target: Callable[..., Any]) -> bool:
    """Tell whether arguments of any name are taken, or which ones are taken cannot be told."""
    parameters = _parameters(target)
    return parameters is None or any(p.kind is p.VAR_KEYWORD for p in parameters)


def valid_arguments(target: Callable[..., Any]) -> list[inspect.Parameter]:
    """List the arguments that can be given by name; `**kwargs` stands for those of the classes above."""
    sources: list[Any] = [target]
    if inspect.isclass(target):
        constructors = [vars(cls)['__init__'] for cls in target.__mro__[1:-1] if '__init__' in vars(cls)]
        sources += constructors
    found: dict[str, inspect.Parameter] = {}
    for source in sources:
        parameters = _parameters(source) or []
        for parameter in parameters if source is target else parameters[1:]:
            if parameter.kind in _BY_KEYWORD:
                found.setdefault(parameter.name, parameter)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(found.values())


def unexpected_arguments(target: Callable[..., Any], given: Iterable[str], error: TypeError) -> list[str]:
    """Find the given arguments that a call failed for, because nobody takes them."""
    valid = {parameter.name for parameter in valid_arguments(target)}
    wrong = [name for name in given if name not in valid]
    if takes_any(target):  # then what was handed on is to blame, and only the error knows
        blamed = _UNEXPECTED.findall(str(error))
        return [name for name in wrong if name in blamed]
    return wrong


def missing_arguments(target: Callable[..., Any], given: Iterable[str]) -> list[str]:
    """List the arguments without a default that are not given."""
    return [p.name for p in _parameters(target) or []
            if p.kind in _BY_KEYWORD and p.default is p.empty and p.name not in set(given)]


def describe_arguments(target: Callable[..., Any]) -> str:
    """Write the arguments with their defaults: `depth, width=3`."""
    def describe(parameter: inspect.Parameter) -> str:
        if parameter.default is parameter.empty:
            return parameter.name
        default = repr(parameter.default)
        return f'{parameter.name}={default}' if len(default) <= 30 else f'{parameter.name}=...'

    return ', '.join(map(describe, valid_arguments(target))) or 'no arguments'


def suggest_argument(target: Callable[..., Any], name: str) -> str:
    """Say what argument a misspelt name may mean; empty when none resembles it."""
    return did_you_mean(name, [parameter.name for parameter in valid_arguments(target)])
