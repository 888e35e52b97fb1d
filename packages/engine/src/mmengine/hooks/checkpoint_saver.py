"""Write checkpoints so that no moment leaves a run without one, and end a training where it can go on."""
from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from mmengine.checkpoint.background import BackgroundWriter
from mmengine.checkpoint.files import write_checkpoint
from mmengine.dist import is_main_process
from mmengine.hooks.checkpoint_files import CheckpointFolder, record_last
from mmengine.hooks.checkpoint_signals import check_signals
from mmengine.hooks.checkpoint_stop import StopGuard
from mmengine.hooks.hook import Hook


class CheckpointSaver(Hook):
    """Keeps the order of what changes files: a checkpoint, then the note which is the newest, then removals.

    Args:
        filename_tmpl: Name of regular checkpoints with `{}` for the number.
        async_save: Whether a thread writes.
        stop_signals: Names of the signals that end the training.
    """

    by_epoch: bool
    out_dir: str
    save_optimizer: bool
    save_param_scheduler: bool
    file_client_args: dict[str, Any] | None
    backend_args: dict[str, Any] | None
    args: dict[str, Any]

    def __init__(self, filename_tmpl: str, async_save: bool, stop_signals: Sequence[str]) -> None:
        self.filename_tmpl = filename_tmpl
        self.async_save = async_save
        self.last_ckpt: str | None = None
        self.keep_ckpt_ids: deque[int] = deque()
        self._folder: CheckpointFolder | None = None  # of the running training
        self._background: BackgroundWriter | None = None
        self._stop = StopGuard(check_signals(stop_signals))
        self._saved_iter = -1  # finished iterations of the newest checkpoint
        self._before_val: list[Any] | None = None  # states of the ranks where the running validation began
        self._dropped: list[int] = []  # taken from `keep_ckpt_ids`, but maybe still on the disk if the run is killed
        self._outdated: list[str] = []  # were the best or in between, but still named by the checkpoint on the disk

    # -- what a resumed run has to know -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Give what to clean up if the run ends before it could do that itself; all else is in the message hub."""
        return {'dropped': list(self._dropped), 'outdated': list(self._outdated)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what an earlier run may have left."""
        self._dropped, self._outdated = list(state.get('dropped', [])), list(state.get('outdated', []))

    # -- around a training ------------------------------------------------------------------------------------------

    def _open(self, runner: Any, folder: CheckpointFolder) -> None:
        """Begin to save to a folder."""
        self._folder, self._background = folder, None
        if is_main_process():
            folder.sweep()
        if self.async_save and (is_main_process() or runner.strategy.collective_state):
            self._background = BackgroundWriter(write_checkpoint)
        runner.strategy.background = self._background

    def _open_folder(self) -> CheckpointFolder:
        if self._folder is None:
            raise RuntimeError(f'{type(self).__name__} saves during a training only: call `before_train` first')
        return self._folder

    def rescue(self, runner: Any) -> str | None:
        """Save what a validation that failed would have lost: the state in which it began.

        Returns:
            The path of the checkpoint; None if this point is saved already, or if the iteration failed and left nothing
            whole behind.
        """
        states, self._before_val = self._before_val, None
        if states is None or runner.strategy.collective_state or not is_main_process():
            self._wait()
            return None
        path = self._save_between(runner, dict(epoch=runner.epoch, iter=runner.iter), states)
        self._wait()
        return path

    def close(self) -> None:
        """End what a training has opened, however it ends."""
        self._stop.end()
        self._folder, self._before_val = None, None
        self._wait()

    def _wait(self) -> None:
        if self._background is not None:
            self._background.wait()

    # -- saving -----------------------------------------------------------------------------------------------------

    def _save_between(self, runner: Any, meta: dict[str, int], states: list[Any] | None = None) -> str:
        """Save where no checkpoint is due; it is there until the next one is."""
        path = self._open_folder().file(f'iter_{meta["iter"]}.pth')
        self._outdated.append(path)
        self._save_regular(runner, path, meta, states)
        return path

    def _save_regular(self, runner: Any, path: str, meta: dict[str, int], states: list[Any] | None = None) -> None:
        self.last_ckpt, self._saved_iter = path, meta['iter']
        runner.message_hub.update_info('last_ckpt', path)
        self._write(runner, path, self.save_optimizer, self.save_param_scheduler, meta, states)
        if is_main_process():
            self._commit(partial(record_last, runner.work_dir, path))
        self._clean_up()

    def _write(self, runner: Any, path: str, optimizer: bool, schedulers: bool, meta: dict[str, int],
               states: list[Any] | None = None) -> None:
        if hasattr(runner, 'collect_rank_states'):
            runner.collect_rank_states(states)
        runner.save_checkpoint(self.out_dir, os.path.basename(path), self.file_client_args, save_optimizer=optimizer,
                               save_param_scheduler=schedulers, meta=meta, by_epoch=self.by_epoch,
                               backend_args=self.backend_args, **self.args)

    def _commit(self, action: Callable[[], None]) -> None:
        """Do something once all that was saved so far is on the disk."""
        if self._background is not None:
            self._background.then(action)
        else:
            action()

    def _clean_up(self) -> None:
        """Remove what the newest checkpoint replaces, once it is on the disk."""
        folder = self._open_folder()
        # A template without a number has one name for all.
        needed = {folder.file(self.filename_tmpl.format(number)) for number in self.keep_ckpt_ids}
        needed.update(path for path in (self.last_ckpt, *self._best_paths()) if path is not None)
        paths = [folder.file(self.filename_tmpl.format(number)) for number in self._dropped] + self._outdated
        if is_main_process():
            self._commit(partial(folder.remove_all, [path for path in paths if path not in needed]))
        # One in between is outdated by the next.
        self._dropped, self._outdated = [], [path for path in self._outdated if path == self.last_ckpt]

    def _best_paths(self) -> Iterable[str | None]:
        """Give the best checkpoints, which are not removed."""
        raise NotImplementedError

    # -- ending -----------------------------------------------------------------------------------------------------

    def _save_and_stop(self, runner: Any, meta: dict[str, int], states: list[Any] | None = None) -> None:
        """Save, unless this very point is, and end the training.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
            SystemExit: After any other signal, with 128 and its number as upon the signal itself.
        """
        if self._saved_iter != meta['iter']:
            self._save_between(runner, meta, states)
        self._wait()
        text = (f'The training was ended by a signal after {meta["iter"]} of {runner.max_iters} iterations, and saved: '
                f'{self.last_ckpt}. To go on from there, run again with the same work_dir and resume=True.')
        runner.logger.warning(text)
        raise self._stop.ending(text)
