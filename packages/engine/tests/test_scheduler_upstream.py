"""Schedules at every step of 1,000 random settings: the values of upstream 0.10.7, also through a saved state."""
from __future__ import annotations

import importlib.util
import io
import random
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from mmengine.optim import CosineRestartLR, ExponentialLR, LinearLR, MultiStepLR

HERE = Path(__file__).parent


def load_program() -> Any:
    spec = importlib.util.spec_from_file_location('scheduler_values', HERE / 'programs' / 'scheduler_values.py')
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


program = load_program()


@pytest.fixture(scope='module')
def settings() -> list[dict[str, Any]]:
    drawn: list[dict[str, Any]] = program.settings()
    kinds = {schedule['type'] for setting in drawn for schedule in setting['schedules']}
    assert len(drawn) >= 1000
    assert kinds == {'OneCycleLR', *(f'{kind}{name}' for kind in [*program.KINDS, 'ReduceOnPlateau']
                                     for name in ('LR', 'Momentum'))}
    return drawn


def test_values_are_those_of_upstream(settings: list[dict[str, Any]]) -> None:
    expected = np.load(HERE / 'data' / 'scheduler_values.npz')['values']
    found = []
    for setting in settings:
        rows = program.values(setting)
        theirs = expected[len(found):len(found) + len(rows)]
        # They were written in single precision.
        np.testing.assert_allclose(np.float32(rows), theirs, rtol=2e-7, atol=1e-12, err_msg=str(setting))
        found += rows
    assert len(found) == len(expected)


def test_a_saved_state_goes_on_with_the_same_values(settings: list[dict[str, Any]]) -> None:
    draw = random.Random(1)
    for setting in settings[::2]:
        expected, middle = program.values(setting), draw.randint(1, setting['steps'] - 1)
        optimizer, schedules = program.build(setting)
        for metric in setting['metrics'][:middle]:
            program.advance(optimizer, schedules, metric)
        file = io.BytesIO()
        torch.save([optimizer.state_dict(), *(schedule.state_dict() for schedule in schedules)], file)
        file.seek(0)
        other, others = program.build(setting)
        state, *states = torch.load(file, weights_only=True)
        other.load_state_dict(state)
        for schedule, own in zip(others, states, strict=True):
            schedule.load_state_dict(own)
        found = [program.current(other)]
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # a schedule in its first step sees that its optimizer has made none
            for metric in setting['metrics'][middle:]:
                program.advance(other, others, metric)
                found.append(program.current(other))
        assert found == expected[middle:], setting


def optimizer_of(rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def rates(optimizer: torch.optim.Optimizer, schedules: list[Any], steps: int) -> Iterator[float]:
    for _ in range(steps):
        yield optimizer.param_groups[0]['lr']
        optimizer.step()
        for schedule in schedules:
            schedule.step()


def test_restarts_beside_torchs() -> None:
    draw = random.Random(2)
    for _ in range(200):
        rate, low = draw.uniform(0.01, 1), draw.uniform(0, 1e-3)
        first, factor = draw.randint(1, 5), draw.randint(1, 3)
        periods = [first * factor**index for index in range(4)]
        ours, theirs = optimizer_of(rate), optimizer_of(rate)
        found = rates(ours, [CosineRestartLR(ours, periods=periods, restart_weights=[1] * 4, eta_min=low)],
                      sum(periods))
        expected = rates(theirs, [lr_scheduler.CosineAnnealingWarmRestarts(theirs, first, factor, low)], sum(periods))
        assert list(found) == pytest.approx(list(expected), rel=1e-8)


def test_combinations_beside_torchs() -> None:
    """A warm-up and a decay act on one learning rate at the same time, as two of torch's do."""
    draw = random.Random(3)
    for _ in range(200):
        rate, start, gamma, steps = draw.uniform(0.01, 1), draw.uniform(0.01, 1), draw.uniform(0.5, 1), 20
        warm, milestones = draw.randint(1, 10), [draw.randint(1, 10), draw.randint(11, 19)]
        ours, theirs = optimizer_of(rate), optimizer_of(rate)
        found = rates(ours, [LinearLR(ours, start_factor=start, end=warm + 1), ExponentialLR(ours, gamma=gamma),
                             MultiStepLR(ours, milestones=milestones)], steps)
        expected = rates(theirs, [lr_scheduler.LinearLR(theirs, start, 1., warm),
                                  lr_scheduler.ExponentialLR(theirs, gamma),
                                  lr_scheduler.MultiStepLR(theirs, milestones)], steps)
        assert list(found) == pytest.approx(list(expected), rel=1e-8)
