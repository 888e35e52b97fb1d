"""Let each epoch have an order of samples of its own."""
from __future__ import annotations

from typing import Any

from mmengine.dataset.loader_samplers import set_epoch
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class DistSamplerSeedHook(Hook):
    """Tells the sampler, or the one inside the batch sampler, which epoch it is, since its order is drawn from it."""

    priority = 'NORMAL'

    def before_train_epoch(self, runner: Any) -> None:
        """Set the epoch."""
        set_epoch(runner.train_loop.dataloader, runner.epoch)
