"""Values of random schedules at every step: `scheduler_values.py OUT.npz [COUNT] [SEED]`.

Runs with any installation of mmengine, ours or upstream's, and uses only what both have. The file
`data/scheduler_values.npz` is what upstream 0.10.7 gives, in single precision:

    /path/of/an/environment/with/mmengine==0.10.7/bin/python scheduler_values.py ../data/scheduler_values.npz
"""
from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS

COUNT, SEED = 1000, 0
Setting = dict[str, Any]


def _window(draw: random.Random, steps: int) -> dict[str, int]:
    begin = draw.choice([0, 0, draw.randint(0, steps // 2)])
    return dict(begin=begin, end=draw.choice([steps + 1, draw.randint(begin + 2, steps + 5)]))


def _lowest(draw: random.Random) -> dict[str, float]:
    return draw.choice([dict(eta_min=draw.uniform(0, 1e-3)), dict(eta_min_ratio=draw.uniform(0, 0.5))])


def _restart(draw: random.Random, steps: int) -> dict[str, Any]:
    periods = [draw.randint(1, max(steps // 2, 1)) for _ in range(draw.randint(1, 4))]
    return dict(periods=periods, restart_weights=[draw.uniform(0.2, 1) for _ in periods], **_lowest(draw))


#: Kind -> arguments drawn for a number of steps; all kinds may be combined.
KINDS: dict[str, Callable[[random.Random, int], dict[str, Any]]] = {
    'Constant': lambda draw, steps: dict(factor=draw.uniform(0.05, 1)),
    'Linear': lambda draw, steps: dict(start_factor=draw.uniform(0.01, 1), end_factor=draw.uniform(0.01, 1)),
    'Exponential': lambda draw, steps: dict(gamma=draw.uniform(0.5, 1)),
    'Step': lambda draw, steps: dict(step_size=draw.randint(1, 6), gamma=draw.uniform(0.1, 1)),
    'MultiStep': lambda draw, steps: dict(milestones=[draw.randint(1, steps) for _ in range(draw.randint(1, 4))],
                                          gamma=draw.uniform(0.1, 1)),
    'Poly': lambda draw, steps: dict(power=draw.uniform(0.5, 3), eta_min=draw.uniform(0, 1e-3)),
    'CosineAnnealing': lambda draw, steps: dict(
        T_max=draw.choice([draw.randint(2, steps), draw.randint(2, steps), None]), **_lowest(draw)),
    'CosineRestart': _restart,
}


def _one_cycle(draw: random.Random, steps: int) -> dict[str, Any]:
    return dict(type='OneCycleLR', eta_max=draw.uniform(0.01, 1), total_steps=steps + draw.randint(8, 20),
                pct_start=draw.uniform(0.3, 0.5), anneal_strategy=draw.choice(['cos', 'linear']),
                div_factor=draw.uniform(2, 30), final_div_factor=draw.uniform(10, 1e4),
                three_phase=draw.random() < 0.5)


def _plateau(draw: random.Random, name: str) -> dict[str, Any]:
    return dict(type=f'ReduceOnPlateau{name}', rule=draw.choice(['less', 'greater']), factor=draw.uniform(0.1, 0.9),
                patience=draw.randint(0, 3), threshold=draw.uniform(0, 0.2), threshold_rule=draw.choice(['rel', 'abs']),
                cooldown=draw.randint(0, 2), min_value=draw.uniform(0, 0.01))


def settings(count: int = COUNT, seed: int = SEED) -> list[Setting]:
    """Draw settings: an optimizer of two groups, and one to three schedules that act on it at the same time."""
    draw = random.Random(seed)
    found = []
    for index in range(count):
        steps = draw.randint(6, 30)
        name = draw.choice(['LR', 'LR', 'Momentum'])
        setting: Setting = dict(steps=steps, adam=draw.random() < 0.3, wrapped=draw.random() < 0.5,
                                rates=[draw.uniform(1e-4, 1), draw.uniform(1e-4, 1)],
                                momenta=[draw.uniform(0.5, 0.99), draw.uniform(0.5, 0.99)],
                                metrics=[draw.uniform(0.5, 1) for _ in range(steps)])
        if index % 10 == 0:
            setting['schedules'] = [_one_cycle(draw, steps)]
        elif index % 10 == 1:
            setting['schedules'] = [_plateau(draw, name)]
        else:
            setting['schedules'] = _chain(draw, steps, name)
        found.append(setting)
    return found


def _chain(draw: random.Random, steps: int, name: str) -> list[dict[str, Any]]:
    kinds = [draw.choice(list(KINDS)) for _ in range(draw.choice([1, 1, 2, 3]))]
    if draw.random() < 0.3:  # what most configs have
        kinds = ['Linear', kinds[-1]]
    epoch_length = draw.choice([0, 0, 0, 1, 2, 3])  # by iterations of so many to an epoch
    length = max(steps // (epoch_length or 1), 3)
    chain = [dict(type=f'{kind}{name}', **KINDS[kind](draw, length), **_window(draw, length)) for kind in kinds]
    if epoch_length:
        for schedule in chain:
            schedule.update(by_epoch=True, convert_to_iter_based=True, epoch_length=epoch_length)
    return chain


def build(setting: Setting) -> tuple[Any, list[Any]]:
    """Build the optimizer and the schedules of a setting."""
    groups: list[dict[str, Any]] = [dict(params=[torch.nn.Parameter(torch.zeros(1))], lr=rate)
                                    for rate in setting['rates']]
    for group, momentum in zip(groups, setting['momenta']):  # noqa: B905  # of two
        group.update(dict(betas=(momentum, 0.99)) if setting['adam'] else dict(momentum=momentum))
    optimizer: Any = torch.optim.Adam(groups, lr=0.1) if setting['adam'] else torch.optim.SGD(groups, lr=0.1,
                                                                                              momentum=0.9)
    if setting['wrapped']:
        optimizer = OptimWrapper(optimizer)
    return optimizer, [PARAM_SCHEDULERS.build(dict(schedule, optimizer=optimizer))
                       for schedule in setting['schedules']]


def current(optimizer: Any) -> list[float]:
    """Read learning rate and momentum of both groups."""
    groups = optimizer.param_groups[:2]
    return [*(group['lr'] for group in groups),
            *(group['betas'][0] if 'betas' in group else group['momentum'] for group in groups)]


def advance(optimizer: Any, schedules: Sequence[Any], metric: float) -> None:
    """Take one step."""
    optimizer.step()
    for schedule in schedules:
        schedule.step(*([dict(loss=metric)] if getattr(schedule, 'need_val_args', False) else []))


def values(setting: Setting) -> list[list[float]]:
    """Compute learning rates and momenta before the first step and after each."""
    optimizer, schedules = build(setting)
    found = [current(optimizer)]
    for metric in setting['metrics']:
        advance(optimizer, schedules, metric)
        found.append(current(optimizer))
    return found


def main(path: str, count: int = COUNT, seed: int = SEED) -> None:
    found = np.array([row for setting in settings(count, seed) for row in values(setting)])
    np.savez_compressed(path, values=found if path.endswith('.full.npz') else found.astype(np.float32))


if __name__ == '__main__':
    main(sys.argv[1], *map(int, sys.argv[2:]))
