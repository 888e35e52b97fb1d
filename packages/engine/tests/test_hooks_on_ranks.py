"""Hooks on two ranks: equal buffers, one writer of files, one who shows progress."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch


def test_two_ranks(tmp_path: Path, on_ranks: Callable[..., list[str]]) -> None:
    said = on_ranks('hooks_on_ranks.py', tmp_path)
    assert [text.count('Trained 12') + text.count('Trained 6 ') for text in said] == [1, 0]
    assert [text.count('Epoch(val)') > 0 for text in said] == [True, False]

    first, second = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in (0, 1))
    assert first['epoch'] == second['epoch'] == 2
    assert first['best'] == second['best']
    for rates in (first['rates'], second['rates']):  # of both ranks, on the clock of each
        assert rates['tokens_per_sec'] == pytest.approx(1.5 * rates['samples_per_sec'])
        assert rates['mfu'] == pytest.approx(rates['tokens_per_sec'] * 30 / 2e6)
    for part in ('buffers', 'average'):
        assert first[part].keys() == second[part].keys()
    for name, value in first['buffers'].items():
        torch.testing.assert_close(value, second['buffers'][name])
    assert int(first['average']['steps']) == int(second['average']['steps']) > 0

    names = sorted(path.name for path in (tmp_path / 'run').glob('*.pth'))
    best = Path(first['best'])
    assert [name for name in names if '-' not in name] == [best.name, 'epoch_2.pth']
    assert len([name for name in names if '-' in name]) == 2  # published: the last and the best
    assert (Path(first['log_dir']) / 'curves.png').exists()
