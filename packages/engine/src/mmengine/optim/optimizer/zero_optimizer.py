"""An optimizer whose state is spread over the processes."""
from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import torch

from mmengine.dist import is_main_process
from mmengine.registry import OPTIMIZERS
from mmengine.utils.suggest import did_you_mean

with warnings.catch_warnings():
    # The package compiles scripts for other optimizers on the way, by a function that torch itself has deprecated.
    warnings.simplefilter('ignore', DeprecationWarning)
    from torch.distributed.optim import ZeroRedundancyOptimizer as TorchZeroRedundancyOptimizer


@OPTIMIZERS.register_module()
class ZeroRedundancyOptimizer(TorchZeroRedundancyOptimizer):
    """`torch.distributed.optim.ZeroRedundancyOptimizer`, of an optimizer given by its name.

    Rajbhandari et al. (2020), ZeRO, stage 1: each process keeps the optimizer's state of its share of the parameters,
    updates these, and sends them to the others. Needs a process group.

    Args:
        params: Parameters, or parameter groups.
        optimizer_type: Name of the optimizer, in `torch.optim` or registered in `OPTIMIZERS`.
        **kwargs: Arguments of both.

    Raises:
        ValueError: There is no optimizer of that name.
    """

    def __init__(self, params: Iterable[Any], optimizer_type: str, **kwargs: Any) -> None:
        optimizer_class = getattr(torch.optim, optimizer_type, None) or OPTIMIZERS.get(optimizer_type)
        if optimizer_class is None:
            raise ValueError(f'optimizer_type {optimizer_type!r} is neither in torch.optim nor in OPTIMIZERS.'
                             f'{did_you_mean(str(optimizer_type), OPTIMIZERS.module_dict)}')
        super().__init__(params, optimizer_class=optimizer_class, **kwargs)

    def state_dict(self) -> dict[str, Any]:
        """Collect the state from all processes on the main one; the others give an empty dict."""
        self.consolidate_state_dict()
        return super().state_dict() if is_main_process() else {}
