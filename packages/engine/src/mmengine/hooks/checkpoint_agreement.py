"""All ranks of a run end after the same iteration, though a signal reaches them at different moments, or only one."""
from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch.distributed as torch_dist

_PERIOD = 0.5
#: How long a rank waits for the others before it goes on for one iteration more: they may need it to finish theirs.
_PATIENCE = 1.0
_NEVER = 10**15


class StopAgreement:
    """Finds the iteration to end after, through the store that all ranks reach; nothing is done per iteration before.

    Each rank names a limit, an iteration that it will not go beyond without an answer. Whoever finds the limits of all
    fixes them and takes the highest as the answer. A limit that is not fixed may be put off.

    Args:
        store: A store with a prefix of its own for this training.
        rank: Rank of this process.
        world_size: Number of ranks.
        on_request: Is called with the number of the signal, from a thread, when another rank has got one.
    """

    def __init__(self, store: Any, rank: int, world_size: int, on_request: Callable[[int], None]) -> None:
        self._store, self._on_request = store, on_request
        self._own = f'limit/{rank}'
        self._all = [f'limit/{number}' for number in range(world_size)]
        self._limit = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, name='mmengine-stop', daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ended.wait(_PERIOD):
            try:
                if self._store.check(['request']):
                    self._on_request(int(self._store.get('request')))
                    return
            except RuntimeError:  # the store is gone: the process that keeps it has ended
                return

    def is_time(self, done: int, number: int) -> bool:
        """Tell whether all ranks end now. Is to be asked after each iteration once there was a signal.

        Args:
            done: Finished iterations.
            number: Number of the signal.
        """
        try:
            if not self._limit:
                self._limit = done + 1
                self._store.compare_set('request', '', str(number))
                self._store.set(self._own, str(self._limit))
            target = self._target()
            if target is None and done >= self._limit:
                target = self._wait()
            return target == done
        except RuntimeError:  # the rank that keeps the store has ended, and so will this one
            return False

    def _target(self) -> int | None:
        store = self._store
        if store.check(['target']):
            return int(store.get('target'))
        if not store.check(self._all):
            return None
        return int(store.compare_set('target', '', str(max(map(self._fix, self._all)))))

    def _fix(self, key: str) -> int:
        while True:
            value = self._store.get(key).decode()
            if value.startswith('='):
                return int(value[1:])
            if self._store.compare_set(key, value, f'={value}').decode() == f'={value}':
                return int(value)

    def _wait(self) -> int | None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            target = self._target()
            if target is not None:
                return target
            time.sleep(0.01)
        later = str(self._limit + 1)
        if self._store.compare_set(self._own, str(self._limit), later).decode() == later:
            self._limit += 1
            return None
        return self._target()  # it was fixed just now, as those of all

    def close(self) -> None:
        """Say that this rank does not go on, so that nobody waits for it."""
        if self._ended.is_set():
            return
        self._ended.set()
        with contextlib.suppress(RuntimeError):  # the store may be gone
            self._store.compare_set(self._own, '', f'={_NEVER}')
        self._thread.join(timeout=2)


def connect(name: str, rank: int, world_size: int, on_request: Callable[[int], None]) -> StopAgreement | None:
    """Give the agreement of the ranks of a training; None where they did not meet through the environment.

    Args:
        name: A name that no other training of these ranks has, nor one before they were started again.
        rank: Rank of this process.
        world_size: Number of ranks.
        on_request: See `StopAgreement`.
    """
    stores: Any = torch_dist  # their names are there, but not declared
    try:  # a connection of its own: that of the group may be waiting in an operation
        store = stores.TCPStore(os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']), is_master=False,
                                timeout=timedelta(seconds=10), wait_for_workers=False)
    except (RuntimeError, KeyError, ValueError):
        return None
    return StopAgreement(stores.PrefixStore(f'mmengine.stop/{name}', store), rank, world_size, on_request)
