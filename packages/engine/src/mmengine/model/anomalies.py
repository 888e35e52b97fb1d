"""Parameters that a loss does not reach."""
from __future__ import annotations

import logging
import re

import torch
from torch import nn

from mmengine.logging import print_log


def detect_anomalous_params(loss: torch.Tensor, model: nn.Module) -> list[str]:
    """Find the parameters that take no part in a loss, and log their names as errors.

    Args:
        loss: The loss, a tensor of shape (), whose graph has not been freed yet.
        model: The model.

    Returns:
        Names of the trainable parameters that get no gradient.
    """
    reached = set()
    seen = set()
    waiting = [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        # The nodes at the ends of the graph hold the parameter that they accumulate into.
        reached.add(id(getattr(node, 'variable', None)))
        waiting.extend(following for following, _ in node.next_functions)
    missed = [name for name, parameter in model.named_parameters()
              if parameter.requires_grad and id(parameter) not in reached]
    for name in missed:
        print_log(f'{name} with shape {tuple(model.get_parameter(name).shape)} is not in the computational graph',
                  logger='current', level=logging.ERROR)
    return missed


def name_params_without_grad(message: str, model: nn.Module) -> str | None:
    """Word DistributedDataParallel's complaint about parameters without gradient so that it names them.

    Args:
        message: What was raised.
        model: The model, without the wrapper.

    Returns:
        The new text, None if it was no such complaint.
    """
    found = re.search(r'Parameter indices which did not receive grad for rank \d+: ([\d ]+)', message)
    if found is None:
        return None
    ignored = getattr(model, '_ddp_params_and_buffers_to_ignore', ())
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad and name not in ignored]
    missed = [names[int(index)] for index in found[1].split() if int(index) < len(names)]
    return (f'{message}\nThese parameters of {type(model).__name__} got no gradient in the iteration before: '
            f'{missed}. Remove or freeze them (requires_grad=False), let the loss depend on them, or set '
            f'`find_unused_parameters = True` in the config.')
