"""Casting, slicing and joining of sequences, and a walk through nested containers."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from itertools import chain
from typing import Any


def iter_cast(inputs: Iterable[Any], dst_type: type, return_type: Callable[[Iterable[Any]], Any] | None = None) -> Any:
    """Cast each item to a type.

    Args:
        inputs: What to cast.
        dst_type: Type that each item gets.
        return_type: Type of the result; None leaves an iterator that casts on demand.
    """
    if not isinstance(inputs, Iterable):
        raise TypeError(f'inputs must be iterable, got {type(inputs).__name__}')
    if not isinstance(dst_type, type):
        raise TypeError(f'dst_type must be a type, got {dst_type!r}')
    items = map(dst_type, inputs)
    return items if return_type is None else return_type(items)


def list_cast(inputs: Iterable[Any], dst_type: type) -> list[Any]:
    """Cast each item to a type, into a list."""
    result: list[Any] = iter_cast(inputs, dst_type, return_type=list)
    return result


def tuple_cast(inputs: Iterable[Any], dst_type: type) -> tuple[Any, ...]:
    """Cast each item to a type, into a tuple."""
    result: tuple[Any, ...] = iter_cast(inputs, dst_type, return_type=tuple)
    return result


def slice_list(in_list: list[Any], lens: int | list[int]) -> list[list[Any]]:
    """Cut a list into consecutive pieces.

    Args:
        in_list: List to cut.
        lens: Length of every piece, or of each one.

    >>> slice_list([1, 2, 3, 4, 5, 6], [1, 2, 3])
    [[1], [2, 3], [4, 5, 6]]
    """
    if isinstance(lens, int):
        if lens < 1 or len(in_list) % lens:
            raise ValueError(f'a list of {len(in_list)} items cannot be cut into pieces of {lens}')
        lens = [lens] * (len(in_list) // lens)
    if not isinstance(lens, list):
        raise TypeError(f'lens must be an integer or a list of integers, got {lens!r}')
    if sum(lens) != len(in_list):
        raise ValueError(f'the lengths {lens} sum up to {sum(lens)}, but the list has {len(in_list)} items')
    items = iter(in_list)
    return [[next(items) for _ in range(length)] for length in lens]


def concat_list(in_list: Sequence[Iterable[Any]]) -> list[Any]:
    """Join several lists to one."""
    return list(chain.from_iterable(in_list))


def apply_to(data: Any, expr: Callable[[Any], bool], apply_func: Callable[[Any], Any]) -> Any:
    """Replace what meets a condition, in dictionaries, lists, tuples and named tuples at any depth.

    Args:
        data: Container, or a single object.
        expr: Condition on an object that is no container.
        apply_func: Gives what takes the place of such an object.
    """
    if isinstance(data, dict):
        result = copy(data)  # keeps what a subclass holds besides its items
        for key, value in data.items():
            result[key] = apply_to(value, expr, apply_func)
        return result
    if isinstance(data, (list, tuple)):
        items = (apply_to(item, expr, apply_func) for item in data)
        return type(data)(*items) if hasattr(data, '_fields') else type(data)(items)
    return apply_func(data) if expr(data) else data
