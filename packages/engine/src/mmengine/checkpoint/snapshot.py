"""A copy of a state that the training can go on beside: the same values, in memory that is used again for the next."""
from __future__ import annotations

import copy
import os
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

_ATOMS = (str, bytes, bool, int, float, complex, type(None), torch.dtype, torch.device, torch.Size, type)
#: Bytes that one thread copies at a time.
_PIECE = 1 << 24


class Snapshot:
    """A state, and what has to be over before it is there.

    Attributes:
        state: The copy.
        buffers: The memory that it is in, to give back to the pool.
    """

    def __init__(self, state: Any, buffers: list[Tensor], event: Any = None) -> None:
        self.state = state
        self.buffers = buffers
        self._event = event

    def wait(self) -> None:
        """Wait until the accelerator has copied what was on it."""
        if self._event is not None:
            self._event.synchronize()


class SnapshotPool:
    """Copies states, into the memory of earlier copies where that is free again.

    Memory that is new has to be handed out by the system page by page, which takes several times as long as the copy.
    Tensors that share their memory share it in the copy, so that a checkpoint of it is the same file.
    """

    def __init__(self) -> None:
        self._free: defaultdict[tuple[int, bool], list[Tensor]] = defaultdict(list)

    def take(self, state: Any) -> Snapshot:
        """Copy nested containers with all tensors in them; objects of other types are copied by `copy.deepcopy`."""
        taking = _Taking(self._free)
        copied = taking.copy(state)
        return Snapshot(copied, taking.buffers, taking.finish())

    def give_back(self, snapshot: Snapshot) -> None:
        """Let the memory of a snapshot be used again, which is not to be read any more."""
        for buffer in snapshot.buffers:
            self._free[_key(buffer)].append(buffer)


def _key(buffer: Tensor) -> tuple[int, bool]:
    return buffer.numel(), buffer.is_pinned()


class _Taking:
    """One copying of a state."""

    def __init__(self, free: defaultdict[tuple[int, bool], list[Tensor]]) -> None:
        self._free = free
        self._storages: dict[int, tuple[Any, Tensor]] = {}
        self._pieces: list[tuple[Tensor, Tensor]] = []
        self._device: torch.device | None = None
        self.buffers: list[Tensor] = []

    def copy(self, value: Any) -> Any:
        """Copy a value; large tensors are there only after `finish`."""
        if isinstance(value, _ATOMS):
            return value
        if type(value) is Tensor and _is_plain(value):
            return self._copy_tensor(value)
        if type(value) in (dict, OrderedDict):
            made = type(value)((key, self.copy(item)) for key, item in value.items())
            if getattr(value, '__dict__', None):  # the metadata of a state dict
                made.__dict__.update(copy.deepcopy(value.__dict__))
            return made
        if type(value) in (list, tuple):
            return type(value)([self.copy(item) for item in value])
        return copy.deepcopy(value)

    def _copy_tensor(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        known = self._storages.get(storage._cdata)
        if known is None:  # the storage is kept as well: its address names it while it lives
            known = self._storages[storage._cdata] = (storage, self._copy_storage(storage))
        made = torch.empty(0, dtype=tensor.dtype)
        return made.set_(known[1].untyped_storage(), tensor.storage_offset(), tensor.size(), tensor.stride())

    def _copy_storage(self, storage: torch.UntypedStorage) -> Tensor:
        source = torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)
        pinned = storage.device.type == 'cuda'
        free = self._free.get((source.numel(), pinned))
        target = free.pop() if free else torch.empty(source.numel(), dtype=torch.uint8, pin_memory=pinned)
        self.buffers.append(target)
        if storage.device.type != 'cpu':
            target.copy_(source, non_blocking=pinned)
            self._device = storage.device if pinned else self._device
        elif source.numel() < _PIECE:
            target.copy_(source)
        else:
            self._pieces += zip(torch.split(target, _PIECE), torch.split(source, _PIECE), strict=True)
        return target

    def finish(self) -> Any:
        """Copy what is large on several threads, and give the event of the accelerator to wait for, if any."""
        if self._pieces:
            with ThreadPoolExecutor(_threads()) as pool:
                list(pool.map(lambda pair: pair[0].copy_(pair[1]), self._pieces))
        if self._device is None:
            return None
        return torch.cuda.current_stream(self._device).record_event()


def _is_plain(tensor: Tensor) -> bool:
    return tensor.layout is torch.strided and not (tensor.is_quantized or tensor.requires_grad or tensor.is_conj()
                                                   or tensor.is_neg())


def _threads() -> int:
    """One where torch uses several by itself, else up to four."""
    if torch.get_num_threads() > 1:
        return 1
    available = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return min(4, available)
