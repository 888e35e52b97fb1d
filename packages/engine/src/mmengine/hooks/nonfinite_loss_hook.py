"""Notice losses that are infinite or not a number."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.hooks.sample_ids import ID_KEYS, sample_ids
from mmengine.optim.optimizer.leave_out import leave_out_update
from mmengine.registry import HOOKS
from mmengine.utils.suggest import did_you_mean

_ACTIONS = ('report', 'stop', 'skip')
_MOST_IDS = 32  # of one batch in a message


class NonFiniteLossError(FloatingPointError):
    """A loss was infinite or not a number, and the training was to stop then."""


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Notices losses that are infinite or not a number, and says in which iteration and with which samples.

    With 'report' and 'stop' the losses stay on their device from one look to the next. With 'skip' the loss that is to
    be differentiated is read at every iteration, and all ranks agree on it.

    Args:
        action: 'report' logs an error when it begins and a note when it is over; 'stop' ends the training, on all
            ranks; 'skip' leaves the batch out of the update of the parameters, on all ranks, and reports it.
        interval: Look every so many iterations, and at the end of an epoch; None for the interval of the logger hook.
        id_keys: What of a sample's meta information tells which one it is; all of these that a sample has are named.

    Raises:
        ValueError: The action is unknown, or the interval is not positive.
    """

    priority = 'NORMAL'  # before the checkpoint of the same iteration is written

    def __init__(self, action: str = 'report', interval: int | None = None, id_keys: Sequence[str] = ID_KEYS) -> None:
        if action not in _ACTIONS:
            raise ValueError(f'action should be one of {_ACTIONS}, but got {action!r}.{did_you_mean(action, _ACTIONS)}')
        if interval is not None and (not isinstance(interval, int) or interval < 1):
            raise ValueError(f'interval should be a positive integer or None, but got {interval!r}')
        self.action = action
        self.interval = interval
        self.id_keys = tuple(id_keys)
        self._every = interval or 1
        #: Iterations since the last look: number, losses by name, which samples.
        self._unread: list[tuple[int, dict[str, torch.Tensor], list[str]]] = []
        self._is_on = False
        self._restore: list[Callable[[], None]] = []

    def before_train(self, runner: Any) -> None:
        """Find out how often to look, and guard the updates if batches are to be left out."""
        self._unread, self._is_on = [], False
        if self.interval is None:
            self._every = next((hook.interval for hook in runner.hooks if type(hook).__name__ == 'LoggerHook'), 10)
        if self.action == 'skip':
            wrappers = getattr(runner.optim_wrapper, 'optim_wrappers', {'': runner.optim_wrapper})
            self._restore = [_guard(wrapper) for wrapper in wrappers.values()]

    def after_train(self, runner: Any) -> None:
        """Let the updates be as they were."""
        self.close()

    def close(self) -> None:
        """Let the updates be as they were, also after a failure."""
        for restore in self._restore:
            restore()
        self._restore = []

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Keep the losses of the iteration, and look at those that were kept when it is time.

        Raises:
            NonFiniteLossError: One of them is not finite, and the training is to stop then.
        """
        losses = {name: value for name, value in (outputs or {}).items()
                  if isinstance(value, torch.Tensor) and value.numel() == 1}
        self._unread.append((runner.iter + 1, losses, sample_ids(data_batch, self.id_keys)))
        if len(self._unread) >= self._every:
            self._look(runner)

    def after_train_epoch(self, runner: Any) -> None:
        """Look at the rest.

        Raises:
            NonFiniteLossError: One of the losses is not finite, and the training is to stop then.
        """
        if self._unread:
            self._look(runner)

    def _look(self, runner: Any) -> None:
        found = _not_finite(self._unread)
        looked_at, self._unread = len(self._unread), []
        everywhere = all_gather_object(found) if get_world_size() > 1 else [found]
        if not any(everywhere):
            if self._is_on:
                runner.logger.warning(f'The losses of the last {looked_at} iterations are finite again')
            self._is_on = False
            return
        text = _describe(everywhere, looked_at)
        if self.action == 'stop':
            raise NonFiniteLossError(text)
        if self.action == 'skip':
            runner.logger.warning(f'{text}. The parameters were not updated with these batches')
        elif not self._is_on:
            runner.logger.error(f"{text}. The training goes on: action='stop' or 'skip' of NonFiniteLossHook would not")
        self._is_on = True


def _not_finite(kept: list[tuple[int, dict[str, torch.Tensor], list[str]]]) -> list[tuple[int, str, list[str]]]:
    """Give number, losses and samples of the iterations with a loss that is not finite; the device is read once."""
    values = [value.detach().reshape(()).float() for _, losses, _ in kept for value in losses.values()]
    if not values or torch.isfinite(torch.stack(values)).all():
        return []
    found = []
    for number, losses, ids in kept:
        bad = {name: float(value) for name, value in losses.items() if not math.isfinite(float(value))}
        if bad:
            found.append((number, ', '.join(f'{name} is {value}' for name, value in bad.items()), ids))
    return found


def _describe(everywhere: list[list[tuple[int, str, list[str]]]], looked_at: int) -> str:
    """Say what came first of all, and how much more there was."""
    first, rank = min((found[0][0], rank) for rank, found in enumerate(everywhere) if found)
    _, losses, ids = everywhere[rank][0]
    where = f' on rank {rank}' if len(everywhere) > 1 else ''
    samples = ', '.join(ids[:_MOST_IDS]) or 'which its data do not tell (they have no meta information)'
    more = f' and {len(ids) - _MOST_IDS} more' if len(ids) > _MOST_IDS else ''
    numbers = {number for found in everywhere for number, _, _ in found}
    rest = f'. So it is in {len(numbers)} of the last {looked_at} iterations' if len(numbers) > 1 else ''
    return f'{losses} in iteration {first}{where}, with the samples {samples}{more}{rest}'


def _guard(wrapper: Any) -> Callable[[], None]:
    """Let a wrapper leave out batches whose loss is not finite; gives what undoes it."""
    update = wrapper.update_params

    def update_if_finite(loss: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        if _is_finite_everywhere(loss):
            update(loss, *args, **kwargs)
        else:
            leave_out_update(wrapper)

    wrapper.update_params = update_if_finite
    return partial(delattr, wrapper, 'update_params')


def _is_finite_everywhere(loss: torch.Tensor) -> bool:
    flag = torch.isfinite(loss.detach()).all().to(torch.int32)
    if get_world_size() > 1:
        all_reduce(flag, 'min')
    return bool(flag)
