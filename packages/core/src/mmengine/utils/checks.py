"""Questions about types, methods and what a function needs to run."""
from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mmengine.utils.package_utils import is_installed

F = TypeVar('F', bound=Callable[..., Any])


def is_str(x: object) -> bool:
    """Tell whether an object is a string."""
    return isinstance(x, str)


def is_seq_of(seq: Any, expected_type: type | tuple[type, ...], seq_type: type | None = None) -> bool:
    """Tell whether an object is a sequence of items of a type.

    Args:
        seq: Object to look at.
        expected_type: Type of the items, or several that are allowed.
        seq_type: Type that the sequence itself must have; None allows every sequence.
    """
    if seq_type is not None and not isinstance(seq_type, type):
        raise TypeError(f'seq_type must be a type or None, got {seq_type!r}')
    allowed: Any = seq_type or Sequence
    return isinstance(seq, allowed) and all(isinstance(item, expected_type) for item in seq)


def is_list_of(seq: Any, expected_type: type | tuple[type, ...]) -> bool:
    """Tell whether an object is a list of items of a type."""
    return is_seq_of(seq, expected_type, seq_type=list)


def is_tuple_of(seq: Any, expected_type: type | tuple[type, ...]) -> bool:
    """Tell whether an object is a tuple of items of a type."""
    return is_seq_of(seq, expected_type, seq_type=tuple)


def has_method(obj: object, method: str) -> bool:
    """Tell whether an object has a method of this name."""
    return callable(getattr(obj, method, None))


def is_method_overridden(method: str, base_class: type, derived_class: type | object) -> bool:
    """Tell whether a class, or the class of an instance, has its own version of a method.

    Args:
        method: Name of the method.
        base_class: Class that defines it first.
        derived_class: Class below, or an instance of one.
    """
    if not isinstance(base_class, type):
        raise AssertionError(f'base_class must be a class, got the instance {base_class!r}: pass its type')
    derived = derived_class if isinstance(derived_class, type) else type(derived_class)
    return bool(getattr(derived, method) != getattr(base_class, method))


def check_prerequisites(
        prerequisites: str | list[str],
        checker: Callable[[str], bool],
        msg_tmpl: str = ('Prerequisites "{}" are required in method "{}" but not found, '
                         'please install them first.')) -> Callable[[F], F]:
    """Make a decorator under which a function runs only if all that it needs is there.

    Args:
        prerequisites: One name, or several.
        checker: Tells of one name whether it is there.
        msg_tmpl: Message with places for the missing names and the name of the function.
    """
    required = [prerequisites] if isinstance(prerequisites, str) else prerequisites

    def wrap(func: F) -> F:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            missing = [name for name in required if not checker(name)]
            if missing:
                message = msg_tmpl.format(', '.join(missing), func.__name__)
                print(message)
                raise RuntimeError(message)
            return func(*args, **kwargs)

        return wrapped  # type: ignore[return-value]  # has the signature of func, which 3.10 cannot express with F

    return wrap


def _is_executable(name: str) -> bool:
    return shutil.which(name) is not None


def requires_package(prerequisites: str | list[str]) -> Callable[[F], F]:
    """Make a decorator under which a function runs only if some Python packages are installed."""
    return check_prerequisites(prerequisites, checker=is_installed)


def requires_executable(prerequisites: str | list[str]) -> Callable[[F], F]:
    """Make a decorator under which a function runs only if some programs are on the search path."""
    return check_prerequisites(prerequisites, checker=_is_executable)
