"""The data: the photograph of 24 coins that scikit-image carries, where the coins are in it, and the transforms."""
from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.ndimage import binary_fill_holes
from skimage.data import coins
from skimage.filters import threshold_local
from skimage.measure import label, regionprops
from skimage.morphology import disk, opening
from skimage.transform import resize

from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, TRANSFORMS
from mmengine.structures import BaseDataElement, InstanceData

#: the row of pixels between the second and the third row of coins: what is above is to train, the rest for the test
EDGE = 150
#: pixels that a coin has at least; smaller bright spots are dust
SMALLEST = 300


@lru_cache(maxsize=1)
def find_coins() -> np.ndarray:
    """Give the corners `x1, y1, x2, y2` of all coins: each is a region brighter than what is around it."""
    photo = coins()
    bright = binary_fill_holes(photo > threshold_local(photo, 101, offset=-5))
    boxes = [region.bbox for region in regionprops(label(opening(bright, disk(5)))) if region.area >= SMALLEST]
    return np.array(boxes, np.float32)[:, [1, 0, 3, 2]]


@DATASETS.register_module()
class Coins(BaseDataset):
    """One half of the photograph: the upper two rows of coins to train, the lower two rows to test; 12 coins each.

    Args:
        split: 'train' or 'test'.
        pipeline: Transforms of the half, in order.
    """

    METAINFO = dict(classes=('coin',))

    def __init__(self, split: str, pipeline: list[Any]) -> None:
        self.split = split
        super().__init__(pipeline=pipeline, test_mode=split == 'test')

    def load_data_list(self) -> list[dict[str, Any]]:
        """Make one record: the picture of the half and the boxes in it."""
        top, bottom = (0, EDGE) if self.split == 'train' else (EDGE, len(coins()))
        boxes = find_coins()
        inside = boxes[(boxes[:, 1] >= top) & (boxes[:, 3] <= bottom)]
        return [dict(picture=coins()[top:bottom], boxes=inside - np.array([0, top, 0, top], np.float32))]


@TRANSFORMS.register_module()
class RandomPiece:
    """Cut a square piece anywhere, of a random size, and bring it to one size; coins whose centre is outside are lost.

    Args:
        size: Side of the piece in the end, in pixels.
        zoom: How much larger the coins become, at least and at most.
    """

    def __init__(self, size: int, zoom: tuple[float, float]) -> None:
        self.size, self.zoom = size, zoom

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Cut a piece out of one record."""
        picture, boxes = record['picture'], record['boxes']
        side = min(round(self.size / np.random.uniform(*self.zoom)), *picture.shape)
        y, x = (np.random.randint(0, length - side + 1) for length in picture.shape)
        piece = picture[y:y + side, x:x + side]
        boxes = boxes - np.array([x, y, x, y], np.float32)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        boxes = boxes[((centres > 0) & (centres < side)).all(axis=1)].clip(0, side)
        record['picture'] = resize(piece, (self.size, self.size), order=1, preserve_range=True)
        record['boxes'] = boxes * (self.size / side)
        return record


@TRANSFORMS.register_module()
class RandomMirror:
    """Mirror a picture from left to right and from top to bottom, each half of the times."""

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Mirror one record."""
        for axis, first in ((0, 1), (1, 0)):  # the axis of the picture, and where its lower end is in a box
            if np.random.rand() < 0.5:
                ends = [first, first + 2]
                record['boxes'][:, ends] = record['picture'].shape[axis] - record['boxes'][:, ends[::-1]]
                record['picture'] = np.flip(record['picture'], axis)
        return record


@TRANSFORMS.register_module()
class RandomLight:
    """Change contrast and brightness.

    Args:
        strength: How much, as a share of what they are.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Change the picture of one record."""
        contrast, brightness = 1 + self.strength * np.random.uniform(-1, 1, size=2)
        mean = record['picture'].mean()
        record['picture'] = ((record['picture'] - mean) * contrast + mean * brightness).clip(0, 255)
        return record


@TRANSFORMS.register_module()
class PackCoins:
    """Give the model what it takes: the picture as bytes with a channel in front, and a sample with its coins."""

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Convert one record."""
        boxes = torch.tensor(record['boxes'], dtype=torch.float32)
        truth = InstanceData(bboxes=boxes, labels=torch.zeros(len(boxes), dtype=torch.long))
        picture = np.ascontiguousarray(record['picture']).astype(np.uint8)
        return dict(inputs=torch.from_numpy(picture)[None], data_samples=BaseDataElement(gt_instances=truth))
