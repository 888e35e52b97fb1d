"""Two ranks on the CPU train one model, and resume it exactly."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

PROGRAM = Path(__file__).parent / 'programs' / 'train_on_ranks.py'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def run(folder: Path, name: str, *arguments: str) -> list[Any]:
    port = str(free_port())
    ranks = [subprocess.Popen([sys.executable, str(PROGRAM), str(folder), name, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
                              env={**os.environ, 'RANK': rank, 'LOCAL_RANK': rank, 'WORLD_SIZE': '2',
                                   'LOCAL_WORLD_SIZE': '2', 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port})
             for rank in ('0', '1')]
    for process in ranks:
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 0, said
    return [torch.load(folder / f'{name}_{rank}.pth', weights_only=False) for rank in (0, 1)]


def test_two_ranks_train_and_resume(tmp_path: Path) -> None:
    whole = run(tmp_path, 'whole')
    assert [rank['world_size'] for rank in whole] == [2, 2]
    assert [rank['wrapper'] for rank in whole] == ['MMDistributedDataParallel'] * 2
    assert whole[0]['timestamp'] == whole[1]['timestamp']
    assert whole[0]['metrics'] == whole[1]['metrics']
    for name, value in whole[0]['state'].items():
        if 'running' not in name:  # each rank has the statistics of its own batches
            assert torch.equal(value, whole[1]['state'][name]), name
    resumed = run(tmp_path, 'resumed', str(tmp_path / 'whole' / 'iter_4.pth'))
    for name, value in whole[0]['state'].items():
        assert torch.equal(value, resumed[0]['state'][name]), name
    assert len(list((tmp_path / 'whole').glob('*/*.log'))) == 1
