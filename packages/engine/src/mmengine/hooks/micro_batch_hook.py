"""Train on when the memory of the device runs out, with the batch in parts."""
from __future__ import annotations

from functools import partial
from typing import Any

from mmengine.dist import get_world_size
from mmengine.hooks.hook import Hook
from mmengine.model.micro_batch import MicroBatcher
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS


@HOOKS.register_module()
class MicroBatchHook(Hook):
    """Splits batches that do not fit into memory, and keeps the size that does.

    When a training step raises `torch.OutOfMemoryError`, it is run again with half as many samples at a time, down to
    one. The gradients of the parts are weighted by their samples, so that their sum is the gradient of the whole batch
    where the loss is a mean over samples; other sums of a loss, over boxes or pixels for example, are weighted by
    samples as well. The update, the iteration and the learning rate are those of the whole batch. What was chosen is
    logged, is in the message hub as `micro_batch_size`, and is kept by a run that is resumed.

    What is not the same: batch normalisation takes its statistics from each part, and an attempt that ran out of memory
    may have moved its running ones; random numbers, those of dropout for example, are drawn by part, and were drawn for
    the attempt.

    Args:
        size: How many samples go at a time from the beginning; by default all.

    Raises:
        ValueError: `size` is not positive.
    """

    priority = 'VERY_LOW'

    def __init__(self, size: int | None = None) -> None:
        if size is not None and size < 1:
            raise ValueError(f'size of MicroBatchHook should be a positive number of samples, but got {size!r}')
        self._size = size
        self._batcher: MicroBatcher | None = None

    def state_dict(self) -> dict[str, Any]:
        """Give what was chosen."""
        return {'size': self._size if self._batcher is None else self._batcher.size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what an earlier run has chosen."""
        self._size = state.get('size', self._size)
        if self._batcher is not None:
            self._batcher.size = self._size

    def before_train(self, runner: Any) -> None:
        """Take the place of the model's `train_step`.

        Raises:
            RuntimeError: There are several ranks, which would have to agree on each pass.
            TypeError: There are several optimizers.
        """
        if get_world_size() > 1:
            raise RuntimeError('MicroBatchHook works on one device: several ranks would wait for one another, each '
                               'with another number of parts. Give a smaller batch_size and accumulative_counts')
        if isinstance(runner.optim_wrapper, OptimWrapperDict):
            raise TypeError('MicroBatchHook needs one optimizer, whose update ends a training step')
        self._batcher = MicroBatcher(runner.model.train_step, runner.model, self._size)
        runner.model.__dict__['train_step'] = partial(self._train_step, runner)

    def after_train(self, runner: Any) -> None:
        """Give the model its own `train_step` back."""
        if self._batcher is not None:
            self._size, self._batcher = self._batcher.size, None
            del runner.model.__dict__['train_step']

    def _train_step(self, runner: Any, data: Any, optim_wrapper: Any) -> dict[str, Any]:
        if self._batcher is None:
            raise RuntimeError('MicroBatchHook splits the steps of a training only')
        return self._batcher.run(data, optim_wrapper, partial(self._tell, runner))

    @staticmethod
    def _tell(runner: Any, too_many: int, size: int, count: int) -> None:
        runner.message_hub.update_info('micro_batch_size', size)
        runner.logger.warning(
            f'Memory ran out in iteration {runner.iter + 1} with {too_many} samples at a time: from now on a batch is '
            f'split into parts of at most {size}, this one of {count} into {-(-count // size)}. Their gradients, '
            f'weighted by samples, make up that of the whole batch')
