"""Operations of torch whose defaults have changed."""
from __future__ import annotations

import torch


def torch_meshgrid(*tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Spread vectors over a grid, the first along the rows ('ij'), without torch's warning about the order.

    Args:
        *tensors: Vectors of lengths N1, N2 and so on, or scalars.

    Returns:
        As many tensors of shape (N1, N2, ...), each with the dtype of its vector.
    """
    return torch.meshgrid(*tensors, indexing='ij')
