"""One rank of small runs that are spread: `fsdp_on_ranks.py FOLDER NAME=CASE[:CHECKPOINT] ...`, as torchrun starts it.

Two ranks with batches of 2, or four with batches of 1, see what one process with batches of 4 sees. A case is made of
the words `sgd`, `accumulate`, `two`, `mixed` and `sharded`.
"""
from __future__ import annotations

import os
import sys
from typing import Any

import torch
from torch import nn

from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner

WORLD = int(os.environ.get('WORLD_SIZE', '1'))


class Sum(BaseModel):
    """Layers of sizes that two and three ranks cannot divide."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh())
        self.head = nn.Linear(5, 1)
        self.register_buffer('calls', torch.zeros(1))

    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        inputs = torch.stack(list(inputs))
        found = self.head(self.body(inputs))
        if mode == 'loss':
            self.calls += 1
            return dict(loss=(found - inputs.sum(1, keepdim=True)).pow(2).mean())
        return list(found)


class Points(torch.utils.data.Dataset[Any]):
    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(inputs=torch.rand(3, generator=torch.Generator().manual_seed(index)))


class Mean(BaseMetric):
    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.extend(float(sample) for sample in data_samples)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return dict(mean=sum(results) / len(results))


def config(folder: str, case: str, load_from: str | None = None) -> dict[str, Any]:
    loader = dict(batch_size=4 // WORLD, num_workers=0, dataset=dict(type='Points'))
    optimizer = dict(type='SGD', lr=0.1, momentum=0.9) if 'sgd' in case else dict(type='AdamW', lr=0.02)
    wrapper = dict(optimizer=optimizer, clip_grad=dict(max_norm=0.5),
                   accumulative_counts=2 if 'accumulate' in case else 1)
    cfg: dict[str, Any] = dict(
        model=dict(type='Sum'), work_dir=folder, log_level='WARNING', randomness=dict(seed=3),
        train_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=True, max_epochs=2), optim_wrapper=wrapper,
        param_scheduler=dict(type='LinearLR', by_epoch=False, start_factor=0.5, end=12),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)), val_cfg={},
        val_evaluator=dict(type='Mean'), load_from=load_from, resume=load_from is not None,
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=5,
                                           max_keep_ckpts=3 if 'accumulate' in case else 2)))
    if WORLD > 1:
        cfg.update(launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='gloo')), strategy=dict(
            type='FSDPStrategy', model_wrapper=dict(modules=['Linear']),
            state_dict_cfg='sharded' if 'sharded' in case else 'full'))
    return cfg


def register() -> None:
    for registry, item in ((MODELS, Sum), (DATASETS, Points), (METRICS, Mean)):
        registry.register_module(module=item, force=True)


def run(folder: str, case: str, load_from: str | None = None) -> dict[str, Any]:
    """Train, and give what is compared: whole weights, and how many numbers of them this rank holds."""
    runner = Runner.from_cfg(config(folder, case, load_from))
    runner.train()
    whole = {name: value.full_tensor() if hasattr(value, 'full_tensor') else value
             for name, value in runner.model.state_dict().items()}
    held = sum(value.to_local().numel() if hasattr(value, 'to_local') else value.numel()
               for value in runner.model.parameters())
    return dict(weights=whole, held=held, mean=runner.message_hub.get_scalar('val/mean').current(),
                norms=runner.message_hub.get_scalar('train/grad_norm').data[0].tolist())


def main(folder: str, *runs: str) -> None:
    register()
    for each in runs:
        name, _, what = each.partition('=')
        case, _, load_from = what.partition(':')
        end = run(f'{folder}/{name}', case, f'{folder}/{load_from}' if load_from else None)
        torch.save(end, f'{folder}/{name}_{os.environ["RANK"]}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
