"""A training step in parts, where the whole batch does not fit into memory: the same gradient, less at a time."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

#: Calls a step: takes a batch and the driver of the optimizer, and gives the losses.
Step = Callable[..., dict[str, Any]]


class MicroBatcher:
    """Runs training steps in parts of at most `size` samples, and halves `size` when memory runs out.

    The gradients of the parts are weighted by their samples and summed, and one update follows. That is the gradient of
    the whole batch where the loss is a mean over samples: to the rounding of a sum in another order.

    Args:
        step: The step of the model, which calls `update_params` of the driver once.
        model: The model.
        size: How many samples go at a time; None for all.

    Attributes:
        size: As it is by now.
    """

    def __init__(self, step: Step, model: nn.Module, size: int | None = None) -> None:
        self._step = step
        self._model = model
        self.size = size

    def run(self, data: Any, optim_wrapper: Any, told: Callable[[int, int, int], None]) -> dict[str, Any]:
        """Run a step.

        Args:
            data: The batch.
            optim_wrapper: The driver of the optimizer.
            told: Called when memory ran out, with the samples that were too many, those tried next, and all.

        Returns:
            The losses, the means over the samples.

        Raises:
            torch.OutOfMemoryError: Memory runs out with a single sample.
            TypeError: The batch cannot be split.
        """
        count = samples_in(data)
        kept = [(value, value.grad) for value in self._model.parameters()]  # of accumulation, and None otherwise
        while True:
            size = min(self.size or count, count)
            try:
                losses = self._attempt(data, optim_wrapper, count, size, any(grad is not None for _, grad in kept))
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
            else:
                break
            # Outside of `except`, whose traceback holds the activations.
            for value, grad in kept:
                value.grad = grad
            _free_cache()
            self.size = -(-size // 2)
            told(size, self.size, count)
        return losses

    def _attempt(self, data: Any, optim_wrapper: Any, count: int, size: int, accumulates: bool) -> dict[str, Any]:
        before = [(value, value.grad) for value in self._model.parameters()] if accumulates else []
        for value, _ in before:  # added to only when all parts are through
            value.grad = None
        losses: dict[str, Any] = {}
        for begin in range(0, count, size):
            end = min(begin + size, count)
            share = (end - begin) / count
            part = data if size == count else part_of(data, begin, end, count)
            driver = _PartDriver(optim_wrapper, share, before, end == count)
            for name, value in self._step(part, optim_wrapper=driver).items():
                losses[name] = losses[name] + value * share if name in losses else value * share
            if not driver.called:
                raise TypeError('micro-batches need a train_step that calls update_params of its optim_wrapper once')
        return losses


class _PartDriver:
    """Stands for the driver of the optimizer in one part of a step: only the last one updates."""

    is_plain = False

    def __init__(self, wrapper: Any, share: float, before: list[tuple[nn.Parameter, torch.Tensor | None]],
                 is_last: bool) -> None:
        self._wrapper = wrapper
        self._share = share
        self._before = before
        self._is_last = is_last
        self.called = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapper, name)

    def optim_context(self, model: nn.Module) -> AbstractContextManager[None]:
        context: AbstractContextManager[None] = self._wrapper.optim_context(model)
        return context

    def update_params(self, loss: torch.Tensor, step_kwargs: dict[str, Any] | None = None,
                      zero_kwargs: dict[str, Any] | None = None) -> None:
        wrapper, self.called = self._wrapper, True
        wrapper.backward(wrapper.scale_loss(loss if self._share == 1 else loss * self._share))
        if not self._is_last:
            wrapper._inner_count -= 1  # the parts count as one
            return
        for value, grad in self._before:
            if grad is not None:
                value.grad = grad if value.grad is None else value.grad.add_(grad)
        if wrapper.should_update():
            wrapper.step(**(step_kwargs or {}))
            wrapper.zero_grad(**(zero_kwargs or {}))


def samples_in(data: Any) -> int:
    """Count the samples of a batch: those of the first tensor or list of samples in it.

    Raises:
        TypeError: There is neither.
    """
    for value in _leaves(data):
        return len(value)
    raise TypeError(f'the batch cannot be split: there is neither a tensor nor a list of samples in it, but '
                    f'{type(data).__name__}')


def part_of(data: Any, begin: int, end: int, count: int, name: str = '', is_top: bool = True) -> Any:
    """Take some of the samples of a batch.

    Args:
        data: Dicts and tuples of tensors, whose first dimension is that of samples, and of lists of samples. A list
            that is the batch itself is taken for a tuple, as torch's `default_collate` makes it.
        begin: The first one.
        end: The one after the last.
        count: How many samples the batch has.
        name: What leads to `data`.
        is_top: Whether `data` is the batch itself.

    Raises:
        TypeError: Something has another number of samples.
    """
    if isinstance(data, dict):
        made = {key: part_of(value, begin, end, count, f'{name}[{key!r}]', False) for key, value in data.items()}
        return made if type(data) is dict else type(data)(made)
    if isinstance(data, tuple) or (isinstance(data, list) and is_top):
        parts = [part_of(value, begin, end, count, f'{name}[{index}]', False) for index, value in enumerate(data)]
        return type(data)(*parts) if hasattr(data, '_fields') else type(data)(parts)
    if not _is_leaf(data):
        return data
    if len(data) != count:
        raise TypeError(f'the batch cannot be split: batch{name} has {len(data)} samples, and others {count}')
    return data[begin:end]


def _leaves(data: Any, is_top: bool = True) -> Iterator[Any]:
    if isinstance(data, dict):
        for value in data.values():
            yield from _leaves(value, False)
    elif isinstance(data, tuple) or (isinstance(data, list) and is_top):
        for value in data:
            yield from _leaves(value, False)
    elif _is_leaf(data):
        yield data


def _is_leaf(data: Any) -> bool:
    return isinstance(data, list) or (isinstance(data, torch.Tensor) and data.dim() > 0)


def _free_cache() -> None:
    """Give memory back that the allocator keeps in pieces that are too small."""
    if torch.accelerator.is_available():
        module = torch.get_device_module(torch.accelerator.current_accelerator())
        if hasattr(module, 'empty_cache'):
            module.empty_cache()
