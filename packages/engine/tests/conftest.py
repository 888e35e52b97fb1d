"""A small real task that the tests of the engine share: fit a line through noisy points."""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from mmengine.visualization.delivery import exits

SAMPLES = 24
PROGRAMS = Path(__file__).parent / 'programs'
torch.set_num_threads(1)  # the task is tiny, and tests share their machine


class LineModel(BaseModel):
    """Two layers with dropout and batch norm: random numbers and buffers are part of its training."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.2)
        self.last = nn.Linear(8, 1)

    def forward(self, inputs: Any, target: Any = None, mode: str = 'tensor') -> Any:
        inputs = torch.stack(inputs) if isinstance(inputs, (list, tuple)) else inputs
        outputs = self.last(self.drop(self.norm(self.first(inputs))))
        if mode == 'loss':
            target = torch.stack(target) if isinstance(target, (list, tuple)) else target
            return dict(loss=(outputs - target).pow(2).mean())
        return list(outputs) if mode == 'predict' else outputs


class LinePoints(Dataset[Any]):
    """Points of a noisy line; `noisy=True` adds random numbers each time that a sample is read."""

    METAINFO = dict(classes=('line',))

    def __init__(self, noisy: bool = False, samples: int = SAMPLES) -> None:
        generator = torch.Generator().manual_seed(0)
        self.points = torch.rand(samples, 2, generator=generator)
        self.noisy = noisy

    @property
    def metainfo(self) -> dict[str, Any]:
        return dict(self.METAINFO)

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> dict[str, Any]:
        point = self.points[index]
        target = point.sum(0, keepdim=True)
        return dict(inputs=point + (torch.rand(2) * 0.1 if self.noisy else 0), target=target)


class Error(BaseMetric):
    """Mean absolute prediction, and its distance to the best one can get."""

    default_prefix = 'line'

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.extend(float(abs(sample)) for sample in data_samples)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return dict(error=sum(results) / len(results))


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Let each test find the signals as a program in a terminal does, and leave them as they were.

    A shell starts programs in the background with Ctrl-C ignored, and a hook that is tested by itself is not ended.
    What the tests of other parts left open ends first: it would give SIGTERM back in the middle of a test.
    """
    exits.close_all('aborted')
    signal.signal(signal.SIGTERM, exits.handler_before(signal.getsignal(signal.SIGTERM)) or signal.SIG_DFL)
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in former.items():
        if handler is not None:  # one of another language
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def line_task() -> Iterator[None]:
    """Register the task for the time of a test."""
    for registry, item in ((MODELS, LineModel), (DATASETS, LinePoints), (METRICS, Error)):
        registry.register_module(module=item, force=True)
    yield
    for registry, item in ((MODELS, LineModel), (DATASETS, LinePoints), (METRICS, Error)):
        registry.module_dict.pop(item.__name__, None)


def line_cfg(work_dir: Path | str, **changes: Any) -> dict[str, Any]:
    """Give the config of a whole run of 4 epochs of 6 batches, changed by `changes`."""
    loader = dict(batch_size=4, num_workers=0, dataset=dict(type='LinePoints'))
    cfg: dict[str, Any] = dict(
        model=dict(type='LineModel'), work_dir=str(work_dir), default_scope='mmengine', log_level='WARNING',
        train_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=True)),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=True, max_epochs=4), val_cfg={}, val_evaluator=dict(type='Error'),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
        param_scheduler=dict(type='CosineAnnealingLR', T_max=4),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1)),
    )
    cfg['test_dataloader'], cfg['test_cfg'] = cfg['val_dataloader'], {}
    cfg['test_evaluator'] = dict(type='Error')
    return {**cfg, **changes}


@pytest.fixture
def make_cfg(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Make the config of a run below the test's own folder."""
    return lambda folder='run', **changes: line_cfg(tmp_path / folder, **changes)


@pytest.fixture
def make_runner(make_cfg: Callable[..., dict[str, Any]]) -> Callable[..., Runner]:
    """Make a runner below the test's own folder."""
    return lambda folder='run', **changes: Runner.from_cfg(make_cfg(folder, **changes))


@pytest.fixture(scope='session')
def on_ranks() -> Callable[..., list[str]]:
    """Start a program of `programs/` as torchrun would, and give what each rank printed.

    It takes the name of the program, its arguments, and by name `ranks` and the exit status `expected` of each.
    """
    return start_ranks


def start_ranks(program: str, *arguments: Any, ranks: int = 2, expected: int = 0) -> list[str]:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    common = {**os.environ, 'WORLD_SIZE': str(ranks), 'LOCAL_WORLD_SIZE': str(ranks), 'MASTER_ADDR': '127.0.0.1',
              'MASTER_PORT': port, 'OMP_NUM_THREADS': '1'}
    with tempfile.TemporaryDirectory() as folder:
        started = [subprocess.Popen([sys.executable, str(PROGRAMS / program), *map(str, arguments)], text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
                                    env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)})
                   for rank in range(ranks)]
        said = [process.communicate(timeout=3000)[0] for process in started]
    assert [process.returncode for process in started] == [expected] * ranks, '\n'.join(said)
    return said
