"""Fashion-MNIST: 70,000 pictures of clothing of 28 by 28 pixels, as Debian's package dataset-fashion-mnist has them."""
from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from digits import PictureDataset

from mmengine.registry import DATASETS

FOLDER = Path('/usr/share/datasets/fashion-mnist')
#: pictures at the end of the training files that are kept for the choice of the best checkpoint
VAL = 5000


def read_idx(file: Path) -> np.ndarray:
    """Read an array of bytes in the IDX format: 0, 0, type, number of dimensions, their sizes, the values."""
    data = gzip.decompress(file.read_bytes())
    if data[:3] != b'\x00\x00\x08':
        raise ValueError(f'{file} is no IDX file of bytes: it begins with {data[:3]!r}')
    sizes = np.frombuffer(data, '>i4', count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes)


@DATASETS.register_module(name='fashion')
class Fashion(PictureDataset):
    """Fashion-MNIST: 55,000 pictures to train, 5,000 to validate, 10,000 to test.

    Args:
        split: 'train', 'val' or 'test'.
        pipeline: Transforms of a picture, in order.
        folder: Where the four files are.
    """

    METAINFO = dict(classes=('T-shirt', 'Trouser', 'Pullover', 'Dress', 'Coat',
                             'Sandal', 'Shirt', 'Sneaker', 'Bag', 'Boot'))

    def __init__(self, split: str, pipeline: list[object], folder: str | Path = FOLDER) -> None:
        self.folder = Path(folder)
        super().__init__(split, pipeline)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the pictures of the split and their labels."""
        stem = 't10k' if self.split == 'test' else 'train'
        files = [self.folder / f'{stem}-{kind}-ubyte.gz' for kind in ('images-idx3', 'labels-idx1')]
        for file in files:
            if not file.exists():
                raise FileNotFoundError(f'Fashion-MNIST is not there: no file {file}. '
                                        f'On Debian and Ubuntu: sudo apt-get install dataset-fashion-mnist')
        pictures, labels = map(read_idx, files)
        chosen = dict(train=slice(-VAL), val=slice(-VAL, None), test=slice(None))[self.split]
        return pictures[chosen] / 255, labels[chosen]
