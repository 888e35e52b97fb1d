"""Upstream's path of `is_model_wrapper`; wrappers from elsewhere are registered here."""
from torch.nn.parallel import DataParallel, DistributedDataParallel

from mmengine.checkpoint.wrappers import is_model_wrapper as is_model_wrapper
from mmengine.registry import MODEL_WRAPPERS

MODEL_WRAPPERS.register_module(module=DistributedDataParallel)
MODEL_WRAPPERS.register_module(module=DataParallel)
# Its import brings all of torch.distributed.fsdp along.
MODEL_WRAPPERS.register_lazy('MMFullyShardedDataParallel',
                             'mmengine.model.wrappers.fully_sharded_distributed:MMFullyShardedDataParallel')
