"""What mmcv's compiled operators would be, for mmcv-lite: `mmcv._ext`, so that `mmcv.ops` can be imported.

No wheel of the full mmcv is built for this PyTorch. `nms` works; what is called besides raises.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Keep the best box of each heap, best first; a box ends `offset` after its last coordinate."""
    from torchvision.ops import boxes as stand_in
    stretched = boxes.detach().clone()
    stretched[:, 2:] += offset
    return stand_in.nms(stretched, scores.detach(), iou_threshold)


def get_compiler_version() -> str:
    """Say what stands here instead of compiled operators, for reports about the environment."""
    return 'none: a stand-in'


get_compiling_cuda_version = get_compiler_version


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith('__'):
        raise AttributeError(name)

    def absent(*args: object, **kwargs: object) -> None:
        raise NotImplementedError(f'the operator {name} of mmcv is compiled, and not in the stand-in of this session')

    return absent
