"""Between whole tensors and those that are spread over the ranks (`torch.distributed.tensor.DTensor`)."""
from __future__ import annotations

from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from mmengine.checkpoint.nests import mapped
from mmengine.dist import is_main_process


def gathered(value: Any) -> Any:
    """Put together the distributed tensors of a nest of dicts and lists, on the CPU; all ranks must call it.

    Returns:
        The same nest with whole tensors on rank 0; on the others there is None in their places, which saves memory.
    """
    def whole(item: Any, _: str) -> Any:
        if not isinstance(item, DTensor):
            return item
        tensor = item.full_tensor()
        return tensor.cpu() if is_main_process() else None

    return mapped(value, whole)


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

