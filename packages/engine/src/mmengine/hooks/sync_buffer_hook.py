"""Let all ranks have the same buffers."""
from __future__ import annotations

from typing import Any

from mmengine.dist import all_reduce_params, is_distributed
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class SyncBuffersHook(Hook):
    """Averages the buffers over all ranks, the running statistics of batch normalisation for example.

    That is done at the end of each training epoch, and before a validation between two of them.
    """

    priority = 'NORMAL'

    def __init__(self) -> None:
        self.distributed = is_distributed()
        self.called_in_train = False

    def after_train_epoch(self, runner: Any) -> None:
        """Average the buffers."""
        self._synchronise(runner)
        self.called_in_train = True

    def before_val_epoch(self, runner: Any) -> None:
        """Average the buffers unless that was just done."""
        if not self.called_in_train:
            self._synchronise(runner)
        self.called_in_train = False

    def _synchronise(self, runner: Any) -> None:
        if self.distributed:
            all_reduce_params(runner.model.buffers(), op='mean')
