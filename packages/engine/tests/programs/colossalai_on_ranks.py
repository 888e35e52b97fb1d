"""One rank of small runs through ColossalAI: `FOLDER NAME=CASE[:CHECKPOINT] ...`, as torchrun starts it.

No release of ColossalAI is made for the torch that this project needs. Where none is installed in spite of that, these
modules stand in its place: they have the names and signatures of its release 0.5.0 that the strategy uses, and train
with DistributedDataParallel.
"""
from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import torch
from fsdp_on_ranks import config, register
from torch.nn.parallel import DistributedDataParallel

from mmengine.runner import Runner


class Plugin:
    def __init__(self, max_norm: float = 0.0) -> None:
        self.max_norm = max_norm

    def control_device(self) -> bool:
        return False

    def support_no_sync(self) -> bool:
        return True


class TorchDDPPlugin(Plugin):
    pass


class Clipping:
    """An optimizer that clips, as those of ColossalAI's plugins do."""

    def __init__(self, optim: torch.optim.Optimizer, max_norm: float) -> None:
        self.optim, self.max_norm = optim, max_norm

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optim, name)

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()

    def step(self) -> None:
        torch.nn.utils.clip_grad_norm_([each for group in self.param_groups for each in group['params']], self.max_norm)
        self.optim.step()


class Booster:
    def __init__(self, device: str | None = None, mixed_precision: Any = None, plugin: Any = None) -> None:
        assert isinstance(plugin, Plugin)
        self.plugin = plugin

    def boost(self, model: Any, optimizer: Any = None, criterion: Any = None, dataloader: Any = None,
              lr_scheduler: Any = None) -> Any:
        return (DistributedDataParallel(model), optimizer and Clipping(optimizer, self.plugin.max_norm), criterion,
                dataloader, lr_scheduler)

    def backward(self, loss: torch.Tensor, optimizer: Clipping) -> None:
        optimizer.backward(loss)

    def no_sync(self, model: Any = None, optimizer: Any = None) -> AbstractContextManager[None]:
        return model.no_sync()

    def save_model(self, model: Any, checkpoint: str, shard: bool = False) -> None:
        self._save(model.module, checkpoint)

    def load_model(self, model: Any, checkpoint: str, strict: bool = True) -> None:
        model.module.load_state_dict(torch.load(checkpoint, weights_only=True), strict=strict)

    def save_optimizer(self, optimizer: Clipping, checkpoint: str, shard: bool = False) -> None:
        self._save(optimizer.optim, checkpoint)

    def load_optimizer(self, optimizer: Clipping, checkpoint: str) -> None:
        optimizer.optim.load_state_dict(torch.load(checkpoint, weights_only=True))

    def _save(self, item: Any, checkpoint: str) -> None:
        if torch.distributed.get_rank() == 0:
            torch.save(item.state_dict(), checkpoint)


def launch_from_torch(backend: str = 'nccl', seed: int = 1024, verbose: bool = True) -> None:
    torch.distributed.init_process_group(backend)


def install() -> None:
    """Put the modules where ColossalAI's would be."""
    names = {'colossalai': dict(launch_from_torch=launch_from_torch, __version__='0.5.0'),
             'colossalai.booster': dict(Booster=Booster), 'colossalai.booster.mixed_precision': {},
             'colossalai.booster.plugin': dict(Plugin=Plugin, TorchDDPPlugin=TorchDDPPlugin)}
    for name, members in names.items():
        module = ModuleType(name)
        vars(module).update(members, __file__=None)
        sys.modules[name] = module


def config_of(folder: str, case: str, load_from: str | None) -> dict[str, Any]:
    cfg = config(folder, case, load_from)
    cfg['optim_wrapper'].pop('clip_grad')
    plugin: Any = dict(type='torch-ddp', max_norm=0.5)
    if sys.modules['colossalai'].__file__ is not None:  # the real one: of its plugins, this alone runs on a CPU
        plugin = dict(type='torch-ddp')
    cfg.update(launcher='pytorch', env_cfg=dict(dist_cfg=dict(backend='gloo')),
               strategy=dict(type='ColossalAIStrategy', plugin=plugin))
    return cfg


def main(folder: str, *runs: str) -> None:
    if importlib.util.find_spec('colossalai') is None:
        install()
    importlib.import_module('colossalai')
    register()
    for each in runs:
        name, _, what = each.partition('=')
        case, _, load_from = what.partition(':')
        runner = Runner.from_cfg(config_of(f'{folder}/{name}', case, f'{folder}/{load_from}' if load_from else None))
        runner.train()
        torch.save(dict(weights=runner.model.module.state_dict(),
                        mean=runner.message_hub.get_scalar('val/mean').current()),
                   f'{folder}/{name}_{os.environ["RANK"]}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
