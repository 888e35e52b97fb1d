"""What is imported and not called: classes and functions that raise as soon as they are used."""
from __future__ import annotations

from typing import Any


def absent_function(name: str) -> Any:
    """Give a function that raises when it is called."""
    def function(*args: object, **kwargs: object) -> None:
        raise NotImplementedError(f'torchvision.{name} is not in the stand-in for torchvision of this session')

    function.__name__ = function.__qualname__ = name.rpartition('.')[2]
    return function


def absent_class(name: str) -> Any:
    """Give a class that can be derived from, and raises when an instance is made."""
    return type(name.rpartition('.')[2], (), {'__init__': absent_function(name), '__module__': __name__})
