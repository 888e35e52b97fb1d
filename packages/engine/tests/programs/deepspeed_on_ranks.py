"""One rank of small runs through DeepSpeed: `FOLDER NAME=CASE[:CHECKPOINT] ...`, as torchrun starts it.

The task is that of `fsdp_on_ranks.py`. A case is made of `zero0` to `zero3` and the words `sgd`, `accumulate`, `five`,
`frozen`, `groups` and `bf16`; without a `zero` it runs on a single device, or through FSDP on several ranks.
"""
from __future__ import annotations

import os
import sys
from typing import Any

import deepspeed
import torch
from fsdp_on_ranks import Sum, config, register

from mmengine._strategy.deepspeed_state import gathering
from mmengine.registry import MODELS
from mmengine.runner import Runner


class FrozenSum(Sum):
    """Its first layer is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.body[0].requires_grad_(False)


def config_of(folder: str, case: str, load_from: str | None) -> dict[str, Any]:
    words = case.split('-')
    cfg = config(folder, case, load_from)
    if 'five' in words:  # the last group is of 2 batches
        cfg['optim_wrapper']['accumulative_counts'] = 5
    if 'frozen' in words:
        cfg['model'] = dict(type='FrozenSum')
    if 'groups' in words:  # a group of its own for the head
        cfg['optim_wrapper']['paramwise_cfg'] = dict(custom_keys={'head': dict(lr_mult=0.5)})
    stage = next((int(word[4:]) for word in words if word.startswith('zero')), None)
    if stage is not None:
        cfg.update(launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='gloo')))
        cfg['strategy'] = dict(
            type='DeepSpeedStrategy', zero_optimization=dict(stage=stage, stage3_param_persistence_threshold=8),
            bf16=dict(enabled=True) if 'bf16' in words else None,
            inputs_to_half=['inputs'] if 'bf16' in words else None, exclude_frozen_parameters='frozen' in words)
        cfg['optim_wrapper']['type'] = 'DeepSpeedOptimWrapper'
    return cfg


def run(folder: str, case: str, load_from: str | None = None) -> dict[str, Any]:
    """Train, and give what is compared: whole weights, and how many numbers of them this rank holds."""
    runner = Runner.from_cfg(config_of(folder, case, load_from))
    runner.train()
    inner = runner.model.module if hasattr(runner.model, 'module') else runner.model
    held = sum(getattr(value, 'ds_tensor', value).numel() for value in inner.parameters())
    held_state = sum(value.numel() for values in _inner_optimizer(runner.optim_wrapper).state.values()
                     for value in values.values() if value.dim())
    with gathering(list(inner.parameters())):
        weights = {name: (value.full_tensor() if hasattr(value, 'full_tensor') else value.detach()).clone()
                   for name, value in inner.state_dict().items()}
    norms = runner.message_hub.log_scalars.get('train/grad_norm')
    return dict(weights=weights, held=held, held_state=held_state, lr=runner.optim_wrapper.get_lr(),
                mean=runner.message_hub.get_scalar('val/mean').current(),
                norms=norms.data[0].tolist() if norms is not None else [])


def _inner_optimizer(wrapper: Any) -> Any:
    inner = wrapper.optimizer
    while not isinstance(inner, torch.optim.Optimizer):
        inner = inner.optimizer
    return inner


def main(folder: str, *runs: str) -> None:
    register_all()
    for each in runs:
        name, _, what = each.partition('=')
        case, _, load_from = what.partition(':')
        end = run(f'{folder}/{name}', case, f'{folder}/{load_from}' if load_from else None)
        torch.save(end, f'{folder}/{name}_{os.environ["RANK"]}.pth')
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def register_all() -> None:
    # Its own sums over ranks of one machine are compiled at first use, which takes minutes: gloo adds up as well.
    deepspeed.ops.__compatible_ops__['deepspeed_shm_comm'] = False
    register()
    MODELS.register_module(module=FrozenSum, force=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
