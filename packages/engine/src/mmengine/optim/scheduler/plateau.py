"""A schedule that follows a metric."""
from __future__ import annotations

import math
from typing import Any

from mmengine.optim.scheduler.base import INF, OptimizerType, _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.utils.suggest import did_you_mean


@PARAM_SCHEDULERS.register_module()
class ReduceOnPlateauParamScheduler(_ParamScheduler):
    """Multiplies a parameter by `factor` where a metric has not got better for some validations.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        monitor: Name of the metric.
        rule: 'less' if lower is better, 'greater' if higher is.
        factor: The factor, below 1.
        patience: Number of validations without progress that are put up with.
        threshold: What counts as progress.
        threshold_rule: Whether the threshold is relative to the best value, 'rel', or absolute, 'abs'.
        cooldown: Number of validations after a change in which nothing is counted.
        min_value: The lowest value, or a list with one for each parameter group.
        eps: Changes that are not larger are left out.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Must be True.
        verbose: Whether each change is logged.

    Raises:
        ValueError: A setting is out of range.
        AssertionError: `by_epoch` is False.
    """

    #: The runner gives the metrics of a validation to `step`.
    need_val_args = True

    def __init__(self, optimizer: OptimizerType, param_name: str, monitor: str = 'loss', rule: str = 'less',
                 factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, threshold_rule: str = 'rel',
                 cooldown: int = 0, min_value: float | list[float] | tuple[float, ...] = 0., eps: float = 1e-8,
                 begin: int = 0, end: int = INF, last_step: int = -1, by_epoch: bool = True,
                 verbose: bool = False) -> None:
        if not by_epoch:
            raise AssertionError(f'Now only support by_epoch=True, but got by_epoch={by_epoch}')
        if factor >= 1.0:
            raise ValueError(f'Factor should be < 1.0, but got {factor}.')
        if rule not in ('less', 'greater'):
            raise ValueError(f"mode {rule!r} is unknown: rule should be 'less' or 'greater'")
        if threshold_rule not in ('rel', 'abs'):
            raise ValueError(f"threshold mode {threshold_rule!r} is unknown: threshold_rule should be 'rel' or 'abs'")
        self.factor = factor
        self.monitor = monitor
        self.rule = rule
        self.patience = patience
        self.threshold = threshold
        self.threshold_rule = threshold_rule
        self.cooldown = cooldown
        self.eps = eps
        self.rule_worse = math.inf if rule == 'less' else -math.inf
        self._reset()
        self._epochs_are_told = False
        super().__init__(optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)
        self.min_values = self._checked_min_values(min_value)

    def _checked_min_values(self, min_value: Any) -> list[float]:
        groups = len(self._groups)
        if not isinstance(min_value, (list, tuple)):
            return [min_value] * groups
        has_base = getattr(self.optimizer, 'base_param_settings', None) is not None
        if len(min_value) != groups - has_base:
            raise ValueError(f'expected {groups - has_base} min_values, one for each parameter group, '
                             f'but got {len(min_value)}')
        # The base settings of a wrapper follow the last group.
        return [*min_value, min_value[-1]] if has_base else list(min_value)

    def _first_step(self) -> None:
        # There is no metric before the first validation, and so nothing to change.
        self._global_step += 1
        self._last_value = self._values()

    def _reset(self) -> None:
        self.best: float = self.rule_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: dict[str, Any] | None = None) -> None:
        """Follow the metrics of a validation.

        Args:
            metrics: Metrics by name; without them only the epoch is counted, for `begin` and `end`.

        Raises:
            TypeError: `metrics` is no dict.
            KeyError: The metric that is followed is not in it.
        """
        if metrics is None:
            self._count()
            self._epochs_are_told = True
            return
        if not isinstance(metrics, dict):
            raise TypeError(f'metrics type should be dict, but got type {type(metrics)}')
        if self.monitor not in metrics:
            raise KeyError(f'{self.monitor!r}, which {type(self).__name__} monitors, is not among the metrics '
                           f'{list(metrics)}.{did_you_mean(self.monitor, metrics)}')
        if self.begin <= self._global_step < self.end:
            self.last_step += 1
            self._follow(float(metrics[self.monitor]))
        if not self._epochs_are_told:  # then validations count, the first as 0, so that the last one is followed too
            self._count()
        self._last_value = self._values()

    def _count(self) -> None:
        if self._global_step == 0:
            self._check_order()
        self._global_step += 1

    def _follow(self, current: float) -> None:
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self._in_cooldown():
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
            self._set_values(self._get_value())

    def _get_value(self) -> list[float]:
        values = []
        for value, lowest in zip(self._values(), self.min_values, strict=True):
            reduced = max(value * self.factor, lowest)
            values.append(reduced if value - reduced > self.eps else value)
        return values

    def _in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        if best == self.rule_worse:
            return a < best if self.rule == 'less' else a > best
        margin = self.threshold * (abs(best) if self.threshold_rule == 'rel' else 1)
        return a < best - margin if self.rule == 'less' else a > best + margin
