"""Turn values into what every checkpoint reader accepts: tensors, plain containers and numbers."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from mmengine.logging import HistoryBuffer, print_log

_KEPT = (str, bytes, bool, int, float, complex, type(None), torch.Tensor, torch.dtype, torch.device, np.ndarray)
_reported: set[type] = set()


def plain(value: Any) -> Any:
    """Copy nested containers with plain types in them; what has no plain form is left out with one warning a type.

    A checkpoint is read without running code. One object of another type would make all of it unreadable.

    Args:
        value: Dicts, lists, tuples and sets of numbers, strings, arrays and tensors. Other mappings become dicts,
            NumPy scalars become numbers, histories their state, paths and classes their names.
    """
    kept, result = _convert(value)
    return result if kept else None


def _convert(value: Any) -> tuple[bool, Any]:
    if isinstance(value, np.generic):
        return True, value.item()
    if isinstance(value, _KEPT):
        return True, value
    if isinstance(value, HistoryBuffer):
        return True, value.__getstate__()
    if isinstance(value, Mapping):
        items = ((key, _convert(item)) for key, item in value.items())
        made = [(_key(key), item) for key, (kept, item) in items if kept]
        return True, OrderedDict(made) if isinstance(value, OrderedDict) else dict(made)
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [item for kept, item in map(_convert, value) if kept]
        return True, _same_kind(value, parts)
    if isinstance(value, type):
        return True, f'{value.__module__}.{value.__qualname__}'
    if hasattr(value, '__fspath__'):
        return True, str(value)
    _report(type(value))
    return False, None


def _same_kind(value: Any, parts: list[Any]) -> Any:
    if isinstance(value, tuple):
        return tuple(parts)
    return parts if isinstance(value, list) else set(parts)


def _key(key: Any) -> Any:
    return key.item() if isinstance(key, np.generic) else key


def _report(kind: type) -> None:
    if kind not in _reported:
        _reported.add(kind)
        print_log(f'A value of type {kind.__module__}.{kind.__qualname__} in the message hub or the dataset meta is '
                  f'left out of checkpoints, which hold plain values only', logger='current', level=30)
