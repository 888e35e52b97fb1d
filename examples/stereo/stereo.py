"""The data, the network, the measure and the picture of the disparity example."""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from skimage.data import stereo_motorcycle
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize, pad, smooth_l1_loss

from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData

#: pixels of the photographs that become one, on each side; what is right of this share of the width is for the test
REDUCTION, TRAIN_SHARE = 4, 0.6


@lru_cache(maxsize=1)
def read_pair() -> tuple[Tensor, Tensor, Tensor]:
    """Give both views with values from -1 to 1, and the disparity of the left one, 0 where it is not known."""
    left, right, disparity = stereo_motorcycle()
    views = [avg_pool2d(torch.tensor(view / 127.5 - 1, dtype=torch.float32).permute(2, 0, 1), REDUCTION)
             for view in (left, right)]
    known = np.where(np.isfinite(disparity), disparity, 0)[::REDUCTION, ::REDUCTION] / REDUCTION
    height, width = views[0].shape[1:]
    return views[0], views[1], torch.tensor(known[None, :height, :width], dtype=torch.float32)


@DATASETS.register_module()
class Motorcycle(BaseDataset):
    """The stereo pair that scikit-image carries: pieces of its left 60 % to train; the rest of it to test.

    Args:
        split: 'train' or 'test'.
        pieces: How many pieces there are in an epoch.
        size: Height and width of a piece.
    """

    def __init__(self, split: str, pieces: int = 1, size: tuple[int, int] = (64, 96)) -> None:
        self.split, self.pieces, self.size = split, pieces, size
        super().__init__(test_mode=split == 'test')

    def load_data_list(self) -> list[dict[str, Any]]:
        """Each piece is cut when it is asked for."""
        return [{} for _ in range(self.pieces)]

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """Cut a piece out of both views; in training the right one is a little darker or brighter."""
        left, right, disparity = read_pair()
        edge = int(TRAIN_SHARE * left.shape[2])
        if self.split == 'test':  # the whole view is looked at, and what is left of the edge does not count
            beyond = torch.arange(left.shape[2]) >= edge
            sample = BaseDataElement(gt_disparity=PixelData(data=disparity * beyond))
            return dict(inputs=torch.stack([left, right]), data_samples=sample)
        height, width = self.size
        top, x = np.random.randint(0, left.shape[1] - height + 1), np.random.randint(0, edge - width + 1)
        piece = (slice(None), slice(top, top + height), slice(x, x + width))
        sample = BaseDataElement(gt_disparity=PixelData(data=disparity[piece]))
        return dict(inputs=torch.stack([left[piece], np.random.uniform(0.8, 1.2) * right[piece]]), data_samples=sample)


@MODELS.register_module()
class StereoNet(BaseModel):
    """Compares features of the left view with those of the right one at each shift, and averages over the shifts.

    Args:
        shifts: How many shifts are compared, from 0 on.
        width: Channels of the features.
    """

    def __init__(self, shifts: int, width: int = 16) -> None:
        super().__init__()
        self.shifts = shifts
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1))
        self.sharpness = nn.Parameter(torch.tensor(2.0))

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        """Give disparities ('tensor'), the loss ('loss'), or the samples with `pred_disparity` ('predict')."""
        views = torch.stack(list(inputs))
        left, right = (normalize(self.features(views[:, side])) for side in (0, 1))
        likeness = torch.stack([(left * pad(right, (shift, 0))[..., :right.shape[-1]]).sum(1)
                                for shift in range(self.shifts)], dim=1)
        around = avg_pool2d(likeness, 5, stride=1, padding=2)  # what is near is about as far away
        weights = (self.sharpness.exp() * around).softmax(1)
        found = (weights * torch.arange(self.shifts, device=weights.device)[:, None, None]).sum(1)
        if mode == 'tensor':
            return found
        if mode == 'loss':
            truth = torch.stack([sample.gt_disparity.data[0] for sample in data_samples])
            return dict(loss=smooth_l1_loss(found[truth > 0], truth[truth > 0]))
        for sample, disparity in zip(data_samples, found, strict=True):
            sample.pred_disparity = PixelData(data=disparity[None])
        return data_samples


@METRICS.register_module()
class DisparityError(BaseMetric):
    """Mean error in pixels, and the share of pixels in per cent that are more than one pixel off."""

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the error of each pixel whose disparity is known."""
        for sample in data_samples:
            truth, found = sample['gt_disparity']['data'], sample['pred_disparity']['data']
            self.results.append((found - truth)[truth > 0].abs().cpu())

    def compute_metrics(self, results: list[Tensor]) -> dict[str, float]:
        """Average over all."""
        errors = torch.cat(results)
        return dict(error=float(errors.mean()), bad=100 * float((errors > 1).float().mean()))


@HOOKS.register_module()
class DrawDisparity(Hook):
    """Records the left view with the true disparity of the test and the found one below it: the image `disparity`."""

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Draw each sample."""
        for pair, sample in zip(data_batch['inputs'], outputs, strict=True):
            maps = [sample.gt_disparity.data[0], sample.pred_disparity.data[0]]
            coloured = [255 * colormaps['magma'](field.cpu().numpy() / float(maps[0].max()))[..., :3] for field in maps]
            view = 127.5 * (pair[0].permute(1, 2, 0).cpu().numpy() + 1)
            picture = np.concatenate([view, *coloured]).clip(0, 255).astype(np.uint8)
            runner.visualizer.add_image('disparity', picture.repeat(3, axis=0).repeat(3, axis=1), step=runner.iter)
