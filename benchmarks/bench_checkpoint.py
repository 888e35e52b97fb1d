"""Measure how long a training stands still for a checkpoint: written at once, and by a thread (`async_save=True`).

    python benchmarks/bench_checkpoint.py [--megabytes 500] [--saves 6] [--folder FOLDER]

Two trainings of the same model, whose weights and optimizer take so much memory, save every ten iterations. The stall
is the time in the hook that saves; the first one of the thread waits for the memory of its copy and is told apart. What
a save costs in all is what it adds to the time of the iterations up to the next, for the thread works beside them.
Nothing is asserted: figures to compare.
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

from mmengine.hooks import CheckpointHook
from mmengine.model import BaseModel
from mmengine.runner import Runner

INTERVAL = 10


class Stream(IterableDataset[tuple[Tensor]]):
    """The same batch for ever."""

    def __iter__(self) -> Iterator[tuple[Tensor]]:
        """Give batches."""
        batch = (torch.ones(64, 1024),)
        while True:
            yield batch


class Wide(BaseModel):
    """Layers of 4 MB; with the two averages of Adam each is 12 MB of a checkpoint."""

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(max(megabytes // 12, 1))))

    def forward(self, inputs: Tensor, mode: str = 'tensor') -> Any:
        """Give the loss."""
        return {'loss': self.layers(inputs).mean()}


class Timed(CheckpointHook):
    """Reads the clock around each save."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stalls: list[float] = []
        self.ends: list[float] = []

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Save, maybe."""
        begin = time.perf_counter()
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        end = time.perf_counter()
        self.ends.append(end)
        if (runner.iter + 1) % INTERVAL == 0:
            self.stalls.append(end - begin)


def train(megabytes: int, saves: int, folder: str | None, async_save: bool) -> Timed:
    """Train, and give the hook that saved."""
    torch.manual_seed(0)
    hook = Timed(by_epoch=False, interval=INTERVAL, max_keep_ckpts=1, async_save=async_save)
    with tempfile.TemporaryDirectory(dir=folder) as work_dir, redirect_stdout(StringIO()):
        Runner(
            model=Wide(megabytes), work_dir=work_dir, log_level='ERROR', default_hooks={'checkpoint': hook},
            train_dataloader=DataLoader(Stream(), batch_size=None),
            train_cfg={'by_epoch': False, 'max_iters': INTERVAL * (saves + 1)},
            optim_wrapper={'optimizer': {'type': 'Adam', 'lr': 0.001}}, log_processor={'by_epoch': False},
        ).train()
    return hook


def added(hook: Timed) -> list[float]:
    """Give what each save but the first added: ten iterations with it, against the quickest ten of the same run."""
    lengths = [end - begin for begin, end in zip(hook.ends, hook.ends[1:], strict=False)]
    plain = statistics.median(length for index, length in enumerate(lengths, 2) if index % INTERVAL not in range(5))
    return [sum(lengths[start - 2:start - 2 + INTERVAL]) - INTERVAL * plain
            for start in range(2 * INTERVAL, len(lengths) - INTERVAL + 2, INTERVAL)]


def main() -> None:
    """Take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--megabytes', type=int, default=500)
    parser.add_argument('--saves', type=int, default=6)
    parser.add_argument('--folder', help='where checkpoints go; a temporary folder of the system by default')
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    hooks = {name: train(args.megabytes, args.saves, args.folder, name == 'async') for name in ('sync', 'async')}
    print(f'a state of {args.megabytes} MB, median of {args.saves - 1} saves; torch {torch.__version__}, '
          f'{torch.get_num_threads()} thread(s)')
    stalls = {}
    for name, hook in hooks.items():
        first, *others = hook.stalls[:args.saves]
        stalls[name] = statistics.median(others)
        print(f'{name:6} stall {stalls[name] * 1e3:7.0f} ms, the first {first * 1e3:7.0f} ms; in all a save adds '
              f'{statistics.median(added(hook)) * 1e3:7.0f} ms')
    print(f'async / sync {stalls["async"] / stalls["sync"]:.3f}')


if __name__ == '__main__':
    main()
