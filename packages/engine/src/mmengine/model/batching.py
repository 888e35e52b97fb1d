"""Tensors of several sizes, as one."""
from __future__ import annotations

import torch
from torch.nn import functional


def stack_batch(tensor_list: list[torch.Tensor], pad_size_divisor: int = 1,
                pad_value: int | float = 0) -> torch.Tensor:
    """Stack tensors of one number of channels but several sizes, padded right and below to the largest size.

    Args:
        tensor_list: Tensors of shape (C, ...), images of shape (C, H, W) for example.
        pad_size_divisor: The sizes but the first are padded to multiples of this.
        pad_value: Value of what is padded.

    Returns:
        Tensor of shape (N, C, ...).

    Raises:
        AssertionError: It is no list, is empty, or its tensors have several numbers of dimensions or channels.
    """
    if not isinstance(tensor_list, list):
        raise AssertionError(f'Expected input type to be list, but got {type(tensor_list)}')
    if not tensor_list:
        raise AssertionError('`tensor_list` could not be an empty list')
    shapes = [tuple(tensor.shape) for tensor in tensor_list]
    if len({len(shape) for shape in shapes}) > 1:
        raise AssertionError(f'Expected the dimensions of all tensors must be the same, but got {shapes}')
    if len({shape[0] for shape in shapes}) > 1:
        raise AssertionError(f'Expected the channels of all tensors must be the same, but got {shapes}')
    sizes = [-(-max(size) // pad_size_divisor) * pad_size_divisor for size in zip(*shapes, strict=True)]
    sizes[0] = shapes[0][0]
    padded = []
    for tensor, shape in zip(tensor_list, shapes, strict=True):
        # `pad` counts the dimensions from the last one: (left, right) of the last, of the last but one, ...
        missing = [size - old for size, old in zip(sizes, shape, strict=True)]
        amounts = [amount for lacking in reversed(missing) for amount in (0, lacking)]
        padded.append(functional.pad(tensor, amounts, value=pad_value) if any(amounts) else tensor)
    return torch.stack(padded)
