"""Runs one after the other in one process, as in a notebook, and a run broken off and taken up."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmengine.runner import Runner

Build = Callable[..., Runner]


def test_two_runs_need_no_other_names(build: Build) -> None:
    """The same config twice, same folder and name: the second trains like the first and has its own record."""
    first = build()
    first.train()
    second = build()
    second.train()
    assert first.message_hub is not second.message_hub
    assert first.visualizer is not second.visualizer
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


BY_EPOCH = {'train_cfg': {'max_epochs': 3}}
#: 40 iterations are an epoch, so the checkpoint lies in the middle of the second one
BY_ITERATION = {
    'train_cfg': {'_delete_': True, 'by_epoch': False, 'max_iters': 90, 'val_interval': 30},
    'default_hooks': {'checkpoint': {'by_epoch': False, 'interval': 55}},
}


@pytest.mark.parametrize(('options', 'checkpoint'), [(BY_EPOCH, 'epoch_1.pth'), (BY_ITERATION, 'iter_55.pth')],
                         ids=['epoch', 'iteration'])
def test_resumed_run_ends_with_the_same_bits(build: Build, options: dict[str, object], checkpoint: str) -> None:
    whole = build('whole', **options)
    whole.train()
    part = build('part', resume=True, load_from=f'{whole.work_dir}/{checkpoint}', **options)
    part.train()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, part.model.state_dict()[name]), name
    ours, theirs = whole.optim_wrapper.state_dict()['state'], part.optim_wrapper.state_dict()['state']
    assert all(torch.equal(ours[i]['exp_avg'], theirs[i]['exp_avg']) for i in ours)


@pytest.mark.skipif(os.name == 'nt', reason='sends SIGINT')
def test_interrupted_run_says_how_to_resume(example: Path, tmp_path: Path) -> None:
    """Ctrl-C leaves the checkpoint of the last completed interval and the line that goes on from it."""
    options = [f'work_dir={tmp_path}/work', 'train_cfg.max_epochs=500']
    command = [sys.executable, str(example / 'train.py'), *options]
    log = tmp_path / 'output.txt'
    with log.open('w') as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=tmp_path)
        deadline = time.monotonic() + 300
        while not (tmp_path / 'work' / 'epoch_2.pth').exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=120)
    assert process.returncode != 0
    assert 'resume' in log.read_text().lower(), log.read_text()[-2000:]
    last = Path((tmp_path / 'work' / 'last_checkpoint').read_text())
    state = torch.load(last, weights_only=False)
    epochs = state['meta']['epoch']
    assert epochs >= 2
    done = subprocess.run([*command[:-1], f'train_cfg.max_epochs={epochs + 1}', 'resume=True'], capture_output=True,
                          text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / 'work' / f'epoch_{epochs + 1}.pth').exists()
