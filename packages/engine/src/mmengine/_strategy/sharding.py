"""Between whole tensors and those that are spread over the ranks (`torch.distributed.tensor.DTensor`)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Placement, Replicate, distribute_tensor

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
    return spread_like(tensor, model)


def spread_like(whole: torch.Tensor, model: DTensor) -> DTensor:
    """Take this rank's part of a tensor that all ranks hold, in memory of its own, so that the whole is freed."""
    return spread_over(whole.to(model.device), model.device_mesh, model.placements)


def spread_over(whole: torch.Tensor, mesh: DeviceMesh, placements: Sequence[Placement]) -> DTensor:
    """Take this rank's part of a tensor that all ranks hold on the device of the mesh, in memory of its own."""
    # No source rank: each has the whole, and takes its part without asking the others.
    part = distribute_tensor(whole.detach(), mesh, placements, src_data_rank=None).to_local()
    return DTensor.from_local(part.clone(memory_format=torch.contiguous_format), mesh, placements, run_check=False,
                              shape=whole.shape, stride=whole.contiguous().stride())


def gathered_everywhere(tensor: DTensor) -> torch.Tensor:
    """Put a tensor together on every rank."""
    with torch.no_grad():
        return tensor.redistribute(placements=[Replicate()] * len(tensor.placements)).to_local()
