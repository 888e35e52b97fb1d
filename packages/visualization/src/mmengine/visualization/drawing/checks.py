"""Checks and conversions of what the drawing methods are given."""
from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmengine.visualization.values import is_tensor, to_array

_Types: TypeAlias = type | tuple[type, ...]


def check_type(name: str, value: Any, valid_type: _Types) -> None:
    """Raise a TypeError if `value`, the argument `name`, is of none of the valid types."""
    if not isinstance(value, valid_type):
        raise TypeError(f'`{name}` should be {valid_type} but got {type(value)}')


def check_length(name: str, value: Any, valid_length: int) -> None:
    """Raise an AssertionError if a list is shorter than what it goes along with; anything but a list passes."""
    if isinstance(value, list) and len(value) < valid_length:
        raise AssertionError(f'The length of `{name}` should be at least {valid_length}, but got {len(value)}')


def check_type_and_length(name: str, value: Any, valid_type: _Types, valid_length: int) -> None:
    """Check the type of `value`, and its length if it is a list."""
    check_type(name, value, valid_type)
    check_length(name, value, valid_length)


def value2list(value: Any, valid_type: _Types, expand_dim: int) -> Any:
    """Repeat a single value of a valid type in a list; anything else stays as it is."""
    return [value] * expand_dim if isinstance(value, valid_type) else value


def tensor2ndarray(value: Any) -> Any:
    """Make an array of a tensor; anything else stays as it is."""
    return to_array(value) if is_tensor(value) else value


def as_array(name: str, value: Any) -> NDArray[Any]:
    """Make an array of the argument `name`, which should be an array or a tensor, and no list."""
    if not (isinstance(value, np.ndarray) or is_tensor(value)):
        raise TypeError(f'`{name}` should be a numpy.ndarray or a torch.Tensor, but got {type(value)}')
    return to_array(value)


def as_rows(name: str, value: Any, width: int) -> NDArray[Any]:
    """Make an array of N rows of `width` numbers of the argument `name`; a single row may come without its list."""
    array = as_array(name, value)
    rows = array[None] if array.ndim == 1 else array
    if rows.ndim != 2 or rows.shape[1] != width:
        raise AssertionError(f'The shape of `{name}` should be (N, {width}), but got {array.shape}')
    return rows


def require(condition: bool, message: str) -> None:
    """Raise an AssertionError: what existing code expects of wrong arguments to drawing methods."""
    if not condition:
        raise AssertionError(message)
