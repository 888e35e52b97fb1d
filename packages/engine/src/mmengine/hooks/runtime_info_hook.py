"""Tell the message hub where a run stands, and hand it learning rates, losses and metrics."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.hooks.metric_rules import as_number, is_scalar
from mmengine.logging import MessageHub
from mmengine.optim.optimizer.base import BaseOptimWrapper
from mmengine.registry import HOOKS
from mmengine.utils import get_git_hash
from mmengine.version import __version__
from mmengine.visualization.redact import redact


class _Names(dict[str, str]):
    """Names with the mode in front, put together once and not at every iteration."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode

    def __missing__(self, name: str) -> str:
        self[name] = full = f'{self._mode}/{name}'
        return full


_TRAIN = _Names('train')


@HOOKS.register_module()
class RuntimeInfoHook(Hook):
    """Writes to the message hub, for every other component to read.

    Facts: `cfg`, `seed`, `experiment_name`, `mmengine_version`, `loop_stage` ('train', 'val' or 'test'), `epoch`,
    `iter`, `max_epochs`, `max_iters`, `dataset_meta`. Scalars: `train/lr` and what else the optimizer wrapper calls a
    learning rate, `train/<loss>`, `val/<metric>`, `test/<metric>`. Losses are handed on as the tensors that they are:
    reading one would make the host wait for the device.
    """

    priority = 'VERY_HIGH'
    last_loop_stage: str | None = None
    _set_iter: Callable[[int], None]

    def __init__(self) -> None:
        self._hub: Any = None
        self._wrapper: Any = None
        self._add_rate: Callable[[float], None] | None = None
        self._adders: dict[str, Callable[[Any], None]] = {}

    def before_run(self, runner: Any) -> None:
        """Record what the run is."""
        runner.message_hub.update_info_dict(dict(
            cfg=redact(runner.cfg).pretty_text, seed=runner.seed, experiment_name=runner.experiment_name,
            mmengine_version=__version__ + get_git_hash(digits=7, fallback='')))

    def before_train(self, runner: Any) -> None:
        """Record how far the training is and where it ends."""
        runner.message_hub.update_info_dict(dict(
            loop_stage='train', epoch=runner.epoch, iter=runner.iter, max_epochs=runner.max_epochs,
            max_iters=runner.max_iters))
        dataset = runner.train_dataloader.dataset
        if hasattr(dataset, 'metainfo'):
            runner.message_hub.update_info('dataset_meta', dataset.metainfo)

    def after_train(self, runner: Any) -> None:
        """Forget that a loop is running."""
        runner.message_hub.pop_info('loop_stage', None)

    def before_train_epoch(self, runner: Any) -> None:
        """Record the epoch."""
        self._hub = None  # whoever changed the hub since: the histories are looked up anew
        runner.message_hub.update_info('epoch', runner.epoch)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        """Record the iteration and its learning rates.

        Raises:
            AssertionError: The optimizer wrapper gives its learning rates in another form than a dict of lists.
        """
        wrapper = runner.optim_wrapper
        if runner.message_hub is not self._hub or wrapper is not self._wrapper:
            self._get_ready(runner.message_hub, wrapper)
        self._set_iter(runner.iter)
        if self._add_rate is not None:
            rate = wrapper.optimizer.param_groups[0]['lr']
            if type(rate) is float:
                self._add_rate(rate)
                return
        self._record_rates(runner.message_hub, wrapper.get_lr())

    def _get_ready(self, hub: Any, wrapper: Any) -> None:
        """Look up once what each iteration needs: with a small network, each call and each look-up shows."""
        self._hub, self._wrapper, self._adders = hub, wrapper, {}
        is_real = isinstance(hub, MessageHub)
        self._set_iter = hub.info_setter('iter') if is_real else partial(hub.update_info, 'iter')
        is_usual = getattr(type(wrapper), 'get_lr', None) is BaseOptimWrapper.get_lr and 'get_lr' not in vars(wrapper)
        self._add_rate = None
        if is_usual and wrapper.base_param_settings is None and is_real:
            self._add_rate = hub.appender(_TRAIN['lr'])

    @staticmethod
    def _record_rates(hub: Any, rates: Any) -> None:
        if not isinstance(rates, dict):
            raise AssertionError('`runner.optim_wrapper.get_lr()` should return a dict of lists of learning rates, '
                                 f'one per parameter group, but got {rates!r}')
        for name, values in rates.items():
            hub.update_scalar(_TRAIN[name], values[0])

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Record the losses, unread."""
        if outputs is None:
            return
        hub = runner.message_hub
        adders = self._adders if hub is self._hub else {}
        for name, value in outputs.items():
            add = adders.get(name)
            if add is not None and type(value) is torch.Tensor and not value.requires_grad and not value.dim():
                add(value)
            else:
                hub.update_scalar(_TRAIN[name], value)
                adders[name] = hub.get_scalar(_TRAIN[name]).update_detached

    def before_val(self, runner: Any) -> None:
        """Record that a validation runs, within a training or by itself."""
        self.last_loop_stage = runner.message_hub.get_info('loop_stage')
        runner.message_hub.update_info('loop_stage', 'val')

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Record the metrics."""
        self._record_metrics(runner, metrics, 'val')

    def after_val(self, runner: Any) -> None:
        """Record which loop goes on."""
        if self.last_loop_stage is None:
            runner.message_hub.pop_info('loop_stage', None)
        else:
            runner.message_hub.update_info('loop_stage', self.last_loop_stage)

    def before_test(self, runner: Any) -> None:
        """Record that a test runs."""
        runner.message_hub.update_info('loop_stage', 'test')

    def after_test_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Record the metrics."""
        self._record_metrics(runner, metrics, 'test')

    def after_test(self, runner: Any) -> None:
        """Forget that a loop is running."""
        runner.message_hub.pop_info('loop_stage', None)

    @staticmethod
    def _record_metrics(runner: Any, metrics: Mapping[str, Any] | None, mode: str) -> None:
        for name, value in (metrics or {}).items():
            if is_scalar(value):
                runner.message_hub.update_scalar(f'{mode}/{name}', as_number(value))
            else:
                runner.message_hub.update_info(f'{mode}/{name}', value)
