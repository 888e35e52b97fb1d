"""Give memory back that the accelerator's allocator holds but does not use."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.device import device_module, get_device
from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class EmptyCacheHook(Hook):
    """Empties the cache of the accelerator's allocator; on the CPU there is nothing to do.

    Args:
        before_epoch: Whether before each epoch.
        after_epoch: Whether after each epoch.
        after_iter: Whether after each iteration, which costs time.
    """

    priority = 'NORMAL'

    def __init__(self, before_epoch: bool = False, after_epoch: bool = True, after_iter: bool = False) -> None:
        self._do_before_epoch = before_epoch
        self._do_after_epoch = after_epoch
        self._do_after_iter = after_iter
        self._empty_cache = getattr(device_module(get_device()), 'empty_cache', None)

    def _before_epoch(self, runner: Any, mode: str = 'train') -> None:
        self._empty(self._do_before_epoch)

    def _after_epoch(self, runner: Any, mode: str = 'train') -> None:
        self._empty(self._do_after_epoch)

    def _after_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                    outputs: Sequence[Any] | dict[str, Any] | None = None, mode: str = 'train') -> None:
        self._empty(self._do_after_iter)

    def _empty(self, wanted: bool) -> None:
        if wanted and self._empty_cache is not None:
            self._empty_cache()
