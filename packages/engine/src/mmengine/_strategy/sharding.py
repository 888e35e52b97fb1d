"""Between whole tensors and those that are spread over the ranks (`torch.distributed.tensor.DTensor`)."""
from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from mmengine.dist import is_main_process


def gathered(value: Any) -> Any:
    """Put together the distributed tensors of a nest of dicts and lists, on the CPU; all ranks must call it.

    Returns:
        The same nest with whole tensors on rank 0; on the others there is None in their places, which saves memory.
    """
    if isinstance(value, DTensor):
        whole = value.full_tensor()
        return whole.cpu() if is_main_process() else None
    if isinstance(value, dict):
        return type(value)((key, gathered(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)) and not hasattr(value, '_fields'):
        return type(value)(gathered(item) for item in value)
    return value


def sharded_like(tensor: torch.Tensor, model: torch.Tensor) -> torch.Tensor:
    """Spread a tensor as another one is spread, if that is and has its shape; all ranks hold the same whole tensor.

    Args:
        tensor: Of any dtype, on any device.
        model: A parameter, distributed or not.
    """
    if not isinstance(model, DTensor) or isinstance(tensor, DTensor) or tensor.shape != model.shape:
        return tensor
    # No source rank: each has the whole, and takes its part without asking the others.
    return distribute_tensor(tensor.to(model.device), model.device_mesh, model.placements, src_data_rank=None)

