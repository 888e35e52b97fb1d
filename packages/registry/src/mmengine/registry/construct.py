"""Call what a config names, and let its errors say where the config is."""
from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mmengine.interfaces import Origin, origin_of
from mmengine.registry.arguments import (
    describe_arguments,
    missing_arguments,
    qualified_name,
    suggest_argument,
    unexpected_arguments,
)
from mmengine.utils import ManagerMixin


def construct(target: Callable[..., Any], arguments: dict[str, Any], cfg: Any) -> Any:
    """Call `target`; what it raises keeps its type and gains the class and the place in the config.

    Args:
        target: Class or function. A `ManagerMixin` class is made by `get_instance`, and so becomes current.
        arguments: Its arguments by name.
        cfg: The config that they come from.
    """
    managed = inspect.isclass(target) and issubclass(target, ManagerMixin)
    call = target.get_instance if managed else target  # type: ignore[attr-defined]  # of ManagerMixin
    try:
        return call(**arguments)
    except TypeError as e:
        # A type of the class's own is kept, whatever it is about.
        text = _wrong_arguments(target, arguments, cfg, e) if type(e) is TypeError else None
        if text is None:
            add_context(e, _context(target, cfg))
            raise
        raise TypeError(text) from e
    except Exception as e:
        add_context(e, _context(target, cfg))
        raise


def _context(target: Callable[..., Any], cfg: Any) -> str:
    kind = 'class' if inspect.isclass(target) else 'function'
    origin = origin_of(cfg)
    return f'({kind} {qualified_name(target)}{f", built from {origin}" if origin is not None else ""})'


def _wrong_arguments(target: Callable[..., Any], arguments: dict[str, Any], cfg: Any, error: TypeError) -> str | None:
    """Word what is wrong with the arguments; None if the error is about something else."""
    unexpected = unexpected_arguments(target, arguments, error)
    missing = missing_arguments(target, arguments)
    if not unexpected and not missing:
        return None
    name = getattr(target, '__name__', repr(target))
    problems = [f'{_at(origin_of(cfg, wrong))}{name} has no argument {wrong!r}.{suggest_argument(target, wrong)}'
                for wrong in unexpected]
    problems += [f'{_at(origin_of(cfg))}{name} needs the argument {needed!r}, which is not given.'
                 for needed in missing]
    return '\n  '.join([f'{error} {_context(target, cfg)}', *problems,
                        f'{name} takes: {describe_arguments(target)}'])


def _at(origin: Origin | None) -> str:
    return f'{origin}: ' if origin is not None else ''


def add_context(error: Exception, text: str) -> None:
    """Add a line to an exception, which stays the same object of the same type.

    Since Python 3.11 a traceback shows such notes. Before, the message itself is extended, where the exception is known
    to consist of just that.
    """
    if sys.version_info >= (3, 11):
        error.add_note(text)
        return
    notes = getattr(error, '__notes__', None)
    with suppress(AttributeError, TypeError):  # an exception may forbid attributes
        setattr(error, '__notes__', [*(notes or []), text])  # noqa: B010  # unknown to the types of this Python
    if notes is None and len(error.args) == 1 and str(error) in (error.args[0], repr(error.args[0])):
        error.args = (f'{error.args[0]} {text}',)
