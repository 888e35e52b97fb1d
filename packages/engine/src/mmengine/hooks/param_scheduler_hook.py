"""Let the parameter schedulers take their steps."""
from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class ParamSchedulerHook(Hook):
    """Steps the schedulers that count iterations after each iteration, those that count epochs after each epoch.

    Schedulers that follow a metric (`need_val_args`) take a step after each validation instead.
    """

    priority = 'LOW'

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Step the schedulers that count iterations."""
        schedulers = runner.param_schedulers
        for scheduler in schedulers if type(schedulers) is list else _schedulers(runner):
            if not scheduler.by_epoch and getattr(scheduler, 'need_val_args', False) is not True:
                scheduler.step()

    def after_train_epoch(self, runner: Any) -> None:
        """Step the schedulers that count epochs."""
        for scheduler in _schedulers(runner):
            if scheduler.by_epoch and getattr(scheduler, 'need_val_args', False) is not True:
                scheduler.step()

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Step the schedulers that follow a metric."""
        if metrics is None:
            return
        for scheduler in _schedulers(runner):
            if getattr(scheduler, 'need_val_args', False) is True:
                scheduler.step(metrics)


def _schedulers(runner: Any) -> Iterable[Any]:
    """Give the schedulers of the one optimizer or of all.

    Raises:
        TypeError: They have another form than a list, or a dict of lists.
    """
    schedulers = runner.param_schedulers
    if type(schedulers) is list:
        return schedulers
    if schedulers is None:
        return ()
    if isinstance(schedulers, dict):
        # A validation by itself builds none: then this is their config.
        return chain.from_iterable(item for item in schedulers.values() if isinstance(item, (list, tuple)))
    if isinstance(schedulers, (list, tuple)):
        return schedulers
    raise TypeError('runner.param_schedulers should be list of ParamScheduler or a dict containing list of '
                    f'ParamScheduler, but got {schedulers!r}')
