"""One value as a tuple of so many."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any


def to_ntuple(n: int) -> Callable[[Any], Any]:
    """Make a function that repeats a single value `n` times and hands an iterable on as it is.

    >>> to_ntuple(2)(3), to_ntuple(2)([3, 4])
    ((3, 3), [3, 4])
    """
    def parse(x: Any) -> Any:
        return x if isinstance(x, Iterable) else tuple(repeat(x, n))

    return parse


to_1tuple = to_ntuple(1)
to_2tuple = to_ntuple(2)
to_3tuple = to_ntuple(3)
to_4tuple = to_ntuple(4)
