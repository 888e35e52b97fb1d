"""Two ranks on the CPU train one model, and resume it exactly."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

OnRanks = Callable[..., list[str]]


def run(on_ranks: OnRanks, folder: Path, name: str, *arguments: str) -> list[Any]:
    on_ranks('train_on_ranks.py', folder, name, *arguments)
    return [torch.load(folder / f'{name}_{rank}.pth', weights_only=False) for rank in (0, 1)]


def test_two_ranks_train_and_resume(tmp_path: Path, on_ranks: OnRanks) -> None:
    whole = run(on_ranks, tmp_path, 'whole')
    assert [rank['world_size'] for rank in whole] == [2, 2]
    assert [rank['wrapper'] for rank in whole] == ['MMDistributedDataParallel'] * 2
    assert whole[0]['timestamp'] == whole[1]['timestamp']
    assert whole[0]['metrics'] == whole[1]['metrics']
    for name, value in whole[0]['state'].items():
        if 'running' not in name:  # each rank has the statistics of its own batches
            assert torch.equal(value, whole[1]['state'][name]), name
    resumed = run(on_ranks, tmp_path, 'resumed', str(tmp_path / 'whole' / 'iter_4.pth'))
    for name, value in whole[0]['state'].items():
        assert torch.equal(value, resumed[0]['state'][name]), name
    assert len(list((tmp_path / 'whole').glob('*/*.log'))) == 1
