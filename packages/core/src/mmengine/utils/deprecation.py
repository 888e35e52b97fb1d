"""Decorators for names that are on their way out."""
from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from textwrap import dedent, indent
from typing import Any, TypeVar

F = TypeVar('F', bound=Callable[..., Any])


def deprecated_api_warning(name_dict: dict[str, str], cls_name: str | None = None) -> Callable[[F], F]:
    """Make a decorator under which old keyword arguments still work, with a warning.

    Args:
        name_dict: Old name -> new name.
        cls_name: Class that the function is a method of, for the warning.
    """
    def wrap(func: F) -> F:
        func_name = f'{cls_name}.{func.__name__}' if cls_name else func.__name__

        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            for old, new in name_dict.items():
                if old not in kwargs:
                    continue
                if new in kwargs:
                    raise AssertionError(f'{func_name} got both {old!r} and {new!r}, which are the same argument: '
                                         f'keep {new!r}')
                warnings.warn(f'{old!r} is deprecated in {func_name}, use {new!r} instead',
                              DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return func(*args, **kwargs)

        return wrapped  # type: ignore[return-value]  # has the signature of func, which 3.10 cannot express with F

    return wrap


def deprecated_function(since: str, removed_in: str, instructions: str) -> Callable[[F], F]:
    """Make a decorator that warns of a deprecated function, when it is called and in its documentation.

    Args:
        since: Version in which the function became deprecated.
        removed_in: Version in which it goes.
        instructions: What to do instead, as what comes after "Please".
    """
    def wrap(func: F) -> F:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            warnings.warn(f"'{func.__module__}.{func.__name__}' is deprecated in version {since} and will be removed "
                          f'in version {removed_in}. Please {instructions}.', DeprecationWarning, stacklevel=2)
            return func(*args, **kwargs)

        notice = (f'.. deprecated:: {since}\n    Deprecated and will be removed in version {removed_in}.\n'
                  f'    Please {instructions}.\n\n\n')
        wrapped.__doc__ = notice + indent(_dedent_docstring(func.__doc__ or ''), '    ')
        return wrapped  # type: ignore[return-value]  # has the signature of func, which 3.10 cannot express with F

    return wrap


def _dedent_docstring(text: str) -> str:
    """Take the margin off a docstring, whose first line has none."""
    first, newline, rest = text.partition('\n')
    return first.strip() + newline + dedent(rest)
