"""The functions of `torchvision.transforms.functional`."""
from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._absent import absent_function


class InterpolationMode(Enum):
    """How a picture is resized."""

    NEAREST = 'nearest'
    NEAREST_EXACT = 'nearest-exact'
    BILINEAR = 'bilinear'
    BICUBIC = 'bicubic'
    BOX = 'box'
    HAMMING = 'hamming'
    LANCZOS = 'lanczos'


def pil_to_tensor(pic: Any) -> Tensor:
    """Give the bytes of a picture as a tensor, channels first."""
    pixels = torch.from_numpy(np.array(pic))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()


def to_tensor(pic: Any) -> Tensor:
    """Give a picture as a tensor of numbers from 0 to 1, channels first."""
    return pil_to_tensor(pic).float() / 255


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """Subtract a mean and divide by a deviation, channel by channel."""
    tensor = tensor if inplace else tensor.clone()
    columns = [tensor.new_tensor(values).view(-1, 1, 1) for values in (mean, std)]
    return tensor.sub_(columns[0]).div_(columns[1])


resized_crop = absent_function('transforms.functional.resized_crop')
