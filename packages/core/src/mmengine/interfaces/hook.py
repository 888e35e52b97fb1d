"""The base class of hooks: methods that a runner calls at the stages of a run."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.interfaces.runner import RunnerLike
from mmengine.interfaces.stages import MODES, STAGES

DATA_BATCH = dict[str, Any] | tuple[Any, ...] | list[Any] | None


class Hook:
    """Override the stages you need; the runner calls only those.

    One run, with the stages in capital letters where a hook is called::

        BEFORE_RUN
        (AFTER_LOAD_CHECKPOINT)                     # when something is loaded or resumed
        BEFORE_TRAIN
        for each epoch:
            BEFORE_TRAIN_EPOCH
            for each batch:
                BEFORE_TRAIN_ITER
                losses, gradients, optimizer step
                AFTER_TRAIN_ITER
            AFTER_TRAIN_EPOCH                       # (BEFORE_SAVE_CHECKPOINT) while one is saved
            BEFORE_VAL, BEFORE_VAL_EPOCH
            for each batch: BEFORE_VAL_ITER, predictions, AFTER_VAL_ITER
            AFTER_VAL_EPOCH(metrics), AFTER_VAL
        AFTER_TRAIN
        AFTER_RUN

    Testing has the stages of validation with `test` in their names, between `BEFORE_RUN` and `AFTER_RUN`.
    Overriding `_before_epoch`, `_after_epoch`, `_before_iter` or `_after_iter` covers that stage of all three modes.
    """

    #: Hooks of higher priority are called first; a name such as `'HIGH'` or a number from 0 (first) to 100.
    priority: int | str | Any = 'NORMAL'
    stages: tuple[str, ...] = STAGES

    def before_run(self, runner: RunnerLike) -> None:
        """Is called once, before training, validation or testing starts."""

    def after_run(self, runner: RunnerLike) -> None:
        """Is called once, when training, validation or testing is over."""

    def before_train(self, runner: RunnerLike) -> None:
        """Is called before the first epoch."""

    def after_train(self, runner: RunnerLike) -> None:
        """Is called after the last epoch."""

    def before_val(self, runner: RunnerLike) -> None:
        """Is called before each validation."""

    def after_val(self, runner: RunnerLike) -> None:
        """Is called after each validation."""

    def before_test(self, runner: RunnerLike) -> None:
        """Is called before testing."""

    def after_test(self, runner: RunnerLike) -> None:
        """Is called after testing."""

    def before_save_checkpoint(self, runner: RunnerLike, checkpoint: dict[str, Any]) -> None:
        """Is called with the checkpoint about to be written; what is put in is saved."""

    def after_load_checkpoint(self, runner: RunnerLike, checkpoint: dict[str, Any]) -> None:
        """Is called with the checkpoint just read, before the run takes its state from it."""

    def before_train_epoch(self, runner: RunnerLike) -> None:
        """Is called before each training epoch."""
        self._before_epoch(runner, mode='train')

    def before_val_epoch(self, runner: RunnerLike) -> None:
        """Is called before the pass over the validation data."""
        self._before_epoch(runner, mode='val')

    def before_test_epoch(self, runner: RunnerLike) -> None:
        """Is called before the pass over the test data."""
        self._before_epoch(runner, mode='test')

    def after_train_epoch(self, runner: RunnerLike) -> None:
        """Is called after each training epoch."""
        self._after_epoch(runner, mode='train')

    def after_val_epoch(self, runner: RunnerLike, metrics: dict[str, float] | None = None) -> None:
        """Is called after the pass over the validation data, with its metrics by name."""
        self._after_epoch(runner, mode='val')

    def after_test_epoch(self, runner: RunnerLike, metrics: dict[str, float] | None = None) -> None:
        """Is called after the pass over the test data, with its metrics by name."""
        self._after_epoch(runner, mode='test')

    def before_train_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        """Is called before each training iteration; `batch_idx` counts within the epoch."""
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode='train')

    def before_val_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        """Is called before each validation batch."""
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode='val')

    def before_test_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        """Is called before each test batch."""
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode='test')

    def after_train_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Is called after each training iteration; `outputs` holds the losses by name, as tensors."""
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode='train')

    def after_val_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None,
                       outputs: Sequence[Any] | None = None) -> None:
        """Is called after each validation batch; `outputs` holds a prediction per sample."""
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode='val')

    def after_test_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None,
                        outputs: Sequence[Any] | None = None) -> None:
        """Is called after each test batch; `outputs` holds a prediction per sample."""
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode='test')

    def _before_epoch(self, runner: RunnerLike, mode: str = 'train') -> None:
        """Stand for `before_{train,val,test}_epoch`."""

    def _after_epoch(self, runner: RunnerLike, mode: str = 'train') -> None:
        """Stand for `after_{train,val,test}_epoch`."""

    def _before_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None,
                     mode: str = 'train') -> None:
        """Stand for `before_{train,val,test}_iter`."""

    def _after_iter(self, runner: RunnerLike, batch_idx: int, data_batch: DATA_BATCH = None,
                    outputs: Sequence[Any] | dict[str, Any] | None = None, mode: str = 'train') -> None:
        """Stand for `after_{train,val,test}_iter`."""

    def every_n_epochs(self, runner: RunnerLike, n: int, start: int = 0) -> bool:
        """Tell whether the running epoch closes a group of `n` epochs, counted from epoch `start`."""
        done = runner.epoch + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def every_n_inner_iters(self, batch_idx: int, n: int) -> bool:
        """Tell whether the batch closes a group of `n` batches of its epoch."""
        return n > 0 and (batch_idx + 1) % n == 0

    def every_n_train_iters(self, runner: RunnerLike, n: int, start: int = 0) -> bool:
        """Tell whether the running iteration closes a group of `n` iterations, counted from iteration `start`."""
        done = runner.iter + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def end_of_epoch(self, dataloader: Any, batch_idx: int) -> bool:
        """Tell whether the batch is the last of its epoch."""
        return batch_idx + 1 == len(dataloader)

    def is_last_train_epoch(self, runner: RunnerLike) -> bool:
        """Tell whether the running epoch is the last of the training."""
        return runner.epoch + 1 == runner.max_epochs

    def is_last_train_iter(self, runner: RunnerLike) -> bool:
        """Tell whether the running iteration is the last of the training."""
        return runner.iter + 1 == runner.max_iters

    def get_triggered_stages(self) -> list[str]:
        """List the stages that this hook has something to do at, in the order of a run."""
        triggered = triggered_stages(self)
        return [stage for stage in STAGES if stage in triggered]


def _shared_stages(name: str) -> tuple[str, ...]:
    when, unit = name.removeprefix('_').split('_')  # '_before_iter' -> 'before', 'iter'
    return tuple(f'{when}_{mode}_{unit}' for mode in MODES)


#: The method that stands for one stage of all modes -> those stages.
SHARED_STAGES = {name: _shared_stages(name)
                 for name in ('_before_epoch', '_after_epoch', '_before_iter', '_after_iter')}


def triggered_stages(hook: object) -> frozenset[str]:
    """Find the stages that a hook has something to do at, `_before_iter` and its kin expanded.

    The hook need not derive from `Hook`: then every stage that it has a method for counts.
    """
    def overrides(name: str) -> bool:
        method = getattr(hook, name, None)
        return callable(method) and getattr(method, '__func__', method) is not getattr(Hook, name)

    found = {stage for stage in STAGES if overrides(stage)}
    if isinstance(hook, Hook):
        for name, stages in SHARED_STAGES.items():
            if overrides(name):
                found.update(stages)
    return frozenset(found)
