"""A run that stops anywhere and is resumed saves the very bits of one that never stopped, in everything it saves.

`MMENGINE_FULL=1` stops every case after each of its iterations, on one rank and on two.
"""
from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

PROGRAM = Path(__file__).parent / 'programs' / 'resume_matrix.py'
FULL = os.environ.get('MMENGINE_FULL', '') not in ('', '0')

FEATURES = ['', '-accumulate', '-amp', '-ema', '-adam', '-two', '-stopping', '-amp-accumulate-ema-adam']
LOOPS = ['epoch', 'iter', 'iter-finite']
EVERYTHING = [f'{loop}{workers}{feature}' for feature in FEATURES for loop in LOOPS
              for workers in ('', '-workers', '-workers-persistent')] + ['epoch-async', 'iter-async']
#: Case -> after which iterations it stops: within an epoch of 6, at its end, within a group of 5, near a validation.
SOME = {'epoch': [2, 6], 'iter': [4, 9], 'iter-finite': [5, 6], 'epoch-accumulate': [3, 6, 7], 'iter-amp': [7],
        'epoch-ema': [2, 8], 'iter-adam': [5], 'epoch-two': [4, 9], 'iter-stopping': [3, 5], 'epoch-workers': [2, 7],
        'iter-workers-persistent': [9], 'epoch-async': [7], 'iter-amp-accumulate-ema-adam': [6]}
ON_RANKS = ['epoch', 'iter', 'epoch-accumulate', 'iter-ema', 'epoch-amp', 'iter-stopping', 'epoch-workers', 'iter-adam']


@pytest.fixture(scope='module')
def matrix() -> Any:
    """The program as a module, with its task registered."""
    spec = importlib.util.spec_from_file_location('resume_matrix', PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings('ignore:.*Dataset.*')
@pytest.mark.parametrize('case', EVERYTHING if FULL else SOME)
def test_one_rank(matrix: Any, tmp_path: Path, case: str) -> None:
    matrix.register()
    assert matrix.stop_and_resume(tmp_path, case, [] if FULL else SOME[case]) == []


def test_two_ranks(tmp_path: Path, on_ranks: Callable[..., list[str]]) -> None:
    cases, stops = (ON_RANKS, '') if FULL else (['epoch-accumulate', 'iter-ema'], '4,7')
    said = on_ranks(PROGRAM.name, tmp_path, ','.join(cases), stops)
    assert [f'rank {rank}: no difference' in text for rank, text in enumerate(said)] == [True, True]


class TestTheComparison:
    """It finds a difference where there is one."""

    @pytest.mark.parametrize('part', ['ranks', 'optimizer', 'loop'])
    def test_a_checkpoint_without_a_part(self, matrix: Any, tmp_path: Path, part: str) -> None:
        matrix.register()
        matrix.run(tmp_path / 'whole', 'epoch')
        checkpoint = matrix.read_checkpoint(tmp_path / 'whole' / 'iter_4.pth')
        del checkpoint[part]
        torch.save(checkpoint, tmp_path / 'without.pth')
        matrix.run(tmp_path / 'ours', 'epoch', load_from=str(tmp_path / 'without.pth'), resume=True)
        assert list(matrix.differences(matrix.saved(tmp_path / 'ours'), matrix.saved(tmp_path / 'whole')))

    def test_one_bit(self, matrix: Any) -> None:
        weight = torch.ones(3)
        other = weight.clone()
        other[1] = torch.nextafter(other[1], torch.tensor(2.))
        assert list(matrix.differences(dict(a=[weight]), dict(a=[other])))
        assert list(matrix.differences(dict(a=1), dict(a=1.)))
        assert not list(matrix.differences(dict(a=[weight]), dict(a=[weight.clone()])))

    def test_early_stopping_does_stop(self, matrix: Any, tmp_path: Path) -> None:
        matrix.register()
        assert matrix.run(tmp_path / 'run', 'epoch-stopping').iter <= matrix.ITERATIONS
        assert matrix.run(tmp_path / 'iter', 'iter-stopping').iter == matrix.ITERATIONS
