"""The types beside tensors that a checkpoint may hold: making one runs nothing but the type's own constructor.

OpenMMLab's checkpoints hold configs, histories, NumPy's numbers, dates and paths. Some are read as a plainer type than
they were written as, because torch's safe reader fills lists and dicts only.
"""
from __future__ import annotations

import datetime
import os
import pathlib
from functools import cache
from typing import Any

import numpy as np

from mmengine.config import ConfigDict
from mmengine.config.history import Step
from mmengine.interfaces import Origin
from mmengine.logging import HistoryBuffer, MessageHub

#: A type, or what stands in for the type or function of that full name.
Allowed = type | tuple[Any, str]


class RefusedError(RuntimeError):
    """A checkpoint asks an allowed type for something that it must not have."""


@cache
def inert_types() -> tuple[Allowed, ...]:
    """List the types beside tensors and plain containers that the safe reader accepts."""
    return (HistoryBuffer, MessageHub, (_statistic, 'builtins.getattr'), *_types_of_configs(), *_types_of_python(),
            *_types_of_numpy())


def _types_of_configs() -> list[Allowed]:
    """Configs with the places where their values were written, under our path and under upstream's."""
    maker: Any = ConfigDict().__reduce_ex__(2)[0]
    return [ConfigDict, (ConfigDict, 'mmengine.config.config.ConfigDict'), maker, Origin, Step]


def _types_of_python() -> list[Allowed]:
    posix: Any = pathlib.PurePosixPath if os.name == 'nt' else pathlib.Path
    windows: Any = pathlib.Path if os.name == 'nt' else pathlib.PureWindowsPath
    paths = [(kind, f'{module}.{name}') for kind, names in (
        (posix, ('PosixPath', 'PurePosixPath')), (windows, ('WindowsPath', 'PureWindowsPath'))
    ) for name in names for module in ('pathlib', 'pathlib._local')]
    return [datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone, frozenset, range,
            slice, list, dict, tuple, str, int, float, bool, *paths,
            (_as_list, 'collections.deque'), (_as_dict, 'collections.defaultdict')]


def _types_of_numpy() -> list[Allowed]:
    """NumPy's own constructors, without those of arrays that hold objects or records."""
    array = np.zeros(1)
    reconstruct, scalar = array.__reduce__()[0], array[0].__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in np.typecodes['All'] if code not in 'OV'}
    # The paths that NumPy 1 wrote and NumPy 2 reads under other names.
    aliases = [(reconstruct, 'numpy.core.multiarray._reconstruct'), (scalar, 'numpy.core.multiarray.scalar'),
               (reconstruct, 'numpy._core.multiarray._reconstruct'), (scalar, 'numpy._core.multiarray.scalar')]
    return [np.ndarray, np.dtype, *aliases, *dtypes]


def _statistic(history: type, name: str) -> Any:
    """Stand in for `getattr`, by which upstream's pickled histories name their statistics, and for nothing else."""
    if history is not HistoryBuffer or name.startswith('_') or not hasattr(HistoryBuffer, name):
        raise RefusedError(f'a checkpoint asks for the attribute {name!r} of {history!r}')
    return getattr(HistoryBuffer, name)


def _as_list(items: Any = (), _: int | None = None) -> list[Any]:
    """Stand in for `deque`."""
    return list(items)


def _as_dict(_: Any = None, items: Any = ()) -> dict[Any, Any]:
    """Stand in for `defaultdict`."""
    return dict(items)
