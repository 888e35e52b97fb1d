"""How many samples and tokens a training goes through per second, and how much of the device's peak it uses."""
from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from mmengine.checkpoint.wrappers import unwrap
from mmengine.dataset.batch_size import batch_size_of
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.hooks.logger_hook import LoggerHook
from mmengine.hooks.peak_flops import device_name, peak_flops_of
from mmengine.registry import HOOKS

#: A multiply-add is two operations, and a backward pass costs twice a forward pass.
_TRAINING_FLOPS_PER_MULTIPLY_ADD = 2 * 3


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Records `train/samples_per_sec`, `train/tokens_per_sec` and `train/mfu`, which the log line and trackers show.

    The rates are those of all ranks together, since the last line of the log; time in validations and between epochs
    is left out. Per iteration the hook counts, and no more: it waits for the device and talks to the other ranks only
    where a line of the log is due, which reads the losses anyway.

    A model says its tokens by a method `count_tokens(data_batch)`, a number or a tensor for a batch as the data loader
    gives it, or by a value `num_tokens` among the losses that it returns.

    MFU, model FLOPs utilisation, is the share of the peak of all devices that the model's own operations need (what
    activation checkpointing computes again does not count). It is recorded where the operations are told or counted,
    and the peak is told or known: `peak_flops_of` has the dense 16-bit peaks of common devices. A training in another
    precision needs `peak_flops`.

    Args:
        flops_per_sample: Operations for training on one sample, forward and backward; a multiply-add is two.
        flops_per_token: The same for one token; 6 times the parameters is a usual estimate for a transformer.
        input_shape: Instead of these, the shape of the model's input for one sample, such as `(3, 224, 224)`: a forward
            pass is counted by `mmengine.analysis` before the training, and taken 3 times, for the backward pass costs
            twice as much where no parameters are frozen.
        peak_flops: Operations per second that one device can do.
        interval: Record every so many iterations; by default as often as `LoggerHook` logs.

    Raises:
        ValueError: More than one of the first three is given, or a number is not positive.
    """

    priority = 'NORMAL'

    def __init__(self, flops_per_sample: float | None = None, flops_per_token: float | None = None,
                 input_shape: Sequence[int] | None = None, peak_flops: float | None = None,
                 interval: int | None = None) -> None:
        told = dict(flops_per_sample=flops_per_sample, flops_per_token=flops_per_token, input_shape=input_shape)
        given = [name for name, value in told.items() if value is not None]
        if len(given) > 1:
            raise ValueError(f'ThroughputHook: give only one of {" and ".join(given)}')
        for name, value in dict(flops_per_sample=flops_per_sample, flops_per_token=flops_per_token,
                                peak_flops=peak_flops, interval=interval).items():
            if value is not None and not value > 0:
                raise ValueError(f'ThroughputHook: {name} should be positive, but got {value!r}')
        self.flops_per_sample = flops_per_sample
        self.flops_per_token = flops_per_token
        self.input_shape = input_shape
        self.peak_flops = peak_flops
        self.interval = interval
        self._every = 1
        self._last_batch = -1
        self._count_tokens: Any = None
        self._has_tokens = False
        self._since: float | None = None
        self._reset()

    def _reset(self) -> None:
        self._samples = 0
        self._tokens: Any = 0
        self._seconds = 0.0

    def before_train(self, runner: Any) -> None:
        """Find out what the model and the device say."""
        logged = [hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)]
        self._every = self.interval or (logged[0] if logged else 10)
        model = unwrap(runner.model)
        self._count_tokens = getattr(model, 'count_tokens', None)
        self._has_tokens = self._count_tokens is not None
        if self.input_shape is not None and self.flops_per_sample is None:
            self.flops_per_sample = _count(model, self.input_shape)
            runner.logger.info(f'ThroughputHook: training on a sample of shape {tuple(self.input_shape)} takes '
                               f'{self.flops_per_sample:.4g} operations')
        if self.peak_flops is None and (self.flops_per_sample or self.flops_per_token):
            self.peak_flops = peak_flops_of(device_name())
            if self.peak_flops is None:
                runner.logger.warning(f'ThroughputHook does not know the peak of the device {device_name()!r}, so that '
                                      f'it records no MFU: give peak_flops, in operations per second')
        self._reset()

    def before_train_epoch(self, runner: Any) -> None:
        """Start the clock."""
        try:
            length = len(runner.train_dataloader)
        except TypeError:  # a stream
            length = 0
        self._last_batch = length - 1 if length <= self._every else -1  # which LoggerHook logs as well
        self._since = time.perf_counter()

    def after_train_epoch(self, runner: Any) -> None:
        """Stop the clock."""
        self._stop()

    def before_val(self, runner: Any) -> None:
        """Stop the clock."""
        self._stop()

    def after_val(self, runner: Any) -> None:
        """Start the clock, within a training by iterations; the next epoch starts it else."""
        self._since = time.perf_counter()

    def _stop(self) -> None:
        if self._since is not None:
            self._seconds += time.perf_counter() - self._since
            self._since = None

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Count, and record where a line of the log is due."""
        self._samples += batch_size_of(data_batch)
        if self._count_tokens is not None:
            self._tokens = self._tokens + self._count_tokens(data_batch)
        elif outputs is not None and 'num_tokens' in outputs:
            self._has_tokens = True
            self._tokens = self._tokens + outputs['num_tokens']
        if not (batch_idx + 1) % self._every or batch_idx == self._last_batch:
            self._record(runner)

    def _record(self, runner: Any) -> None:
        self._stop()
        samples, tokens = self._sums()
        if self._seconds > 0:
            update = runner.message_hub.update_scalar
            update('train/samples_per_sec', samples / self._seconds)
            if self._has_tokens:
                update('train/tokens_per_sec', tokens / self._seconds)
            flops = self._flops(samples, tokens)
            if flops is not None and self.peak_flops is not None:
                update('train/mfu', flops / self._seconds / (self.peak_flops * get_world_size()))
        self._reset()
        self._since = time.perf_counter()

    def _sums(self) -> tuple[float, float]:
        """Add up the samples and tokens of all ranks."""
        if get_world_size() == 1:
            return self._samples, float(self._tokens)
        counted = torch.tensor([self._samples, float(self._tokens)], dtype=torch.float64, device='cpu')
        all_reduce(counted)
        samples, tokens = counted.tolist()
        return samples, tokens

    def _flops(self, samples: float, tokens: float) -> float | None:
        if self.flops_per_token is not None and self._has_tokens:
            return self.flops_per_token * tokens
        return None if self.flops_per_sample is None else self.flops_per_sample * samples


def _count(model: torch.nn.Module, shape: Sequence[int]) -> float:
    from mmengine.analysis import FlopAnalyzer  # here, for most trainings do without
    like = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), torch.empty(0))
    modes = [(module, module.training) for module in model.modules()]
    model.eval()  # batch normalisation has no statistics of one sample
    try:
        # Not random: the training draws the numbers that it would have drawn without this hook.
        inputs = torch.zeros(1, *shape, device=like.device, dtype=like.dtype)
        forward = FlopAnalyzer(model, inputs).uncalled_modules_warnings(False).total()
    except Exception as error:
        raise ValueError(f'ThroughputHook: {type(model).__name__} does not run on an input of shape '
                         f'{(1, *shape)} (input_shape={shape!r}): {type(error).__name__}: {error}; give '
                         f'flops_per_sample instead') from error
    finally:
        for module, mode in modes:
            module.training = mode
    return float(forward) * _TRAINING_FLOPS_PER_MULTIPLY_ADD
