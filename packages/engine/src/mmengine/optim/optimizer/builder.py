"""Building of a driver of an optimizer from a config."""
from __future__ import annotations

import copy
from typing import Any

from torch import nn

from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.optim.optimizer.providers import promise_third_party_optimizers, promise_torch_optimizers
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS

#: Names of the optimizers, by where they come from.
TORCH_OPTIMIZERS = promise_torch_optimizers()
DADAPTATION_OPTIMIZERS = promise_third_party_optimizers('dadaptation')
LION_OPTIMIZERS = promise_third_party_optimizers('lion_pytorch')
SOPHIA_OPTIMIZERS = promise_third_party_optimizers('sophia')
BITSANDBYTES_OPTIMIZERS = promise_third_party_optimizers('bitsandbytes')
TRANSFORMERS_OPTIMIZERS = promise_third_party_optimizers('transformers')

# Its import brings all of torch.distributed.optim along.
OPTIMIZERS.register_lazy('ZeroRedundancyOptimizer', 'mmengine.optim.optimizer.zero_optimizer:ZeroRedundancyOptimizer')


def build_optim_wrapper(model: nn.Module, cfg: dict[str, Any]) -> OptimWrapper:
    """Build the driver of a model's optimizer.

    Args:
        model: The model, maybe wrapped.
        cfg: Config of the wrapper: its `type` (by default `OptimWrapper`) and arguments, that of the optimizer as
            `optimizer`, and maybe `constructor` (by default `DefaultOptimWrapperConstructor`) and `paramwise_cfg`.

    Raises:
        AssertionError: There is no `optimizer`.
        KeyError: A name is not registered.

    Examples:
        >>> import torch
        >>> from mmengine.optim import build_optim_wrapper
        >>> wrapper = build_optim_wrapper(torch.nn.Linear(2, 1), dict(optimizer=dict(type='SGD', lr=0.1)))
        >>> wrapper.get_lr()
        {'lr': [0.1]}
    """
    wrapper_cfg = copy.deepcopy(cfg)
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build({
        'type': wrapper_cfg.pop('constructor', 'DefaultOptimWrapperConstructor'),
        'paramwise_cfg': wrapper_cfg.pop('paramwise_cfg', None),
        'optim_wrapper_cfg': wrapper_cfg,
    })
    wrapper: OptimWrapper = constructor(model)
    return wrapper
