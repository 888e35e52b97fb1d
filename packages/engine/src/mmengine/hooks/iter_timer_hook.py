"""Measure how long iterations take and how long the run will."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.logging import MessageHub
from mmengine.registry import HOOKS

_TIME = {mode: f'{mode}/time' for mode in ('train', 'val', 'test')}
_DATA_TIME = {mode: f'{mode}/data_time' for mode in ('train', 'val', 'test')}


@HOOKS.register_module()
class IterTimerHook(Hook):
    """Records `<mode>/data_time` (waiting for a batch), `<mode>/time` (all of an iteration), and `eta` in seconds.

    The remaining time counts from what this run did itself: a resumed run knows it after its first iteration.

    Attributes:
        time_sec_tot: Seconds that the training iterations of this run took.
        time_sec_test_val: Seconds that the iterations of the running validation or test took.
        start_iter: The iteration that this run started at.
        t: When the running iteration began.
    """

    priority = 'NORMAL'
    _add_data_time: Callable[[float], None]
    _add_time: Callable[[float], None]
    _set_eta: Callable[[float], None]

    def __init__(self) -> None:
        self.time_sec_tot = 0.0
        self.time_sec_test_val = 0.0
        self.start_iter = 0
        self.t = 0.0
        self._hub: Any = None
        self._mode = ''

    def before_train(self, runner: Any) -> None:
        """Start to count where the training starts or goes on."""
        self.start_iter = runner.iter
        self.time_sec_tot = 0.0

    def _before_epoch(self, runner: Any, mode: str = 'train') -> None:
        """Start the clock."""
        self._hub = None  # whoever changed the hub since: the histories are looked up anew
        self.t = time.time()

    def _before_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None, mode: str = 'train') -> None:
        """Record how long the batch took to come."""
        if runner.message_hub is not self._hub or mode != self._mode:
            self._get_ready(runner.message_hub, mode)
        self._add_data_time(time.time() - self.t)

    def _get_ready(self, hub: Any, mode: str) -> None:
        """Look up once what each iteration needs: with a small network, each call and each look-up shows."""
        self._hub, self._mode = hub, mode
        names = _DATA_TIME[mode], _TIME[mode]
        if isinstance(hub, MessageHub):
            self._add_data_time, self._add_time = map(hub.appender, names)
            self._set_eta = hub.info_setter('eta')
        else:
            self._add_data_time, self._add_time = (partial(hub.update_scalar, name) for name in names)
            self._set_eta = partial(hub.update_info, 'eta')

    def _after_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                    outputs: Sequence[Any] | dict[str, Any] | None = None, mode: str = 'train') -> None:
        """Record how long the iteration took and how long all that are left will."""
        if runner.message_hub is not self._hub or mode != self._mode:
            self._get_ready(runner.message_hub, mode)
        seconds = time.time() - self.t
        self._add_time(seconds)
        self.t = time.time()  # read again: what the recording took belongs to the next iteration
        if mode == 'train':
            done = runner.iter + 1
            self.time_sec_tot += seconds
            self._set_eta(self.time_sec_tot / (done - self.start_iter) * (runner.max_iters - done))
        else:
            dataloader = runner.val_dataloader if mode == 'val' else runner.test_dataloader
            done = batch_idx + 1
            self.time_sec_test_val += seconds
            self._set_eta(self.time_sec_test_val / done * (len(dataloader) - done))

    def _after_epoch(self, runner: Any, mode: str = 'train') -> None:
        """Forget the times of a validation or test: the next one has its own."""
        self.time_sec_test_val = 0.0
