"""Show on the terminal how far a run is, what it has reached and how long it will take."""
from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.hooks.metric_rules import as_number, is_scalar
from mmengine.registry import HOOKS

if TYPE_CHECKING:
    from rich.console import Console

    from mmengine.hooks.progress_display import Display


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Draws a bar over the run with loss, learning rate, last metrics and remaining time, on rank 0.

    On a terminal the bar stays at the bottom and the lines of the logger go above it. In a pipe or a file there is a
    line every minute, and one at the end. Losses are read a few times a second however short the iterations are.

    Args:
        refresh: Seconds between two looks at the losses.
        plain_interval: Seconds between two lines where there is no terminal; 0 for none.
        metrics: The metrics to show; by default the first two of a validation.
        console: Where to draw; by default the standard output.
    """

    priority = 'BELOW_NORMAL'

    def __init__(self, refresh: float = 0.3, plain_interval: float = 60.0, metrics: Sequence[str] | None = None,
                 console: Console | None = None) -> None:
        self.refresh = refresh
        self.plain_interval = plain_interval
        self.metrics = metrics
        self._console = console
        self._display: Display | None = None
        self._next = 0.0
        self._began = 0.0
        self._first_iter = 0
        self._trains = False
        self._reached = ''

    # -- training ---------------------------------------------------------------------------------------------------

    def before_train(self, runner: Any) -> None:
        """Show the bar."""
        self._open(runner)
        self._trains = True
        self._began, self._first_iter = time.monotonic(), runner.iter
        self._reached = ''
        self._show_training(runner, runner.iter)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Move the bar if it is time to."""
        if self._display is None or time.monotonic() < self._next:
            return
        self._show_training(runner, runner.iter + 1)

    def after_train(self, runner: Any) -> None:
        """Leave the bar as it is at the end."""
        if self._display is not None:
            self._show_training(runner, runner.iter)
            took = f'took {_duration(time.monotonic() - self._began)}'
            self._close(_joined(f'Trained {runner.iter} iterations', _latest(runner, 'loss'), self._reached, took))
        self._trains = False

    # -- validation and test ----------------------------------------------------------------------------------------

    def before_val_epoch(self, runner: Any) -> None:
        """Show a bar of its own."""
        self._begin_pass(runner)

    def before_test_epoch(self, runner: Any) -> None:
        """Show a bar of its own."""
        self._begin_pass(runner)

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                       outputs: Sequence[Any] | None = None) -> None:
        """Move the bar if it is time to."""
        if self._display is not None and time.monotonic() >= self._next:
            self._show_pass('val', batch_idx + 1, runner.val_dataloader)

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                        outputs: Sequence[Any] | None = None) -> None:
        """Move the bar if it is time to."""
        if self._display is not None and time.monotonic() >= self._next:
            self._show_pass('test', batch_idx + 1, runner.test_dataloader)

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Show the metrics beside the bar of the training."""
        self._end_pass(runner, 'val', metrics)

    def after_test_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Take the bar away."""
        self._end_pass(runner, 'test', metrics)

    # -- the display ------------------------------------------------------------------------------------------------

    def after_run(self, runner: Any) -> None:
        """Give the terminal back."""
        self._close()

    def close(self) -> None:
        """Give the terminal back, also after an exception."""
        self._close()
        self._trains = False

    def _open(self, runner: Any) -> None:
        self._close()
        if runner.rank == 0:
            from mmengine.hooks.progress_display import open_display
            self._display = open_display(self._console, self.plain_interval)

    def _close(self, last: str = '') -> None:
        display, self._display = self._display, None
        if display is not None:
            display.close(last)

    def _begin_pass(self, runner: Any) -> None:
        if not self._trains:
            self._open(runner)
        self._next = time.monotonic() + self.refresh  # a quick one passes unseen

    def _end_pass(self, runner: Any, mode: str, metrics: dict[str, Any] | None) -> None:
        if self._display is None:
            return
        self._reached = self._text_of(metrics or {})
        self._display.remove(mode)
        if self._trains:
            self._show_training(runner, runner.iter)
        else:
            self._close()

    def _show_training(self, runner: Any, done: int) -> None:
        if self._display is None:
            return
        now = time.monotonic()
        self._next = now + self.refresh
        eta = ''
        if done > self._first_iter:
            left = (now - self._began) / (done - self._first_iter) * (runner.max_iters - done)
            eta = f'eta {_duration(left)}'
        by_epoch = runner.max_epochs is not None and runner.max_epochs > 1
        label = f'epoch {min(runner.epoch + 1, runner.max_epochs)}/{runner.max_epochs}' if by_epoch else 'train'
        values = [value for value in (_latest(runner, 'loss'), _latest(runner, 'lr'), self._reached, eta) if value]
        self._display.show('train', label, done, runner.max_iters, values)

    def _show_pass(self, mode: str, done: int, dataloader: Any) -> None:
        if self._display is not None:
            self._next = time.monotonic() + self.refresh
            self._display.show(mode, mode, done, len(dataloader), ())

    def _text_of(self, metrics: dict[str, Any]) -> str:
        scalars = {name: as_number(value) for name, value in metrics.items() if is_scalar(value)}
        names = list(scalars)[:2] if self.metrics is None else [name for name in self.metrics if name in scalars]
        return _joined(*(f'{name} {_number(scalars[name])}' for name in names))


def _latest(runner: Any, name: str) -> str:
    # Reading a loss waits for the device: this is never done at every iteration.
    history = runner.message_hub.log_scalars.get(f'train/{name}')
    return f'{name} {_number(history.current())}' if history is not None else ''


def _joined(*texts: str) -> str:
    return '  '.join(filter(None, texts))


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _number(value: float) -> str:
    """Write a number in a few characters that tell its size."""
    size = abs(value)
    return f'{value:.4g}' if size >= 1 else f'{value:.4f}' if size >= 0.01 or not value else f'{value:.2e}'
