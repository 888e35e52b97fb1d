"""Copies of a model that is spread over ranks, which are spread as well: an average of its weights, for example."""
from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule

Spread = Callable[[nn.Module], None]


def let_copy(model: nn.Module, outline: nn.Module, spread: Spread) -> None:
    """Let `copy.deepcopy` copy a model that `fully_shard` has spread, which it refuses otherwise.

    Args:
        model: The model, spread.
        outline: What `outline_of` gave before it was.
        spread: Spreads a model on the device 'meta' in the same way.
    """
    # Of the object and not of its class, which `fully_shard` shares between all models.
    model.__dict__['__deepcopy__'] = partial(_copied, model, outline, spread)


def outline_of(model: nn.Module) -> nn.Module:
    """Copy a model without its numbers: all tensors of the copy are on the device 'meta'."""
    memo: dict[int, Any] = {}
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(_on_meta(parameter), parameter.requires_grad)
    for buffer in model.buffers():
        memo[id(buffer)] = _on_meta(buffer)
    return copy.deepcopy(model, memo)


def _on_meta(value: torch.Tensor) -> torch.Tensor:
    return torch.empty(value.shape, dtype=value.dtype, device='meta')


def _copied(model: nn.Module, outline: nn.Module, spread: Spread, memo: dict[int, Any]) -> nn.Module:
    settle(model)
    made = copy.deepcopy(outline)
    spread(made)
    devices = {value.device for value in model.parameters()}
    fill_in(made, devices.pop() if devices else torch.device('cpu'))
    with torch.no_grad():
        for target, source in zip([*made.parameters(), *made.buffers()], [*model.parameters(), *model.buffers()],
                                  strict=True):
            target.copy_(source)
    for part, original in zip(made.modules(), model.modules(), strict=True):
        part.training = original.training
    let_copy(made, outline, spread)
    memo[id(model)] = made
    return made


def fill_in(model: nn.Module, device: torch.device) -> None:
    """Give the tensors of a model that are on the device 'meta' memory, whose content is whatever is there."""
    whole: Any = model  # `_apply`, which is not typed, is what `fully_shard` follows such changes by
    whole._apply(lambda tensor: torch.empty_like(tensor, device=device) if tensor.is_meta else tensor)


def settle(model: nn.Module) -> None:
    """Let go of parameters that were put together for a forward pass and kept, so that the parts count again."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()
