"""Training on one device, whichever the machine has."""
from __future__ import annotations

from typing import Any

from torch import nn

from mmengine._strategy.base import BaseStrategy
from mmengine.device import get_device
from mmengine.model.utils import revert_sync_batchnorm
from mmengine.registry import STRATEGIES


@STRATEGIES.register_module()
class SingleDeviceStrategy(BaseStrategy):
    """One process, one device."""

    def convert_model(self, model: nn.Module) -> nn.Module:
        """Replace synchronised batch normalisation, which needs several ranks."""
        if any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()):
            self.logger.info('Distributed training is not used, all SyncBatchNorm (SyncBN) layers in the model will be '
                             'automatically reverted to BatchNormXd layers if they are used.')
            return revert_sync_batchnorm(model)
        return model

    def _wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        return model.to(get_device())
