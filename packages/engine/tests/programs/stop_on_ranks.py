"""One rank of a long run of which one rank gets a signal: `stop_on_ranks.py FOLDER SIGNAL RANK`."""
from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import conftest

from mmengine.hooks import Hook
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner


class GetsASignal(Hook):
    """Takes its time for each iteration, so that the other rank may be ahead or behind."""

    def __init__(self, number: int, rank: int) -> None:
        self.number, self.rank = number, rank

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        time.sleep(0.01)
        if runner.iter == 20 and runner.rank == self.rank:
            os.kill(os.getpid(), self.number)


def main(folder: str, name: str, rank: str) -> None:
    for registry, item in ((MODELS, conftest.LineModel), (DATASETS, conftest.LinePoints), (METRICS, conftest.Error)):
        registry.register_module(module=item)
    loader = dict(conftest.line_cfg(folder)['train_dataloader'], sampler=dict(type='InfiniteSampler'), num_workers=1)
    runner = Runner.from_cfg(conftest.line_cfg(
        folder, launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='gloo')), train_dataloader=loader,
        train_cfg=dict(by_epoch=False, max_iters=5000, val_interval=1000), param_scheduler=None,
        optim_wrapper=dict(accumulative_counts=3, optimizer=dict(type='SGD', lr=0.01)),
        custom_hooks=[GetsASignal(getattr(signal, name), int(rank))],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1000))))
    try:
        runner.train()
    finally:
        print(f'ENDED {runner.iter + 1} {signal.getsignal(signal.SIGTERM).name}', flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
