"""Schedules for warming up: a constant factor for a while, or one that changes linearly."""
from __future__ import annotations

from mmengine.optim.scheduler.base import INF, OptimizerType, _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS


def _check_factor(name: str, factor: float) -> None:
    if not 0 <= factor <= 1:
        raise ValueError(f'{name} multiplicative factor should between 0 and 1, but got {factor}.')


@PARAM_SCHEDULERS.register_module()
class ConstantParamScheduler(_ParamScheduler):
    """Multiplies a parameter by a factor from `begin` on, and gives it back at step `end - 1`.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        factor: The factor, from 0 to 1.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.

    Raises:
        ValueError: `factor` is out of range.
    """

    def __init__(self, optimizer: OptimizerType, param_name: str, factor: float = 1.0 / 3, begin: int = 0,
                 end: int = INF, last_step: int = -1, by_epoch: bool = True, verbose: bool = False) -> None:
        _check_factor('Constant', factor)
        self.factor = factor
        self.total_iters = end - begin - 1
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0:
            return self._scaled(self.factor)
        if self.last_step == self.total_iters:
            return self._from_factor_to_factor(self.factor, 1.0)
        return self._values()


@PARAM_SCHEDULERS.register_module()
class LinearParamScheduler(_ParamScheduler):
    """Multiplies a parameter by a factor that goes linearly from one value to another, reached at step `end - 1`.

    As a warm-up of the learning rate: Goyal et al. (2017), Accurate, large minibatch SGD.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        start_factor: The first factor, from 0 to 1.
        end_factor: The last factor, from 0 to 1.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.

    Raises:
        ValueError: A factor is out of range.
    """

    def __init__(self, optimizer: OptimizerType, param_name: str, start_factor: float = 1.0 / 3,
                 end_factor: float = 1.0, begin: int = 0, end: int = INF, last_step: int = -1, by_epoch: bool = True,
                 verbose: bool = False) -> None:
        _check_factor('Starting', start_factor)
        _check_factor('Ending', end_factor)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = end - begin - 1
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        step, start = self.last_step, self.start_factor
        if step == 0:
            return self._scaled(start)
        span = self.end_factor - start
        return self._from_factor_to_factor(start + span * (step - 1) / self.total_iters,
                                           start + span * step / self.total_iters)
