"""Hooks on two ranks: equal buffers, one writer of files, one who shows progress."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

PROGRAM = Path(__file__).parent / 'programs' / 'hooks_on_ranks.py'


def test_two_ranks(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    common = {**os.environ, 'WORLD_SIZE': '2', 'LOCAL_WORLD_SIZE': '2', 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port,
              'OMP_NUM_THREADS': '1'}
    ranks = [subprocess.Popen([sys.executable, str(PROGRAM), str(tmp_path)], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=tmp_path, env={**common, 'RANK': rank, 'LOCAL_RANK': rank})
             for rank in ('0', '1')]
    said = [process.communicate(timeout=300)[0] for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], '\n'.join(said)
    assert [text.count('Trained 12') + text.count('Trained 6 ') for text in said] == [1, 0]
    assert [text.count('Epoch(val)') > 0 for text in said] == [True, False]

    first, second = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in (0, 1))
    assert first['epoch'] == second['epoch'] == 2
    assert first['best'] == second['best']
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
