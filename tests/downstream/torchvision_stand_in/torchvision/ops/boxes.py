"""Boxes as rows of x1, y1, x2, y2."""
from __future__ import annotations

import torch
from torch import Tensor


def _upcast(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values.long()


def box_area(boxes: Tensor) -> Tensor:
    """Give the area of each box."""
    sides = _upcast(boxes)[:, 2:] - _upcast(boxes)[:, :2]
    return sides[:, 0] * sides[:, 1]


def _overlap(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    corners = torch.minimum(ours[:, None, 2:], theirs[:, 2:]) - torch.maximum(ours[:, None, :2], theirs[:, :2])
    both = _upcast(corners).clamp(min=0).prod(dim=2)
    return both, box_area(ours)[:, None] + box_area(theirs) - both


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Give the overlap of every box of one set with every box of the other, from 0 to 1."""
    both, either = _overlap(boxes1, boxes2)
    return both / either


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Give the overlap, less the part of the box around both that neither of them covers."""
    both, either = _overlap(boxes1, boxes2)
    sides = torch.maximum(boxes1[:, None, 2:], boxes2[:, 2:]) - torch.minimum(boxes1[:, None, :2], boxes2[:, :2])
    around = _upcast(sides).clamp(min=0).prod(dim=2)
    return both / either - (around - either) / around


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best box of each heap, best first."""
    order = scores.argsort(descending=True)
    keep = []
    while order.numel():
        keep.append(order[0])
        order = order[1:][box_iou(boxes[order[:1]], boxes[order[1:]])[0] <= iou_threshold]
    return torch.stack(keep) if keep else order


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best box of each heap of one class, best first."""
    if not boxes.numel():
        return idxs.new_empty(0)
    return nms(boxes + (idxs * (boxes.max() + 1))[:, None], scores, iou_threshold)
