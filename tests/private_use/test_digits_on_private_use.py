"""The digits example on a device that PyTorch does not know, end to end; `nox -s private_use`."""
from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

PROGRAM = Path(__file__).with_name('digits_on_device.py')
pytestmark = [
    pytest.mark.skipif(shutil.which('g++') is None, reason='there is no g++ to build the device with'),
    pytest.mark.skipif(importlib.util.find_spec('ninja') is None, reason='there is no ninja to build the device with'),
    pytest.mark.skipif(importlib.util.find_spec('sklearn') is None, reason='scikit-learn, of the example, is missing'),
    pytest.mark.skipif(torch.accelerator.is_available(), reason='this machine has another accelerator'),
]


def ends_on(device: str, folder: Path) -> Any:
    folder.mkdir()
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])  # ninja is beside Python
    done = subprocess.run(
        [sys.executable, str(PROGRAM), device, str(folder)], capture_output=True, text=True, timeout=1500, check=False,
        cwd=folder, env={**os.environ, 'PATH': path, 'RANK': '0', 'WORLD_SIZE': '1', 'LOCAL_RANK': '0',
                         'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port, 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stdout + done.stderr
    return torch.load(folder / 'ends.pth', weights_only=True)


@pytest.fixture(scope='module')
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The same runs on the device, which is built first, and on the CPU."""
    folder = tmp_path_factory.mktemp('private_use')
    build = os.environ.get('MMENGINE_TOY_DEVICE') or str(folder / 'build')
    return ends_on(build, folder / 'toy'), ends_on('cpu', folder / 'cpu')


def test_all_of_a_run_is_on_the_device(runs: tuple[Any, Any]) -> None:
    toy, cpu = runs
    for name in ('whole', 'again', 'mixed'):
        assert toy[name]['devices'] == ['toy']
        assert cpu[name]['devices'] == ['cpu']
    assert toy['moved'] == 'toy:0'


def test_the_loss_falls(runs: tuple[Any, Any]) -> None:
    for run in runs:
        losses = run['whole']['losses']
        assert sum(losses[-10:]) / 10 < losses[0] / 2


def test_resumed_bit_for_bit(runs: tuple[Any, Any]) -> None:
    toy, _ = runs
    assert all(torch.equal(toy['again']['weights'][name], value) for name, value in toy['whole']['weights'].items())


def test_mixed_precision_is_asked_of_the_device(runs: tuple[Any, Any]) -> None:
    """The toy takes it and computes in full precision, the CPU does not."""
    toy, cpu = runs
    assert toy['mixed']['losses'] == toy['whole']['losses']
    assert cpu['mixed']['losses'] != cpu['whole']['losses']
