"""Comparisons for tests."""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from runpy import run_path
from shlex import split
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.testing import assert_close

from mmengine.utils.dl_utils import is_norm


def check_python_script(cmd: str) -> None:
    """Run a script as `__main__` in this process.

    Args:
        cmd: Path of the script and its arguments, 'python' before it or not.
    """
    args = split(cmd)
    if args[0] == 'python':
        args = args[1:]
    with patch.object(sys, 'argv', args):
        run_path(args[0], run_name='__main__')


def _equal(one: Any, other: Any) -> bool:
    same = one == other
    return bool(same.all()) if hasattr(same, 'all') else bool(same)


def assert_dict_contains_subset(dict_obj: dict[Any, Any], expected_subset: dict[Any, Any]) -> bool:
    """Tell whether a dict holds the entries of another.

    Args:
        dict_obj: The dict.
        expected_subset: Entries that should be in it; tensors and arrays are compared by value.
    """
    return all(key in dict_obj and _equal(dict_obj[key], value) for key, value in expected_subset.items())


def assert_attrs_equal(obj: Any, expected_attrs: dict[str, Any]) -> bool:
    """Tell whether an object has the attributes of these values.

    Args:
        obj: The object.
        expected_attrs: Values by the names of attributes.
    """
    return all(hasattr(obj, name) and _equal(getattr(obj, name), value) for name, value in expected_attrs.items())


def assert_dict_has_keys(obj: dict[str, Any], expected_keys: list[str]) -> bool:
    """Tell whether a dict has these keys.

    Args:
        obj: The dict.
        expected_keys: The keys.
    """
    return set(expected_keys) <= set(obj)


def assert_keys_equal(result_keys: list[str], target_keys: list[str]) -> bool:
    """Tell whether the same keys are in both lists.

    Args:
        result_keys: Keys.
        target_keys: Keys, in whatever order.
    """
    return set(result_keys) == set(target_keys)


def assert_is_norm_layer(module: nn.Module) -> bool:
    """Tell whether a layer normalises.

    Args:
        module: The layer.
    """
    return is_norm(module)


def assert_params_all_zeros(module: nn.Module) -> bool:
    """Tell whether weight and bias of a module, as far as it has them, are zero.

    Args:
        module: The module.
    """
    parameters: Iterable[Any] = (getattr(module, name, None) for name in ('weight', 'bias'))
    return all(bool((parameter == 0).all()) for parameter in parameters if isinstance(parameter, torch.Tensor))


def assert_allclose(actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
                    equal_nan: bool = True, msg: str | Callable[[str], str] | None = '') -> None:
    """Raise AssertionError unless tensors, arrays or numbers are close, whatever their types and devices.

    Args:
        actual: Tensor, array, number, or sequence of numbers.
        expected: What it should be.
        rtol: Relative tolerance; like `atol`, by default by the dtype.
        atol: Absolute tolerance.
        equal_nan: Whether NaN equals NaN.
        msg: Message of the error.
    """
    tensors = [value.detach().cpu() if isinstance(value, torch.Tensor) else torch.as_tensor(value)
               for value in (actual, expected)]
    assert_close(*tensors, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, check_device=False,
                 msg=msg or None)
