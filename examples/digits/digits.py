"""Handwritten digits: the 1,797 pictures of 8 by 8 pixels that scikit-learn carries."""
from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, TRANSFORMS

#: pictures that are kept for the choice of the best checkpoint, and for the test
VAL, TEST = 180, 360


class PictureDataset(BaseDataset):
    """Grey pictures with one label each, held in memory; a subclass reads them.

    Args:
        split: 'train', 'val' or 'test'.
        pipeline: Transforms of a picture, in order.
    """

    def __init__(self, split: str, pipeline: list[Any]) -> None:
        if split not in ('train', 'val', 'test'):
            raise ValueError(f"split must be 'train', 'val' or 'test', but is {split!r}")
        self.split = split
        super().__init__(pipeline=pipeline, test_mode=split != 'train')

    @abstractmethod
    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the pictures of the split, with values from 0 to 1, and their labels."""

    def load_data_list(self) -> list[dict[str, Any]]:
        """Make one record of each picture."""
        pictures, labels = self.read()
        return [dict(picture=p, label=int(n)) for p, n in zip(pictures.astype(np.float32), labels, strict=True)]


@DATASETS.register_module(name='digits')
class Digits(PictureDataset):
    """The digits of scikit-learn, shuffled once and always alike: 1,257 to train, 180 to validate, 360 to test."""

    METAINFO = dict(classes=tuple('0123456789'))

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the pictures of the split and their labels."""
        data = load_digits()
        order = np.random.RandomState(0).permutation(len(data.target))
        parts = dict(test=order[:TEST], val=order[TEST:TEST + VAL], train=order[TEST + VAL:])
        chosen = parts[self.split]
        return data.images[chosen] / 16, data.target[chosen]


@TRANSFORMS.register_module()
class RandomShift:
    """Move a picture by a few pixels, other ones each time; what leaves on one side is lost.

    Args:
        pixels: How far it may move in each direction.
    """

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Shift the picture of one record."""
        picture = record['picture']
        down, right = np.random.randint(0, 2 * self.pixels + 1, size=2)
        height, width = picture.shape
        record['picture'] = np.pad(picture, self.pixels)[down:down + height, right:right + width]
        return record


@TRANSFORMS.register_module()
class ReadPicture:
    """Read a picture file in grey, light on dark as the digits are."""

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Read the file of one record."""
        with Image.open(record['img_path']) as file:
            record['picture'] = np.asarray(file.convert('L'), np.float32) / 255
        return record


@TRANSFORMS.register_module()
class PicturesToTensors:
    """Give the model what it takes: the picture with a channel in front, and its label if that is known."""

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Convert one record."""
        picture = torch.from_numpy(np.ascontiguousarray(record['picture']))
        labels = dict(labels=torch.tensor(record['label'])) if 'label' in record else {}
        return dict(inputs=picture[None], **labels)
