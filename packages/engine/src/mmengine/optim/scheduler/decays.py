"""Schedules that let a parameter fall: by a factor now and then, by a factor always, or by a power of what is left."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from mmengine.optim.scheduler.base import INF, OptimizerType, _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class ExponentialParamScheduler(_ParamScheduler):
    """Multiplies a parameter by `gamma` at each step.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        gamma: The factor.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.
    """

    def __init__(self, optimizer: OptimizerType, param_name: str, gamma: float, begin: int = 0, end: int = INF,
                 last_step: int = -1, by_epoch: bool = True, verbose: bool = False) -> None:
        self.gamma = gamma
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        return self._values() if self.last_step == 0 else self._scaled(self.gamma)


@PARAM_SCHEDULERS.register_module()
class StepParamScheduler(_ParamScheduler):
    """Multiplies a parameter by `gamma` every `step_size` steps.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        step_size: Number of steps between two changes.
        gamma: The factor.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.
    """

    _in_steps = ('step_size',)

    def __init__(self, optimizer: OptimizerType, param_name: str, step_size: int, gamma: float = 0.1, begin: int = 0,
                 end: int = INF, last_step: int = -1, by_epoch: bool = True, verbose: bool = False) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer=optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0 or self.last_step % self.step_size != 0:
            return self._values()
        return self._scaled(self.gamma)


@PARAM_SCHEDULERS.register_module()
class MultiStepParamScheduler(_ParamScheduler):
    """Multiplies a parameter by `gamma` at given steps, counted from `begin`.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        milestones: The steps; one that is named twice counts twice.
        gamma: The factor.
        last_step: See `_ParamScheduler`.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.
    """

    _in_steps = ('milestones',)

    def __init__(self, optimizer: OptimizerType, param_name: str, milestones: Sequence[int], gamma: float = 0.1,
                 last_step: int = -1, begin: int = 0, end: int = INF, by_epoch: bool = True,
                 verbose: bool = False) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        if self.last_step not in self.milestones:
            return self._values()
        return self._scaled(self.gamma**self.milestones[self.last_step])

    def state_dict(self) -> dict[str, Any]:
        """Take the state, in plain containers and numbers: all but the optimizer."""
        return {**super().state_dict(), 'milestones': dict(self.milestones)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` gave.

        Args:
            state_dict: The state; milestones may be a list or a Counter.
        """
        super().load_state_dict(state_dict)
        self.milestones = Counter(self.milestones)


@PARAM_SCHEDULERS.register_module()
class PolyParamScheduler(_ParamScheduler):
    """Lets a parameter fall to `eta_min` by a power of the steps that are left; reached at step `end - 1`.

    `value = (base - eta_min) * (1 - step / total) ** power + eta_min`, as Chen et al. (2017), DeepLab, have it.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        eta_min: The last value.
        power: The power.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.
    """

    def __init__(self, optimizer: OptimizerType, param_name: str, eta_min: float = 0, power: float = 1, begin: int = 0,
                 end: int = INF, last_step: int = -1, by_epoch: bool = True, verbose: bool = False) -> None:
        self.eta_min = eta_min
        self.power = power
        self.total_iters = end - begin - 1
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0:
            return self._values()
        factor = (1 - 1 / (self.total_iters - self.last_step + 1))**self.power
        return [(value - self.eta_min) * factor + self.eta_min for value in self._values()]
