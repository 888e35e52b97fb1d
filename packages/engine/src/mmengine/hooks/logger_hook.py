"""Write lines to the log and scalars to the trackers, every so many iterations."""
from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from mmengine.dist import master_only
from mmengine.fileio import FileClient, dump, get_file_backend
from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.hooks.metric_rules import is_scalar
from mmengine.logging import print_log
from mmengine.registry import HOOKS
from mmengine.utils import scandir
from mmengine.visualization.values import to_plain

SUFFIX_TYPE = Sequence[str] | str


@HOOKS.register_module()
class LoggerHook(Hook):
    """Reads what was recorded since the last time, and hands it to the logger and to all trackers.

    Between these moments losses stay on their device, and this hook does no more than count.

    Args:
        interval: Log every so many iterations.
        ignore_last: Whether the rest of an epoch, shorter than `interval`, is left out; an epoch shorter than
            `interval` as a whole is logged at its end anyway.
        interval_exp_name: Log the name of the run every so many iterations.
        out_dir: Folder, also on a storage backend, below which the logs are copied after the run, into a folder
            named as the work_dir.
        out_suffix: Ends of the names of files that are copied.
        keep_local: Whether copied files stay in the log folder as well.
        file_client_args: Upstream's older name for `backend_args`.
        log_metric_by_epoch: Whether metrics of a validation are recorded at the number of the epoch, and not of the
            iteration.
        backend_args: Arguments of the storage backend of `out_dir`.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An interval is not positive, or the arguments of the storage backend contradict each other.
    """

    priority = 'BELOW_NORMAL'

    def __init__(self, interval: int = 10, ignore_last: bool = True, interval_exp_name: int = 1000,
                 out_dir: str | Path | None = None, out_suffix: SUFFIX_TYPE = ('.json', '.log', '.py', 'yaml'),
                 keep_local: bool = True, file_client_args: dict[str, Any] | None = None,
                 log_metric_by_epoch: bool = True, backend_args: dict[str, Any] | None = None) -> None:
        for name, interval_arg in (('interval', interval), ('interval_exp_name', interval_exp_name)):
            if not isinstance(interval_arg, int):
                raise TypeError(f'{name} must be an integer, but got {interval_arg!r}')
            if interval_arg <= 0:
                raise ValueError(f'{name} must be greater than 0, but got {interval_arg}')
        for name, switch in (('ignore_last', ignore_last), ('keep_local', keep_local)):
            if not isinstance(switch, bool):
                raise TypeError(f'{name} must be a bool, but got {switch!r}')
        _check_copying(out_dir, out_suffix, file_client_args, backend_args)
        self.interval = interval
        self.ignore_last = ignore_last
        self.interval_exp_name = interval_exp_name
        self.out_dir = out_dir
        self.out_suffix = out_suffix if isinstance(out_suffix, str) else tuple(out_suffix)
        self.keep_local = keep_local
        self.file_client_args = file_client_args
        self.log_metric_by_epoch = log_metric_by_epoch
        self.backend_args = backend_args
        self.json_log_path: str | None = None
        self.file_client: FileClient | None = None
        self.file_backend: Any = None
        self._last_batch: int | None = None
        self._has_warned = False
        self._ahead: int | None = None
        if out_dir is not None:
            if file_client_args is not None:
                self.file_client = FileClient.infer_client(file_client_args, out_dir)
            self.file_backend = self.file_client or get_file_backend(out_dir, backend_args=backend_args)

    def before_run(self, runner: Any) -> None:
        """Name the file of scalars after the run."""
        self.json_log_path = f'{runner.timestamp}.json'
        if self.out_dir is not None:
            runner.logger.info(f'Text logs will be saved to {self._copies(runner)} by {self.file_backend.name} after '
                               f'the run')

    def before_train_epoch(self, runner: Any) -> None:
        """Find out once which batch is the last, instead of asking the data loader at each."""
        self._last_batch = self._find_last_batch(runner)
        self._ahead = None

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Log the iteration if it is one to log."""
        done = batch_idx + 1
        if self._ahead is None:  # iterations of the run before this epoch; to ask the runner each time would show
            self._ahead = runner.iter - batch_idx
        if not (self._ahead + done) % self.interval_exp_name:
            runner.logger.info(f'Exp name: {runner.experiment_name}')
        if done % self.interval:
            last = self._find_last_batch(runner) if self._last_batch is None else self._last_batch
            if batch_idx != last:
                return
        tag, line = runner.log_processor.get_log_after_iter(runner, batch_idx, 'train')
        runner.logger.info(line)
        runner.visualizer.add_scalars(tag, step=runner.iter + 1, file_path=self.json_log_path)
        if not (self._has_warned or isfinite(tag.get('loss', 0.0))):
            self._warn_of_loss(runner, tag['loss'])

    def _warn_of_loss(self, runner: Any, loss: float) -> None:
        self._has_warned = True
        if not any(type(hook).__name__ == 'NonFiniteLossHook' for hook in runner.hooks):
            runner.logger.warning(f'The loss is {loss}, and the parameters may be so as well by now: NonFiniteLossHook '
                                  f'among custom_hooks tells the iteration and the samples, and can stop the training '
                                  f"(action='stop') or leave such batches out (action='skip')")

    def _find_last_batch(self, runner: Any) -> int:
        """Give the index of the last batch if it is to be logged whatever the interval, else -1."""
        try:
            length = len(runner.train_dataloader)
        except TypeError:  # a stream
            return -1
        return length - 1 if not self.ignore_last or length <= self.interval else -1

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                       outputs: Sequence[Any] | None = None) -> None:
        """Log how far a validation is."""
        self._log_progress(runner, batch_idx, 'val')

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                        outputs: Sequence[Any] | None = None) -> None:
        """Log how far a test is."""
        self._log_progress(runner, batch_idx, 'test')

    def _log_progress(self, runner: Any, batch_idx: int, mode: str) -> None:
        if (batch_idx + 1) % self.interval == 0:
            runner.logger.info(runner.log_processor.get_log_after_iter(runner, batch_idx, mode)[1])

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Log and record the metrics of a validation."""
        tag, line = runner.log_processor.get_log_after_epoch(runner, len(runner.val_dataloader), 'val')
        runner.logger.info(line)
        self._record_metrics(runner, tag, self.json_log_path)

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Log the metrics of a test, write them to a file, and record the numbers below `test/`."""
        tag, line = runner.log_processor.get_log_after_epoch(runner, len(runner.test_dataloader), 'test',
                                                             with_non_scalar=True)
        runner.logger.info(line)
        self._write_results(runner, tag)
        numbers = {f'test/{name.removeprefix("test/")}': value for name, value in tag.items() if is_scalar(value)}
        self._record_metrics(runner, numbers)

    def _record_metrics(self, runner: Any, values: dict[str, Any], file_path: str | None = None) -> None:
        """Record values by epoch in the local files, and for trackers on the axis of the training iterations."""
        step = runner.epoch if self.log_metric_by_epoch else runner.iter
        with runner.visualizer.at(runner.iter, runner.epoch if self.log_metric_by_epoch else None):
            runner.visualizer.add_scalars(values, step=step, file_path=file_path)

    @master_only
    def _write_results(self, runner: Any, tag: dict[str, Any]) -> None:
        dump(to_plain(tag), os.path.join(runner.log_dir, self.json_log_path or f'{runner.timestamp}.json'))

    def after_run(self, runner: Any) -> None:
        """Copy the logs, with all that was recorded until now."""
        if self.out_dir is not None:
            runner.visualizer.flush()
            self._copy_logs(runner)

    @master_only
    def _copy_logs(self, runner: Any) -> None:
        target = self._copies(runner)
        names = list(scandir(runner.log_dir, self.out_suffix, True))
        for name in names:
            with open(os.path.join(runner.log_dir, name), encoding='utf-8') as file:
                self.file_backend.put_text(file.read(), self.file_backend.join_path(target, name))
        runner.logger.info(f'{len(names)} logs are saved to {target}')
        if not self.keep_local:
            for name in names:  # only after all of them are copied
                os.remove(os.path.join(runner.log_dir, name))

    def _copies(self, runner: Any) -> str:
        name = os.path.basename(os.path.normpath(runner.work_dir))
        return str(self.file_backend.join_path(str(self.out_dir), name))


def _check_copying(out_dir: str | Path | None, out_suffix: SUFFIX_TYPE, file_client_args: dict[str, Any] | None,
                   backend_args: dict[str, Any] | None) -> None:
    if out_dir is not None and not isinstance(out_dir, (str, Path)):
        raise TypeError(f'out_dir must be a str or Path or None, but got {out_dir!r}')
    suffixes = [out_suffix] if isinstance(out_suffix, str) else out_suffix
    if not isinstance(suffixes, (list, tuple)) or not all(isinstance(suffix, str) for suffix in suffixes):
        raise TypeError(f'out_suffix should be a str or a sequence of str, but got {out_suffix!r}')
    if file_client_args is None:
        return
    if out_dir is None:
        raise ValueError('file_client_args should be None when `out_dir` is not specified: nothing is copied then')
    if backend_args is not None:
        raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time: give backend_args')
    print_log('"file_client_args" will be deprecated in future. Please use "backend_args" instead', logger='current',
              level=logging.WARNING)
