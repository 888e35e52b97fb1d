"""A schedule up to a high value and down to a very low one."""
from __future__ import annotations

import math
from typing import Any

from mmengine.optim.scheduler.base import INF, OptimizerType, _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class OneCycleParamScheduler(_ParamScheduler):
    """Lets a parameter rise to `eta_max` and fall far below where it began.

    Smith and Topin (2018), Super-convergence. Values are absolute: nothing of other schedules stays in them.

    Args:
        optimizer: The optimizer, or its wrapper.
        param_name: Name of the parameter.
        eta_max: The highest value.
        total_steps: Number of steps; by default `end - begin`.
        pct_start: Share of the steps in which the value rises.
        anneal_strategy: 'cos' or 'linear'.
        div_factor: The first value is `eta_max / div_factor`.
        final_div_factor: The last value is the first divided by this.
        three_phase: Whether the value falls back to the first one as long as it rose, and to the last only then.
        begin: The step at which the schedule begins.
        end: The step at which it has ended.
        last_step: See `_ParamScheduler`.
        by_epoch: Whether a step is an epoch, or else an iteration.
        verbose: Whether each change is logged.

    Raises:
        ValueError: A setting is out of range.
    """

    _in_steps = ('total_steps',)

    def __init__(self, optimizer: OptimizerType, param_name: str, eta_max: float = 0, total_steps: int | None = None,
                 pct_start: float = 0.3, anneal_strategy: str = 'cos', div_factor: float = 25.,
                 final_div_factor: float = 1e4, three_phase: bool = False, begin: int = 0, end: int = INF,
                 last_step: int = -1, by_epoch: bool = True, verbose: bool = False) -> None:
        if total_steps is None:
            if end == INF:
                raise ValueError('You must define either `total_steps` or `end`')
            total_steps = end - begin
        if not isinstance(total_steps, int) or total_steps <= 0:
            raise ValueError(f'Expected positive integer total_steps, but got {total_steps}')
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f'expected float between 0 and 1 pct_start, but got {pct_start}')
        if anneal_strategy not in ('cos', 'linear'):
            raise ValueError(f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy!r}")
        self.eta_max = eta_max
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        self._schedule_phases = self._phases(param_name, pct_start, three_phase)
        if last_step == -1 and hasattr(optimizer, 'param_groups'):
            for group in optimizer.param_groups:
                group[f'initial_{param_name}'] = eta_max / div_factor
                group[f'max_{param_name}'] = eta_max
                group[f'min_{param_name}'] = eta_max / div_factor / final_div_factor
        super().__init__(optimizer=optimizer, param_name=param_name, begin=begin, end=end, last_step=last_step,
                         by_epoch=by_epoch, verbose=verbose)

    def _phases(self, name: str, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
        top = pct_start * self.total_steps - 1
        ends = [(top, 'initial', 'max'), (2 * top, 'max', 'initial'), (self.total_steps - 1, 'initial', 'min')]
        if not three_phase:
            ends = [(top, 'initial', 'max'), (self.total_steps - 1, 'max', 'min')]
        return [{'end_step': float(end), f'start_{name}': f'{start}_{name}', f'end_{name}': f'{stop}_{name}'}
                for end, start, stop in ends]

    def _anneal(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == 'linear':
            return (end - start) * share + start
        return end + (start - end) / 2 * (math.cos(math.pi * share) + 1)

    def _get_value(self) -> list[float]:
        if self.last_step > self.total_steps:
            raise ValueError(f'Tried to step {self.last_step + 1} times. '
                             f'The specified number of total steps is {self.total_steps}')
        begin = 0.
        for phase in self._schedule_phases[:-1]:
            if self.last_step <= phase['end_step']:
                break
            begin = phase['end_step']
        else:
            phase = self._schedule_phases[-1]
        share = (self.last_step - begin) / (phase['end_step'] - begin)
        start, end = phase[f'start_{self.param_name}'], phase[f'end_{self.param_name}']
        return [self._anneal(group[start], group[end], share) for group in self._groups]
