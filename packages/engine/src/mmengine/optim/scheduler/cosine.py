"""Schedules along a cosine, once or with restarts."""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from mmengine.optim.scheduler.base import INF, OptimizerType, _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS


def _lowest_values(base_values: list[float], eta_min: float | None, eta_min_ratio: float | None) -> list[float]:
    return [eta_min if eta_min is not None else base * (eta_min_ratio or 0) for base in base_values]


def _check_lowest(eta_min: float | None, eta_min_ratio: float | None) -> None:
    if (eta_min is None) == (eta_min_ratio is None):
        raise AssertionError(f'Either `eta_min` or `eta_min_ratio` should be specified, '
                             f'but got eta_min={eta_min} and eta_min_ratio={eta_min_ratio}')


def _along_cosine(value: float, lowest: float, step: int, length: int) -> float:
    """The value at a step, from that of the step before."""
    before, now = (1 + math.cos(math.pi * at / length) for at in (step - 1, step))
    return now / before * (value - lowest) + lowest


@PARAM_SCHEDULERS.register_module()
class CosineAnnealingParamScheduler(_ParamScheduler):
    """Lets a parameter go along a cosine, down in `T_max` steps, then up again.

    Loshchilov and Hutter (2017), SGDR, without the restarts.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        T_max: Number of steps until the lowest value; by default `end - begin`.
        eta_min: The lowest value, by default 0.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.
        eta_min_ratio: The lowest value as a share of the first, in place of `eta_min`.

    Raises:
        AssertionError: Both `eta_min` and `eta_min_ratio` are given.
    """

    _in_steps = ('T_max',)

    def __init__(self, optimizer: OptimizerType, param_name: str, T_max: int | None = None,
                 eta_min: float | None = None, begin: int = 0, end: int = INF, last_step: int = -1,
                 by_epoch: bool = True, verbose: bool = False, eta_min_ratio: float | None = None) -> None:
        if eta_min is None and eta_min_ratio is None:
            eta_min = 0.
        _check_lowest(eta_min, eta_min_ratio)
        self.T_max = T_max or (end - begin)
        self.eta_min = eta_min
        self.eta_min_ratio = eta_min_ratio
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0:
            return self._values()
        lowest_values = _lowest_values(self.base_values, self.eta_min, self.eta_min_ratio)
        if (self.last_step - 1 - self.T_max) % (2 * self.T_max) == 0:
            # At the lowest point nothing is left to multiply: begin the way up from the base value.
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [value + (base - lowest) * rise for value, base, lowest in
                    zip(self._values(), self.base_values, lowest_values, strict=True)]
        return [_along_cosine(value, lowest, self.last_step, self.T_max)
                for value, lowest in zip(self._values(), lowest_values, strict=True)]


@PARAM_SCHEDULERS.register_module()
class CosineRestartParamScheduler(_ParamScheduler):
    """Lets a parameter go down along a cosine again and again, as Loshchilov and Hutter (2017), SGDR.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        periods: Number of steps of each way down; behind the last the value stays.
        restart_weights: What the first value of each way is multiplied with.
        eta_min: The lowest value.
        eta_min_ratio: The lowest value as a share of the first; one of both has to be given.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.

    Raises:
        AssertionError: Not one of `eta_min` and `eta_min_ratio` is given, or periods and weights differ in number.
    """

    _in_steps = ('periods',)

    def __init__(self, optimizer: OptimizerType, param_name: str, periods: Sequence[int],
                 restart_weights: Sequence[float] = (1, ), eta_min: float | None = None,
                 eta_min_ratio: float | None = None, begin: int = 0, end: int = INF, last_step: int = -1,
                 by_epoch: bool = True, verbose: bool = False) -> None:
        _check_lowest(eta_min, eta_min_ratio)
        if len(periods) != len(restart_weights):
            raise AssertionError(f'periods and restart_weights should have the same length, '
                                 f'but got {list(periods)} and {list(restart_weights)}')
        self.periods = list(periods)
        self.restart_weights = list(restart_weights)
        self.eta_min = eta_min
        self.eta_min_ratio = eta_min_ratio
        self.cumulative_periods = list(itertools.accumulate(periods))
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        index = self.get_position_from_periods(self.last_step, self.cumulative_periods)
        if index is None:
            return self._values()
        step = self.last_step - (self.cumulative_periods[index - 1] if index else 0)
        if step == 0:
            return [base * self.restart_weights[index] for base in self.base_values]
        lowest_values = _lowest_values(self.base_values, self.eta_min, self.eta_min_ratio)
        return [_along_cosine(value, lowest, step, self.periods[index])
                for value, lowest in zip(self._values(), lowest_values, strict=True)]

    @staticmethod
    def get_position_from_periods(iteration: int, cumulative_periods: list[int]) -> int | None:
        """Find the period that a step is in.

        Args:
            iteration: The step.
            cumulative_periods: Ends of the periods.

        Returns:
            Number of the period, None behind the last.
        """
        return next((index for index, end in enumerate(cumulative_periods) if iteration < end), None)
