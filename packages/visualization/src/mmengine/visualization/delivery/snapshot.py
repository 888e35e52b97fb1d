"""Copies of what is recorded, so that the caller may change it while it waits in a queue."""
from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mmengine.visualization.values import Artifact, Boxes, Picture, is_tensor, to_array

#: Types of values that need no copy.
PLAIN = frozenset({float, int, str, bool, type(None)})


class Pending:
    """The numbers of a tensor on a device: copied there now, read when they are needed, once for all backends."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor.detach().clone()
        # A reader in another thread looks at another stream, where the copy may not have happened yet.
        self._copied = sys.modules['torch'].accelerator.current_stream(tensor.device).record_event()
        self._lock = threading.Lock()
        self._value: Any = None

    def read(self) -> Any:
        """Wait for the device and give the number, or the array of numbers."""
        with self._lock:
            if self._tensor is not None:
                self._copied.synchronize()
                self._value = number_or_array(self._tensor)
                self._tensor = None
            return self._value


class Snapshot:
    """What one call was given, copied.

    Attributes:
        args: Positional arguments.
        kwargs: Keyword arguments.
        size: Bytes of arrays in them.
        pending: Whether tensors on a device are among them, still to be read.
    """

    __slots__ = ('args', 'kwargs', 'pending', 'size')

    def __init__(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self.size = 0
        self.pending = False
        self.args: tuple[Any, ...] = tuple([value if type(value) in PLAIN else walk(value, self._copy)
                                            for value in args])
        self.kwargs = {name: walk(value, self._copy) for name, value in kwargs.items()} if kwargs else {}

    def _copy(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            self.size += value.nbytes
            return value.copy()
        if not is_tensor(value):
            return value
        if is_on_device(value):
            self.pending = True
            self.size += value.numel() * value.element_size()
            return Pending(value)
        read = number_or_array(value)
        if isinstance(read, np.ndarray):
            self.size += read.nbytes
            return read.copy()  # it may share its memory with the tensor
        return read


def read(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Read the tensors among the arguments; what else a backend can take stays as it is."""
    return (tuple([value if type(value) in PLAIN else walk(value, _read) for value in args]),
            {name: walk(value, _read) for name, value in kwargs.items()} if kwargs else {})


def _read(value: Any) -> Any:
    if isinstance(value, Pending):
        return value.read()
    return number_or_array(value) if is_tensor(value) else value


def walk(value: Any, leaf: Callable[[Any], Any]) -> Any:
    """Apply `leaf` to whatever is inside dictionaries, lists, pictures and the like, which are made anew."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is dict:
        if PLAIN.issuperset(map(type, value.values())):
            return value.copy()
        return {key: item if type(item) in PLAIN else walk(item, leaf) for key, item in value.items()}
    if kind is list or kind is tuple:
        return kind([walk(item, leaf) for item in value])
    if kind in (Picture, Boxes, Artifact):
        return dataclasses.replace(value, **{field: walk(item, leaf) for field, item in vars(value).items()})
    return leaf(value)


def number_or_array(tensor: Any) -> Any:
    """Read a tensor: of one element its number, of more the array."""
    array = to_array(tensor)
    return array.item() if array.size == 1 else array


def is_on_device(tensor: Any) -> bool:
    """Tell whether reading a tensor would wait for a device."""
    device = getattr(tensor, 'device', None)
    return getattr(device, 'type', 'cpu') != 'cpu'
