"""What all schedules of an optimizer's parameter share."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

from mmengine.logging import print_log
from mmengine.optim.optimizer.base import BaseOptimWrapper
from mmengine.utils.suggest import did_you_mean

#: The end of a schedule that has none.
INF = int(1e9)

_ADVICE = 'See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate'
Scheduler = TypeVar('Scheduler', bound='_ParamScheduler')
OptimizerType = Optimizer | BaseOptimWrapper


class _StepWatch:
    """Sees whether an optimizer has made a step, until that has been asked once."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = getattr(optimizer, 'optimizer', optimizer)
        self._step_before = vars(self._optimizer).get('step')
        self.stepped = False
        self._handle: Any = None
        if hasattr(self._optimizer, 'register_step_post_hook'):
            self._handle = self._optimizer.register_step_post_hook(self._note)

    def _note(self, *args: Any) -> None:
        self.stepped = True

    def is_overwritten(self) -> bool:
        """Tell whether `step` has been replaced since; torch's own schedulers do so, and call the old one."""
        step: Callable[..., Any] | None = vars(self._optimizer).get('step')
        return step is not self._step_before and not hasattr(step, '_wrapped_by_lr_sched')

    def close(self) -> None:
        """Stop watching."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None


class _ParamScheduler:
    """Changes a parameter of an optimizer's groups at each `step()`, by epoch or by iteration.

    A subclass implements `_get_value`. It computes the new values from the present ones, by a factor for example, so
    that several schedules can act on one parameter, one after the other or at the same time.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter in the groups, 'lr' for example.
        begin: The step at which the schedule begins. Its own count, `last_step`, is 0 there.
        end: The step at which it has ended.
        last_step: The last step of its own count that was made, for a schedule that goes on; -1 for a new one.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.

    Raises:
        TypeError: `optimizer` is something else.
        ValueError: `end` is not larger than `begin`.
        KeyError: The groups have no such parameter, or with `last_step`, not its initial value.
    """

    #: Arguments of the constructor that count steps, beside `begin` and `end`.
    _in_steps: tuple[str, ...] = ()
    #: What a state dict leaves out.
    _NOT_STATE: frozenset[str] = frozenset({'optimizer', '_watch'})

    def __init__(self, optimizer: OptimizerType, param_name: str = 'lr', begin: int = 0, end: int = INF,
                 last_step: int = -1, by_epoch: bool = True, verbose: bool = False) -> None:
        if not isinstance(optimizer, (Optimizer, BaseOptimWrapper)):
            raise TypeError(f'``optimizer`` should be an Optimizer, but got {type(optimizer).__name__}')
        if end <= begin:
            raise ValueError(f'end should be larger than begin, but got begin={begin}, end={end}')
        if not isinstance(last_step, int) or last_step < -1:
            raise AssertionError(f'last_step should be an int from -1 on, but got {last_step!r}')
        self.optimizer = optimizer
        self.param_name = param_name
        self.begin = begin
        self.end = end
        self.by_epoch = by_epoch
        self.verbose = verbose
        self.base_values = self._initial_values(is_new=last_step == -1)
        self.last_step = last_step
        self._global_step = -1 if last_step == -1 else begin + last_step
        self._last_value: list[float] = []
        self._watch = _StepWatch(optimizer)
        self._first_step()

    def _first_step(self) -> None:
        self.step()

    def _initial_values(self, is_new: bool) -> list[float]:
        initial = f'initial_{self.param_name}'
        for index, group in enumerate(self._groups):
            if is_new:
                if self.param_name not in group:
                    raise KeyError(f'{self.param_name!r} is not found in param_groups[{index}] of the optimizer, which '
                                   f'has {list(group)}.{did_you_mean(self.param_name, group)}')
                group.setdefault(initial, _number(group[self.param_name]))
            elif initial not in group:
                raise KeyError(f'param {initial!r} is not specified in param_groups[{index}] '
                               f'when resuming an optimizer')
        return [_number(group[initial]) for group in self._groups]

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups

    def _values(self) -> list[float]:
        """The present values."""
        name = self.param_name
        return [value if type(value) is float else _number(value)
                for value in [group[name] for group in self.optimizer.param_groups]]

    def _get_value(self) -> list[float]:
        """Compute the values of the groups at `last_step` from those at the step before."""
        raise NotImplementedError(f'{type(self).__name__} should implement `_get_value`')

    def _scaled(self, factor: float) -> list[float]:
        return [value * factor for value in self._values()]

    def _from_factor_to_factor(self, before: float, now: float) -> list[float]:
        """The present values with the factor that is in them replaced; one of 0 has left nothing to go by."""
        if before == 0:
            return [base * now for base in self.base_values]
        return self._scaled(now / before)

    def step(self) -> None:
        """Change the parameter, as `begin` and `end` allow."""
        if self._global_step == 0:
            self._check_order()
        self._global_step += 1
        if self.begin <= self._global_step < self.end:
            self.last_step += 1
            values = self._get_value()
            if self._set_values(values):
                self._last_value = list(values)
                return
        self._last_value = self._values()

    def _set_values(self, values: list[float]) -> bool:
        """Set the values, and tell whether the groups have them as they are: a tensor may round its own."""
        name, is_exact = self.param_name, True
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            if isinstance(group[name], torch.Tensor):
                # A captured or compiled step reads this very tensor.
                group[name].fill_(value)
                is_exact = False
            else:
                group[name] = value
        if self.verbose:
            for index, value in enumerate(values):
                self.print_value(True, index, value)
        return is_exact

    def _check_order(self) -> None:
        # A wrapper that accumulates gradients, or whose scale overflows, makes its first step later.
        stepped = self._watch.stepped or getattr(self.optimizer, '_inner_count', 0) > 0
        if self._watch.is_overwritten():
            warnings.warn(f'Seems like `optimizer.step()` has been overridden after parameter value scheduler '
                          f'initialization. Please, make sure to call `optimizer.step()` before `scheduler.step()`. '
                          f'{_ADVICE}', UserWarning, stacklevel=3)
        elif not stepped:
            warnings.warn(f'Detected call of `scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, '
                          f'you should call them in the opposite order: `optimizer.step()` before `scheduler.step()`. '
                          f'Failure to do this will result in skipping the first value of the schedule. {_ADVICE}',
                          UserWarning, stacklevel=3)
        self._watch.close()

    def get_last_value(self) -> list[float]:
        """List the values of the groups after the last step."""
        return self._last_value

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Log a value.

        Args:
            is_verbose: Whether it is logged at all.
            group: Number of the parameter group.
            value: The value.
        """
        if is_verbose:
            print_log(f'Adjusting parameter value of group {group} to {value:.4e}.', logger='current')

    def state_dict(self) -> dict[str, Any]:
        """Take the state, in plain containers and numbers: all but the optimizer."""
        return {key: value for key, value in vars(self).items() if key not in self._NOT_STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        vars(self).update({key: value for key, value in state_dict.items() if key not in self._NOT_STATE})

    @classmethod
    def build_iter_from_epoch(cls: type[Scheduler], *args: Any, begin: int = 0, end: int = INF, by_epoch: bool = True,
                              epoch_length: int | None = None, **kwargs: Any) -> Scheduler:
        """Build a schedule by iteration from the settings of one by epoch.

        Args:
            *args: Positional arguments of the constructor; what counts steps is given by keyword.
            begin: The epoch at which it begins.
            end: The epoch at which it has ended.
            by_epoch: Must be True: the settings are in epochs.
            epoch_length: Number of iterations of an epoch.
            **kwargs: Further arguments of the constructor.

        Raises:
            AssertionError: The settings are not in epochs, or `epoch_length` is not positive.
        """
        if not by_epoch:
            raise AssertionError('Only epoch-based kwargs whose `by_epoch=True` can be converted to iter-based.')
        if epoch_length is None or epoch_length <= 0:
            raise AssertionError(f'`epoch_length` must be a positive integer, but got {epoch_length}.')
        for name in cls._in_steps:
            if kwargs.get(name) is not None:
                kwargs[name] = _in_iters(kwargs[name], epoch_length)
        kwargs.update(begin=int(begin * epoch_length), end=end if end == INF else int(end * epoch_length),
                      by_epoch=False)
        return cls(*args, **kwargs)


def _number(value: Any) -> float:
    return value.item() if isinstance(value, torch.Tensor) else value


def _in_iters(epochs: Any, epoch_length: int) -> Any:
    """Convert a number of epochs, or several."""
    if isinstance(epochs, Sequence):
        return [int(epoch * epoch_length) for epoch in epochs]
    return int(epochs * epoch_length)
