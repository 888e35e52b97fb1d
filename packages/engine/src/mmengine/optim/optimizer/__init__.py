"""What drives optimizers: backward pass, accumulation, clipping, mixed precision; and their building."""
from typing import TYPE_CHECKING, Any

from mmengine.optim.optimizer.amp_optimizer_wrapper import AmpOptimWrapper as AmpOptimWrapper
from mmengine.optim.optimizer.apex_optimizer_wrapper import ApexOptimWrapper as ApexOptimWrapper
from mmengine.optim.optimizer.base import BaseOptimWrapper as BaseOptimWrapper
from mmengine.optim.optimizer.builder import build_optim_wrapper as build_optim_wrapper
from mmengine.optim.optimizer.default_constructor import (
    DefaultOptimWrapperConstructor as DefaultOptimWrapperConstructor,
)
from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper as OptimWrapper
from mmengine.optim.optimizer.optimizer_wrapper_dict import OptimWrapperDict as OptimWrapperDict
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import OPTIMIZERS as OPTIMIZERS

if TYPE_CHECKING:
    from mmengine.optim.optimizer.zero_optimizer import ZeroRedundancyOptimizer as ZeroRedundancyOptimizer


def __getattr__(name: str) -> Any:
    # On first use: it brings all of torch.distributed.optim along, which takes long.
    if name == 'ZeroRedundancyOptimizer':
        from mmengine.optim.optimizer.zero_optimizer import ZeroRedundancyOptimizer
        return ZeroRedundancyOptimizer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
