"""One rank of a small run: `train_on_ranks.py FOLDER NAME [CHECKPOINT]`, with the variables of torchrun set."""
from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import conftest

from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner


def main(folder: str, name: str, load_from: str | None = None) -> None:
    for registry, item in ((MODELS, conftest.LineModel), (DATASETS, conftest.LinePoints), (METRICS, conftest.Error)):
        registry.register_module(module=item)
    loader = conftest.line_cfg(folder)['train_dataloader']
    loader['dataset']['noisy'] = True
    loader['num_workers'] = 2  # of each rank, which draw random numbers
    runner = Runner.from_cfg(conftest.line_cfg(
        f'{folder}/{name}', launcher='pytorch', randomness=dict(seed=5, diff_rank_seed=True), load_from=load_from,
        resume=load_from is not None, env_cfg=dict(dist_cfg=dict(backend='gloo')), train_dataloader=loader,
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1))))
    runner.train()
    metrics = runner.test()
    torch.save(dict(state=runner.model.module.state_dict(), metrics=metrics, timestamp=runner.timestamp,
                    world_size=runner.world_size, wrapper=type(runner.model).__name__),
               f'{folder}/{name}_{os.environ["RANK"]}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
