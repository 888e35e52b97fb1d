"""The average precision, and the hook that draws boxes on the photograph."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from detector import overlaps
from torch import Tensor

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, METRICS
from mmengine.runner import Runner
from mmengine.visualization import Boxes


@METRICS.register_module()
class AveragePrecision(BaseMetric):
    """Area below the curve of precision over recall, 1 at best, and how many coins there are.

    Args:
        thresholds: A box is right from this overlap with a true one on; one number for each of them, such as `ap50`.
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        super().__init__()
        self.thresholds = thresholds

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the scores of each sample, the overlaps of what was found with what is true."""
        for sample in data_samples:
            found, truth = sample['pred_instances'], sample['gt_instances']
            self.results.append((found['scores'].cpu(), overlaps(found['bboxes'], truth['bboxes']).cpu()))

    def compute_metrics(self, results: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """Take the boxes of all samples together."""
        precisions = {f'ap{100 * share:.0f}': average_precision(results, share) for share in self.thresholds}
        return dict(precisions, coins=sum(shares.shape[1] for _, shares in results))


def average_precision(results: list[tuple[Tensor, Tensor]], threshold: float) -> float:
    """Give the area for the scores of the boxes of each sample and their overlaps with its true ones.

    A box is right if it overlaps a true one enough that no better box of the sample has taken.
    """
    scores, right = torch.cat([scores for scores, _ in results]), []
    for own_scores, shares in results:
        free, hits = shares.clone(), torch.zeros(len(shares))
        for index in own_scores.argsort(descending=True).tolist() if free.shape[1] else ():
            share, box = free[index].max(dim=0)
            if share >= threshold:
                hits[index], free[:, box] = 1, 0
        right.append(hits)
    hits = torch.cat(right)[scores.argsort(descending=True)]
    precision = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    best_from_here = precision.flip(0).cummax(0).values.flip(0)
    return float((best_from_here * hits).sum() / max(1, sum(shares.shape[1] for _, shares in results)))


@HOOKS.register_module()
class DrawBoxes(Hook):
    """Records each picture of the test with the true boxes and those that were found: the image `coins`.

    A tracker that knows layers can show either alone.

    Args:
        scale: Pixels of the drawing for each pixel of the picture, on each side.
    """

    def __init__(self, scale: int = 1) -> None:
        self.scale = scale

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Draw each sample."""
        for picture, sample in zip(data_batch['inputs'], outputs, strict=True):
            large = picture[0].repeat_interleave(self.scale, 0).repeat_interleave(self.scale, 1)
            true, found = sample.gt_instances, sample.pred_instances
            boxes = dict(
                ground_truth=Boxes(self.scale * true.bboxes, [0] * len(true), captions=[''] * len(true)),
                prediction=Boxes(self.scale * found.bboxes, [1] * len(found), scores=found.scores.tolist()))
            runner.visualizer.add_image('coins', large.cpu().numpy(), step=runner.iter, boxes=boxes,
                                        class_names={0: 'true', 1: 'found'})
