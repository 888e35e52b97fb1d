"""The classes of `torchvision.transforms`."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from .._absent import absent_class
from . import functional
from .functional import InterpolationMode as InterpolationMode


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """Apply all."""
        for transform in self.transforms:
            img = transform(img)
        return img


class ToTensor:
    """A picture of bytes becomes a tensor of numbers from 0 to 1, channels first."""

    def __call__(self, pic: Any) -> Tensor:
        """Convert."""
        return functional.to_tensor(pic)


class PILToTensor:
    """A picture becomes a tensor of the same bytes, channels first."""

    def __call__(self, pic: Any) -> Tensor:
        """Convert."""
        return functional.pil_to_tensor(pic)


class Normalize:
    """Subtract a mean and divide by a deviation, channel by channel."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        """Normalize."""
        return functional.normalize(tensor, self.mean, self.std, self.inplace)


CenterCrop = absent_class('transforms.CenterCrop')
ColorJitter = absent_class('transforms.ColorJitter')
RandomApply = absent_class('transforms.RandomApply')
RandomCrop = absent_class('transforms.RandomCrop')
RandomHorizontalFlip = absent_class('transforms.RandomHorizontalFlip')
RandomResizedCrop = absent_class('transforms.RandomResizedCrop')
Resize = absent_class('transforms.Resize')
ToPILImage = absent_class('transforms.ToPILImage')
