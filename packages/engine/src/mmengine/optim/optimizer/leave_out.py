"""Leave one batch out of the gradients that a wrapper accumulates."""
from __future__ import annotations

from typing import Any

import torch

from mmengine.dist import all_reduce_params, get_world_size


def leave_out_update(optim_wrapper: Any) -> None:
    """Count a batch without its gradients; where its group of accumulation ends, those of the others are used.

    All ranks must leave out the same batch.

    Args:
        optim_wrapper: A wrapper whose `update_params` would have been called.
    """
    optim_wrapper._inner_count += 1
    if not optim_wrapper.should_update():
        return
    parameters = [parameter for group in optim_wrapper.optimizer.param_groups for parameter in group['params']
                  if parameter.requires_grad]
    if all(parameter.grad is None for parameter in parameters):
        return
    if get_world_size() > 1:  # the backward pass that would have averaged them is the one that is left out
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        all_reduce_params([parameter.grad for parameter in parameters])
    optim_wrapper.step()
    optim_wrapper.zero_grad()
