"""The detector: points that say where boxes are."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import InstanceData

#: pixels of the picture for each point of the last features, on each side
STRIDE = 8


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Give the shared area of each box with each of the others, as a share of the area that they cover together."""
    low = torch.maximum(boxes[:, None, :2], others[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    areas, other_areas = ((corners[:, 2:] - corners[:, :2]).prod(-1) for corners in (boxes, others))
    return shared / (areas[:, None] + other_areas - shared).clamp(min=1e-6)


def suppress(found: InstanceData, most: float) -> InstanceData:
    """Sort by score, and leave out each box that overlaps a better one more than that."""
    found = found[found.scores.argsort(descending=True)]
    shares = overlaps(found.bboxes, found.bboxes)
    kept: list[int] = []
    for index in range(len(found)):
        if not kept or shares[index, kept].max() <= most:
            kept.append(index)
    return found[torch.tensor(kept, dtype=torch.long, device=shares.device)]


def targets(points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Give for each point how central it is in its box, 0 if it is in none, and the distances to the box's sides."""
    if not len(boxes):
        return points.new_zeros(len(points)), points.new_zeros(len(points), 4)
    distances = torch.cat([points[:, None] - boxes[:, :2], boxes[:, 2:] - points[:, None]], dim=2).clamp(min=0)
    low, high = distances.unflatten(2, (2, 2)).aminmax(dim=2)  # of left and right, and of top and bottom
    central, box = (low / high.clamp(min=1e-6)).prod(2).sqrt().max(dim=1)
    return central, distances[torch.arange(len(points)), box]


def block(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Make a convolution with its normalisation."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(4, outputs), nn.ReLU())


@MODELS.register_module()
class PointDetector(BaseModel):
    """Says at each point how central it is in a coin, and how far the four sides of the coin's box are.

    A small relative of FCOS (Tian, Shen, Chen and He: "FCOS: Fully Convolutional One-Stage Object Detection", 2019):
    one class and one level of features, so what is central is also what is a coin.

    Args:
        width: Channels of the first convolution.
        threshold: Points with a lower score give no box.
        most: How much of their common area two boxes that are found may share.
        data_preprocessor: Settings of what brings the pictures to the device.
    """

    def __init__(self, width: int = 16, threshold: float = 0.2, most: float = 0.5,
                 data_preprocessor: dict[str, Any] | None = None) -> None:
        super().__init__(data_preprocessor)
        self.threshold, self.most = threshold, most
        self.features = nn.Sequential(
            block(1, width, stride=2), block(width, 2 * width, stride=2), block(2 * width, 4 * width, stride=2),
            block(4 * width, 4 * width, dilation=2), block(4 * width, 4 * width, dilation=3))
        self.head = nn.Conv2d(4 * width, 5, 1)
        nn.init.constant_(self.head.bias[:1], -3)  # most points are in no coin
        nn.init.constant_(self.head.bias[1:], 1)  # exp(1) strides are 22 pixels

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        """Give scores and distances ('tensor'), losses ('loss'), or samples with `pred_instances` ('predict')."""
        outputs = self.head(self.features(inputs)).permute(0, 2, 3, 1)
        scores, distances = outputs[..., 0].flatten(1), STRIDE * outputs[..., 1:].clamp(max=4).exp().flatten(1, 2)
        if mode == 'tensor':
            return scores, distances
        y, x = (STRIDE * (torch.arange(n, device=inputs.device) + 0.5) for n in outputs.shape[1:3])
        points = torch.cartesian_prod(y, x).flip(1)
        if mode == 'loss':
            return self.loss(scores, distances, points, [sample.gt_instances.bboxes for sample in data_samples])
        for sample, score, distance in zip(data_samples, scores.sigmoid(), distances, strict=True):
            corners = torch.cat([points - distance[:, :2], points + distance[:, 2:]], dim=1)
            found = InstanceData(bboxes=corners, scores=score, labels=torch.zeros_like(score, dtype=torch.long))
            sample.pred_instances = suppress(found[score > self.threshold], self.most)
        return data_samples

    def loss(self, scores: Tensor, distances: Tensor, points: Tensor, boxes: list[Tensor]) -> dict[str, Tensor]:
        """Compare with how central the points are in the true boxes, and with the distances to their sides."""
        central, true = (torch.stack(parts) for parts in zip(*(targets(points, b) for b in boxes), strict=True))
        inside = central > 0
        weights, found, true = central[inside], distances[inside], true[inside]
        shared, *areas = ((d[:, :2] + d[:, 2:]).prod(1) for d in (torch.minimum(found, true), found, true))
        together = areas[0] + areas[1] - shared
        loss_box = (weights * (together / shared).log()).sum() / weights.sum().clamp(min=1)
        loss_point = binary_cross_entropy_with_logits(scores, central, reduction='sum') / inside.sum().clamp(min=1)
        return dict(loss_point=loss_point, loss_box=loss_box)
