"""The names of `torchvision.ops.misc` that timm imports."""
from __future__ import annotations

from torch import nn


class FrozenBatchNorm2d(nn.Module):
    """A class to compare with: timm asks of modules whether they are one."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotImplementedError('torchvision.ops.misc.FrozenBatchNorm2d is not in the stand-in of this session')
