"""Save checkpoints every so often, and the best one by a metric."""
from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import FileClient, get_file_backend
from mmengine.hooks.checkpoint_arguments import check_arguments, check_further_arguments
from mmengine.hooks.checkpoint_best import BestKeeper
from mmengine.hooks.checkpoint_files import CheckpointFolder
from mmengine.hooks.checkpoint_saver import CheckpointSaver
from mmengine.hooks.checkpoint_signals import STOP_SIGNALS
from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.metric_rules import BETTER, WORST
from mmengine.registry import HOOKS


@HOOKS.register_module()
class CheckpointHook(CheckpointSaver):
    """Saves the run as `epoch_<n>.pth` or `iter_<n>.pth`, and as `best_<metric>_epoch_<n>.pth` when a metric is best.

    No checkpoint is removed before the one that replaces it is whole, and named by `last_checkpoint`. Whenever a run
    is killed, the newest whole checkpoint is found through that file. When a validation finds a new best, the
    checkpoint of this very step is written once more, so that it knows of it.

    Args:
        interval: Save every so many epochs or iterations; -1 for never but at the end.
        by_epoch: Whether epochs are counted.
        save_optimizer: Whether the optimizer's state is in regular checkpoints; in the best one it never is.
        save_param_scheduler: Whether the schedulers' state is in regular checkpoints; in the best one it never is.
        out_dir: Folder, also on a storage backend, below which checkpoints go into a folder named as the work_dir; by
            default the work_dir itself.
        max_keep_ckpts: How many regular checkpoints are kept, the newest ones; -1 for all.
        save_last: Whether the end of the training is saved whatever the interval.
        save_best: The metric or metrics to save the best checkpoint by; 'auto' takes the first of the first validation.
        rule: 'greater' or 'less', for all metrics or for each; None infers it from the names.
        greater_keys: Parts of names of metrics of which more is better.
        less_keys: Parts of names of metrics of which less is better.
        file_client_args: Upstream's older name for `backend_args`.
        filename_tmpl: Name of regular checkpoints with `{}` for the number.
        backend_args: Arguments of the storage backend.
        published_keys: Items of the last and the best checkpoints to publish after the training, without all others.
        save_begin: The first epoch or iteration to save; the interval counts from it.
        async_save: Whether the training goes on while a thread writes, from a copy of the state in memory of its own.
            The training waits for the copy only; what a write raises ends it at the next one.
        stop_signals: Names of the signals upon which all ranks end after the same iteration, with a checkpoint of it.
            Ctrl-C a second time ends at once. They are the process's own again after the training; in a thread and in a
            notebook they always are.
        **kwargs: Further arguments of the runner's `save_checkpoint`.
    """

    priority = 'VERY_LOW'
    rule_map = BETTER
    init_value_map = WORST
    out_dir: str
    best_ckpt_path: str | None
    best_ckpt_path_dict: dict[str, str | None]

    def __init__(self, interval: int = -1, by_epoch: bool = True, save_optimizer: bool = True,
                 save_param_scheduler: bool = True, out_dir: str | os.PathLike[str] | None = None,
                 max_keep_ckpts: int = -1, save_last: bool = True, save_best: str | list[str] | None = None,
                 rule: str | list[str] | None = None, greater_keys: str | Sequence[str] | None = None,
                 less_keys: str | Sequence[str] | None = None, file_client_args: dict[str, Any] | None = None,
                 filename_tmpl: str | None = None, backend_args: dict[str, Any] | None = None,
                 published_keys: str | list[str] | None = None, save_begin: int = 0, *, async_save: bool = False,
                 stop_signals: Sequence[str] = STOP_SIGNALS, **kwargs: Any) -> None:
        check_arguments(file_client_args, backend_args, published_keys, save_begin, save_best, rule)
        super().__init__(filename_tmpl or ('epoch_{}.pth' if by_epoch else 'iter_{}.pth'), async_save, stop_signals)
        self.interval = interval
        self.by_epoch = by_epoch
        self.save_optimizer = save_optimizer
        self.save_param_scheduler = save_param_scheduler
        self.out_dir = out_dir  # type: ignore[assignment]  # None until a training begins
        self.max_keep_ckpts = max_keep_ckpts
        self.save_last = save_last
        self.save_best = save_best
        self.file_client_args = file_client_args
        self.backend_args = backend_args
        self.published_keys = [published_keys] if isinstance(published_keys, str) else published_keys
        self.save_begin = save_begin
        self.args = kwargs
        self._unit = 'epoch' if by_epoch else 'iter'
        self._base_dir = out_dir
        self._saved_step = 0
        self._new_best = False
        self._best = BestKeeper(save_best, rule, greater_keys, less_keys) if save_best is not None else None
        if self._best is not None:
            self.greater_keys, self.less_keys = self._best.greater_keys, self._best.less_keys

    @property
    def file_client(self) -> FileClient:
        """The storage behind upstream's older interface."""
        return FileClient.infer_client(self.file_client_args, self.out_dir)

    @property
    def key_indicators(self) -> list[str]:
        """The metrics by which a checkpoint is best."""
        return self._best.key_indicators if self._best is not None else []

    @property
    def rules(self) -> list[Any]:
        """Whether more or less of each of these metrics is better."""
        return self._best.rules if self._best is not None else []

    # -- the stages -------------------------------------------------------------------------------------------------

    def before_train(self, runner: Any) -> None:
        """Choose the folder, and take up what an earlier run kept."""
        check_further_arguments(self.args, runner.save_checkpoint, CheckpointHook)
        base = self.out_dir = str(self._base_dir) if self._base_dir is not None else runner.work_dir
        self.file_backend: Any = self.file_client if self.file_client_args is not None \
            else get_file_backend(base, backend_args=self.backend_args)
        if base != runner.work_dir:
            name = os.path.basename(os.path.normpath(runner.work_dir))
            self.out_dir = str(self.file_backend.join_path(base, name))
        self._open(runner, CheckpointFolder(self.out_dir, self.file_backend))
        runner.logger.info(f'Checkpoints will be saved to {self.out_dir}.')
        self._take_up(runner)
        self._stop.begin(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """Save if the epoch is one to save."""
        if self.by_epoch and self._is_due(runner.epoch + 1, runner.max_epochs):
            runner.logger.info(f'Saving checkpoint at {runner.epoch + 1} epochs')
            self._save_checkpoint(runner)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Save if the iteration is one to save, or if the training is to end after it."""
        if not self.by_epoch and self._is_due(runner.iter + 1, runner.max_iters):
            runner.logger.info(f'Saving checkpoint at {runner.iter + 1} iterations')
            self._save_checkpoint(runner)
        if self._stop.requested and self._stop.is_time(runner.iter + 1):
            self._save_and_stop(runner, dict(epoch=runner.epoch, iter=runner.iter + 1))

    def before_val(self, runner: Any) -> None:
        """Remember the random numbers that a validation begins with, unless this point is saved anyway."""
        if self._folder is not None and self._saved_iter != runner.iter and hasattr(runner, 'collect_rank_states'):
            self._before_val = runner.collect_rank_states()

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                       outputs: Sequence[Any] | None = None) -> None:
        """End the training within a validation, which a resumed run does from its begin."""
        if self._stop.requested and self._stop.is_alone and self._folder is not None:
            self._save_and_stop(runner, dict(epoch=runner.epoch, iter=runner.iter), self._before_val)

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Save the best checkpoint if this one is."""
        if self._best is None or self._folder is None:  # a validation by itself trains nothing that could be saved
            return
        if not metrics:
            runner.logger.warning('Since `metrics` is an empty dict, the behavior to save the best checkpoint will be '
                                  'skipped in this evaluation.')
            return
        self._save_best_checkpoint(runner, metrics)

    def after_val(self, runner: Any) -> None:
        """Write the checkpoint of this step again if a new best was found: all hooks have taken the metrics by now."""
        self._before_val = None
        if self._folder is not None and self._new_best and self.last_ckpt is not None:
            state = getattr(runner.train_loop, 'state', None)
            if state is not None and hasattr(state, 'validated'):  # a resumed run need not validate once more
                state.validated(runner.iter)
            self._save_checkpoint_with_step(runner, *self._finished(runner))

    def after_train(self, runner: Any) -> None:
        """Save the end of a training that ended early, and publish."""
        step, meta = self._finished(runner)
        if self.save_last and step > self._saved_step:
            runner.logger.info(f'Saving checkpoint at the end of the training, {self._unit} {step}')
            self._save_checkpoint_with_step(runner, step, meta)
        self._wait()
        if self.published_keys is not None:
            self._publish(runner)
        self.close()
        runner.strategy.background = None

    # -- saving -----------------------------------------------------------------------------------------------------

    def _is_due(self, done: int, maximum: int) -> bool:
        begin, interval = self.save_begin, self.interval
        if interval > 0 and (done - begin) % interval == 0 and done >= begin:
            return True
        return self.save_last and done == maximum

    def _finished(self, runner: Any) -> tuple[int, dict[str, int]]:
        """Give the number to save between epochs (or iterations), and the meta of the checkpoint."""
        return runner.epoch if self.by_epoch else runner.iter, dict(epoch=runner.epoch, iter=runner.iter)

    def _save_checkpoint(self, runner: Any) -> None:
        """Save within an epoch (or iteration), which counts as finished."""
        if self.by_epoch:
            step, meta = runner.epoch + 1, dict(epoch=runner.epoch + 1, iter=runner.iter)
        else:
            step, meta = runner.iter + 1, dict(epoch=runner.epoch, iter=runner.iter + 1)
        self._save_checkpoint_with_step(runner, step, meta)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict[str, int]) -> None:
        path = self._open_folder().file(self.filename_tmpl.format(step))
        if self.max_keep_ckpts > 0:
            kept = [*(number for number in self.keep_ckpt_ids if number != step), step]
            self._dropped += kept[:-self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(kept[-self.max_keep_ckpts:], self.max_keep_ckpts)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self._save_regular(runner, path, meta)
        self._saved_step, self._new_best = step, False

    # -- the best ---------------------------------------------------------------------------------------------------

    def _save_best_checkpoint(self, runner: Any, metrics: dict[str, Any]) -> None:
        if self._best is None:
            return
        hub, folder = runner.message_hub, self._open_folder()
        step, meta = self._finished(runner)
        improved = [(name, score, f'best_{name}_{self.filename_tmpl.format(step)}'.replace('/', '_'))
                    for name, score in self._best.improved(hub, metrics)]
        for name, score, file in improved:
            former, path = self._best_of(name), folder.file(file)
            if former is not None and former != path:
                self._outdated.append(former)
            self._set_best(name, path)
            hub.update_info(self._best.score_key(name), score)
            hub.update_info(self._best.path_key(name), path)
        for name, score, file in improved:
            self._write(runner, file, False, False, meta)
            runner.logger.info(f'The best checkpoint with {score:0.4f} {name} at {step} {self._unit} is saved to '
                               f'{file}.')
        if improved and self.last_ckpt is None:
            self._clean_up()  # no regular checkpoint names the former best
        else:
            self._new_best = self._new_best or bool(improved)

    def _best_paths(self) -> list[str | None]:
        if self._best is None:
            return []
        return [self.best_ckpt_path] if self._best.is_single else list(self.best_ckpt_path_dict.values())

    def _best_of(self, name: str) -> str | None:
        return self.best_ckpt_path if self._best is None or self._best.is_single else self.best_ckpt_path_dict[name]

    def _set_best(self, name: str, path: str) -> None:
        if self._best is None or self._best.is_single:
            self.best_ckpt_path = path
        else:
            self.best_ckpt_path_dict[name] = path

    # -- around a training ------------------------------------------------------------------------------------------

    def _take_up(self, runner: Any) -> None:
        """Go on with what an earlier run saved; keep fewer checkpoints if the user wants so now."""
        hub, folder = runner.message_hub, self._open_folder()
        self.last_ckpt = folder.find(hub.get_info('last_ckpt'))
        step, meta = self._finished(runner)
        self._saved_step = step if self.last_ckpt == folder.file(self.filename_tmpl.format(step)) else 0
        self._saved_iter = meta['iter'] if self.last_ckpt is not None and folder.holds(self.last_ckpt) else -1
        if self._best is not None:
            best = {name: folder.find(hub.get_info(self._best.path_key(name))) for name in self._best.key_indicators}
            if self._best.is_single:
                self.best_ckpt_path, = best.values()
            else:
                self.best_ckpt_path_dict = best
        if self.max_keep_ckpts > 0:
            kept = list(hub.get_info('keep_ckpt_ids') or [])
            self._dropped += kept[:-self.max_keep_ckpts]
            self.keep_ckpt_ids = deque(kept[-self.max_keep_ckpts:], self.max_keep_ckpts)
            hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        if self.last_ckpt is not None and folder.holds(self.last_ckpt):
            self._clean_up()

    def _publish(self, runner: Any) -> None:
        if not is_main_process():
            return
        folder = self._open_folder()
        paths = [self.last_ckpt if self.save_last else None, *self._best_paths()]
        trusted = getattr(getattr(runner, 'strategy', None), 'trust_checkpoint', False) is True
        for path in paths:
            if path is not None and folder.holds(path):
                folder.publish(path, self.published_keys or [], trusted)
