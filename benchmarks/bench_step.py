"""Measure what the runner adds to an iteration: the same model, data and optimizer with and without it.

    python benchmarks/bench_step.py [--iters 2000] [--repeats 5]

A tiny network, so that the work around the step shows; the two take turns, and the medians are printed. CPU time is
what this process spent on all its threads, wall time also counts waiting. Nothing is asserted: a figure to compare.
"""
from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

WARM_UP = 100
Reading = tuple[float, float]


class Stream(IterableDataset[tuple[Tensor, Tensor]]):
    """The same batch for ever: loading costs next to nothing."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give batches."""
        batch = torch.randn(4, 16), torch.randint(0, 4, (4,))
        while True:
            yield batch


def network() -> nn.Sequential:
    """Make the model of both loops."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))


def now() -> Reading:
    """Read both clocks."""
    return time.process_time(), time.perf_counter()


class Wrapped(BaseModel):
    """The network as the runner takes it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, inputs: Tensor, labels: Tensor, mode: str = 'tensor') -> Any:
        """Give the loss."""
        return {'loss': nn.functional.cross_entropy(self.net(inputs), labels)}


class Clock(Hook):
    """Reads the clocks after the warm-up and at the end."""

    priority = 'LOWEST'

    def __init__(self, iters: int) -> None:
        self.iters = iters
        self.begin = self.end = now()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Read."""
        if batch_idx + 1 == WARM_UP:
            self.begin = now()
        elif batch_idx + 1 == WARM_UP + self.iters:
            self.end = now()


def bare(iters: int) -> tuple[Reading, Reading]:
    """Train in a loop as one writes it by hand."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    begin = now()
    for index, (inputs, labels) in enumerate(DataLoader(Stream(), batch_size=None)):
        if index == WARM_UP:
            begin = now()
        elif index == WARM_UP + iters:
            break
        loss = nn.functional.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return begin, now()


def with_runner(iters: int) -> tuple[Reading, Reading]:
    """Train with the runner and its default hooks, logging every ten iterations."""
    clock = Clock(iters)
    with tempfile.TemporaryDirectory() as work_dir, redirect_stdout(StringIO()):
        Runner(
            model=Wrapped(), work_dir=work_dir, log_level='ERROR',
            train_dataloader=DataLoader(Stream(), batch_size=None),
            train_cfg={'by_epoch': False, 'max_iters': WARM_UP + iters},
            optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01}},
            default_hooks={'checkpoint': None}, log_processor={'by_epoch': False},
            custom_hooks=[clock],
        ).train()
    return clock.begin, clock.end


def main() -> None:
    """Take turns and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--iters', type=int, default=2000)
    parser.add_argument('--repeats', type=int, default=5)
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    print(f'{args.iters} iterations, median of {args.repeats}; torch {torch.__version__}, 1 thread')
    readings: dict[str, list[Reading]] = {'bare loop': [], 'runner': []}
    for _ in range(args.repeats):
        for name, train in (('bare loop', bare), ('runner', with_runner)):
            begin, end = train(args.iters)
            readings[name].append(((end[0] - begin[0]) / args.iters * 1e6, (end[1] - begin[1]) / args.iters * 1e6))
    medians = {name: [statistics.median(of) for of in zip(*found, strict=True)] for name, found in readings.items()}
    for name, (cpu, wall) in medians.items():
        print(f'{name:10} {cpu:8.0f} us CPU {wall:8.0f} us wall, each iteration')
    ratio = [mine / plain for mine, plain in zip(medians['runner'], medians['bare loop'], strict=True)]
    print(f'{"ratio":10} {ratio[0]:8.2f}        {ratio[1]:8.2f}')


if __name__ == '__main__':
    main()
