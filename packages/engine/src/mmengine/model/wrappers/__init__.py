"""Wrappers that run a model in several processes and hand its steps through."""
from typing import TYPE_CHECKING, Any

from mmengine.model.wrappers.distributed import MMDistributedDataParallel as MMDistributedDataParallel
from mmengine.model.wrappers.seperate_distributed import (
    MMSeparateDistributedDataParallel as MMSeparateDistributedDataParallel,
)
from mmengine.model.wrappers.utils import is_model_wrapper as is_model_wrapper

if TYPE_CHECKING:
    from mmengine.model.wrappers.fully_sharded_distributed import (
        MMFullyShardedDataParallel as MMFullyShardedDataParallel,
    )


def __getattr__(name: str) -> Any:
    # On first use: it brings all of torch.distributed.fsdp along, which takes long.
    if name == 'MMFullyShardedDataParallel':
        from mmengine.model.wrappers.fully_sharded_distributed import MMFullyShardedDataParallel
        return MMFullyShardedDataParallel
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
