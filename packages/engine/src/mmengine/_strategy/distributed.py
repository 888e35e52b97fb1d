"""Training on several ranks, each with the whole model (DistributedDataParallel)."""
from __future__ import annotations

from typing import Any

from torch import nn

from mmengine._strategy.base import BaseStrategy
from mmengine.device import get_device
from mmengine.dist import get_local_rank
from mmengine.model.utils import convert_sync_batchnorm
from mmengine.model.wrappers.distributed import SYNC_BUFFERS
from mmengine.registry import MODEL_WRAPPERS, STRATEGIES


@STRATEGIES.register_module()
class DDPStrategy(BaseStrategy):
    """Every rank trains the whole model on its share of the data, on accelerators and on CPUs.

    Args:
        model_wrapper: Config of the wrapper; by default MMDistributedDataParallel without broadcast of buffers.
        sync_bn: `'torch'` or `'mmcv'`: whose synchronised batch normalisation replaces the plain one; None: none.
        **kwargs: Arguments of `BaseStrategy`.
    """

    def __init__(self, *, model_wrapper: dict[str, Any] | None = None, sync_bn: str | None = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_wrapper = model_wrapper
        self.sync_bn = sync_bn

    def convert_model(self, model: nn.Module) -> nn.Module:
        """Replace batch normalisation by a synchronised one, if asked for."""
        if self.sync_bn is None:
            return model
        try:
            return convert_sync_batchnorm(model, self.sync_bn)
        except ValueError as error:
            raise ValueError(f'sync_bn should be "torch" or "mmcv", but got {self.sync_bn!r}') from error

    def _wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        device = get_device()
        model = model.to(device)
        on_cpu = device == 'cpu'
        defaults: dict[str, Any] = {'type': 'MMDistributedDataParallel', SYNC_BUFFERS: False}
        if not on_cpu:
            defaults['device_ids'] = [get_local_rank()]
        chosen = {**defaults, **(self.model_wrapper or {}), **(wrapper_cfg or {})}
        wrapped: nn.Module = MODEL_WRAPPERS.build(chosen, default_args=dict(module=model))
        return wrapped
