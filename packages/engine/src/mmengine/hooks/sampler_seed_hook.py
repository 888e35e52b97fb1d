"""Let each epoch have an order of samples of its own."""
from __future__ import annotations

from typing import Any

from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class DistSamplerSeedHook(Hook):
    """Tells the sampler, or the one inside the batch sampler, which epoch it is, since its order is drawn from it."""

    priority = 'NORMAL'

    def before_train_epoch(self, runner: Any) -> None:
        """Set the epoch."""
        loader = runner.train_loop.dataloader
        for sampler in (getattr(loader, 'sampler', None),
                        getattr(getattr(loader, 'batch_sampler', None), 'sampler', None)):
            if sampler is not None and hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(runner.epoch)
                return
