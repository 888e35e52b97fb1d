"""Strategies: what carries a run, one device or many."""
from typing import TYPE_CHECKING, Any

from mmengine._strategy.base import BaseStrategy as BaseStrategy
from mmengine._strategy.distributed import DDPStrategy as DDPStrategy
from mmengine._strategy.single_device import SingleDeviceStrategy as SingleDeviceStrategy
from mmengine.registry import STRATEGIES

if TYPE_CHECKING:
    from mmengine._strategy.fully_sharded import FSDPStrategy as FSDPStrategy

STRATEGIES.register_lazy('FSDPStrategy', 'mmengine._strategy.fully_sharded:FSDPStrategy')


def __getattr__(name: str) -> Any:
    # On first use: it brings all of torch.distributed.fsdp along, which takes long.
    if name == 'FSDPStrategy':
        from mmengine._strategy.fully_sharded import FSDPStrategy
        return FSDPStrategy
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
