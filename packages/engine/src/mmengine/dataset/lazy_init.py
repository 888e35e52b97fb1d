"""Methods that need the annotations, and load them where that has not happened."""
from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from mmengine.logging import print_log

Method = TypeVar('Method', bound=Callable[..., Any])


def force_full_init(old_func: Method) -> Method:
    """Let a method of a data set call `full_init` first, if that has not happened.

    Args:
        old_func: The method.

    Raises:
        AttributeError: The data set has no `full_init`.
    """

    @functools.wraps(old_func)
    def wrapper(obj: object, *args: Any, **kwargs: Any) -> Any:
        if not getattr(obj, '_fully_initialized', False):
            if not hasattr(obj, 'full_init'):
                raise AttributeError(f'{type(obj)} does not have full_init method.')
            print_log(f'Attribute `_fully_initialized` is not defined in {type(obj)} or `type(obj)._fully_initialized '
                      f'is False, `full_init` will be called and {type(obj)}._fully_initialized will be set to True',
                      logger='current', level=logging.WARNING)
            obj.full_init()
            obj._fully_initialized = True  # type: ignore[attr-defined]  # of a data set
        return old_func(obj, *args, **kwargs)

    return wrapper  # type: ignore[return-value]  # of the same signature
