"""One rank of small runs that are spread: `fsdp_on_ranks.py FOLDER NAME=CASE[:CHECKPOINT] ...`, as torchrun starts it.

Two ranks with batches of 2, or four with batches of 1, see what one process with batches of 4 sees. A case is made of
the words `sgd`, `accumulate`, `ema`, `meta`, `keep`, `sharded`, `async` and `killed`; `build` and `ready` train
nothing.
"""
from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from mmengine._strategy import FSDPStrategy, SingleDeviceStrategy
from mmengine.checkpoint import sharded
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel, BaseModule
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


class Odd(BaseModel):
    """Initialises its weights in every way that is hard to do part by part."""

    def __init__(self, pretrained: str) -> None:
        super().__init__(init_cfg=[
            dict(type='TruncNormal', layer='Conv2d', std=0.2),
            dict(type='Kaiming', layer='Linear', override=dict(type='Constant', name='head', val=0.5, bias=1)),
        ])
        self.drawn = nn.Parameter(torch.randn(5, 2))  # by the constructor, between those of two layers
        self.attention = nn.MultiheadAttention(6, 2)
        # Copies of one layer.
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 7), 2, enable_nested_tensor=False)
        self.words = nn.Embedding(7, 6, padding_idx=2)  # a row of it is set
        self.conv = nn.Conv2d(2, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.loaded = Loaded(init_cfg=dict(type='Pretrained', checkpoint=pretrained))
        self.out = nn.Linear(6, 7, bias=False)
        self.out.weight = self.words.weight
        self.head = nn.Linear(5, 3)
        nn.init.orthogonal_(self.head.weight)
        self.register_buffer('positions', torch.arange(4), persistent=False)

    def init_weights(self) -> None:
        super().init_weights()
        with torch.no_grad():
            self.encoder.layers[1].linear1.weight[3:].mul_(2)
            self.attention.in_proj_weight.data[0, :2] = self.out.weight[1, :2] + 1
            part = self.drawn.view(-1)
            nn.init.ones_(self.conv.bias)  # another one in between
            part[3] = 9


    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        raise NotImplementedError('it is only built')


class Loaded(BaseModule):
    def __init__(self, init_cfg: Any) -> None:
        super().__init__(init_cfg)
        self.layer = nn.Linear(3, 3)


class Ready(nn.Module):
    """Can be built on the device 'meta'."""

    def __init__(self, draws: bool = False) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 2))
        self.attention = nn.MultiheadAttention(6, 2)
        if draws:
            self.drawn = nn.Parameter(torch.randn(5, 2))

    def init_weights(self) -> None:
        nn.init.normal_(self.layers[2].weight)


def build(folder: str, case: str) -> dict[str, Any]:
    """Build a model, spread in the way of `case` or whole, and give its whole tensors and the next random number."""
    os.makedirs(folder, exist_ok=True)
    given = f'{folder}/pretrained_{os.environ.get("RANK", 0)}.pth'
    common: Any = dict(work_dir=folder, log_kwargs=dict(log_level='ERROR'))
    strategy: Any = SingleDeviceStrategy(**common)
    if WORLD > 1:
        modules = ['TransformerEncoderLayer'] if case == 'build' else ['Linear']
        strategy = FSDPStrategy(env_kwargs=dict(launcher='pytorch'), meta_init=True,
                                model_wrapper=dict(modules=modules), **common)
    torch.save({f'layer.{name}': torch.full_like(value, 3) for name, value in nn.Linear(3, 3).state_dict().items()},
               given)
    torch.manual_seed(5)
    if case == 'ready':
        with torch.device('meta' if WORLD > 1 else 'cpu'):
            model: Any = Ready()
    else:
        model = strategy.build_model(dict(type='Odd', pretrained=given))
    model = strategy._init_model_weights(strategy.wrap_model(model))
    tensors = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers())
    spread = [name for name, value in tensors.items() if isinstance(value, DTensor)]
    ends = dict(spread=spread, next=torch.rand(2), tied=case == 'ready' or model.out.weight is model.words.weight,
                weights={name: value.full_tensor() if name in spread else value for name, value in tensors.items()})
    if case == 'ready' and WORLD > 1:
        with torch.device('meta'):
            drawing = Ready(draws=True)
        try:
            strategy.wrap_model(drawing)
        except ValueError as error:
            ends['error'] = str(error)
    return ends


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
                                           async_save='async' in case,
                                           max_keep_ckpts=3 if 'accumulate' in case else 2)))
    if 'ema' in case:
        cfg['custom_hooks'] = [dict(type='EMAHook', momentum=0.3, begin_iter=3)]
    if WORLD > 1:
        cfg.update(launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='gloo')), strategy=dict(
            type='FSDPStrategy', meta_init='meta' in case, state_dict_cfg='sharded' if 'sharded' in case else 'full',
            model_wrapper=dict(modules=['Linear'], reshard_after_forward='keep' not in case)))
    return cfg


def register() -> None:
    for registry, item in ((MODELS, Sum), (MODELS, Odd), (DATASETS, Points), (METRICS, Mean)):
        registry.register_module(module=item, force=True)


def run(folder: str, case: str, load_from: str | None = None) -> dict[str, Any]:
    """Train, and give what is compared: whole weights, and how many numbers of them this rank holds."""
    runner = Runner.from_cfg(config(folder, case, load_from))
    runner.train()
    whole = {name: value.full_tensor() if hasattr(value, 'full_tensor') else value
             for name, value in runner.model.state_dict().items()}
    held = sum(value.to_local().numel() if hasattr(value, 'to_local') else value.numel()
               for value in runner.model.parameters())
    if 'ema' in case:
        average = next(hook.ema_model for hook in runner.hooks if hasattr(hook, 'ema_model'))
        whole |= {f'average/{name}': value.full_tensor() if hasattr(value, 'full_tensor') else value
                  for name, value in average.state_dict().items()}
        held += sum(value.to_local().numel() if hasattr(value, 'to_local') else value.numel()
                    for value in average.parameters())
    return dict(weights=whole, held=held, mean=runner.message_hub.get_scalar('val/mean').current(),
                norms=runner.message_hub.get_scalar('train/grad_norm').data[0].tolist())


def die_before_the_record(finish: Any, unfinished: Path, path: Path, *rest: Any) -> None:
    """Kill all ranks of the case `killed` when the shards of its second checkpoint are on the disk."""
    if path.parent.name != 'killed' or path.name != 'iter_10.pth':
        finish(unfinished, path, *rest)
        return
    (unfinished / f'seen_by_{os.environ["RANK"]}').touch()
    while len(list(unfinished.glob('seen_by_*'))) < WORLD:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: str, *runs: str) -> None:
    register()
    sharded._finish = partial(die_before_the_record, sharded._finish)
    for each in runs:
        name, _, what = each.partition('=')
        case, _, load_from = what.partition(':')
        end = build(f'{folder}/{name}', case) if case in ('build', 'ready') else run(
            f'{folder}/{name}', case, f'{folder}/{load_from}' if load_from else None)
        torch.save(end, f'{folder}/{name}_{os.environ["RANK"]}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
