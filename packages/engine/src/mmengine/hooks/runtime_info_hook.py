"""Tell the message hub where a run stands, and hand it learning rates, losses and metrics."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.hooks.metric_rules import as_number, is_scalar
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
        runner.message_hub.update_info('epoch', runner.epoch)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        """Record the iteration and its learning rates.

        Raises:
            AssertionError: The optimizer wrapper gives its learning rates in another form than a dict of lists.
        """
        hub = runner.message_hub
        hub.update_info('iter', runner.iter)
        rates = runner.optim_wrapper.get_lr()
        if not isinstance(rates, dict):
            raise AssertionError('`runner.optim_wrapper.get_lr()` should return a dict of lists of learning rates, '
                                 f'one per parameter group, but got {rates!r}')
        for name, values in rates.items():
            hub.update_scalar(_TRAIN[name], values[0])

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Record the losses, unread."""
        if outputs is not None:
            update = runner.message_hub.update_scalar
            for name, value in outputs.items():
                update(_TRAIN[name], value)

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
