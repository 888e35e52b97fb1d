"""Operations of torch whose defaults have changed."""
from __future__ import annotations

import torch


def torch_meshgrid(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Spread vectors over a grid, the first along the rows ('ij'), without torch's warning about the order."""
    return torch.meshgrid(*tensors, indexing='ij')
