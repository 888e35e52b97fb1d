"""The part that a rank holds of a tensor which is spread over ranks; all of it where it is not.

Nothing of `torch.distributed` is imported for tensors that are not spread.
"""
from __future__ import annotations

from typing import Any

import torch


def local_part(tensor: torch.Tensor) -> torch.Tensor:
    """Give what this rank holds of a tensor."""
    part: torch.Tensor = tensor.to_local() if hasattr(tensor, 'to_local') else tensor
    return part


def as_part_of(model: Any, part: torch.Tensor) -> torch.Tensor:
    """Give the tensor that this rank holds a part of, spread as another one of its shape is.

    Args:
        model: A tensor, spread or not.
        part: What `local_part` gave on this rank.
    """
    if not hasattr(model, 'device_mesh'):
        return part
    from torch.distributed.tensor import DTensor
    return DTensor.from_local(part, model.device_mesh, model.placements, run_check=False, shape=model.shape,
                              stride=model.stride())
