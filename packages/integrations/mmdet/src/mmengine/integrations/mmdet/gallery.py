"""The samples of a validation that are shown: chosen once, read from their files, kept as rows of two tables."""
from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image as PILImage
from PIL import ImageOps

from mmengine.fileio import get
from mmengine.integrations.mmdet.instances import Instances, annotated, instances_of
from mmengine.visualization import Picture, PictureRef
from mmengine.visualization.values import Image

#: So that every run shows the same samples.
SEED = 42
TRUTHS, PREDICTIONS = 'val_data', 'eval_data'


class NoFileError(ValueError):
    """A sample does not say which file its image was read from."""


class Gallery:
    """Chooses samples of a validation, and makes rows of them.

    Args:
        dataset: The data set, for annotations that the pipeline leaves out.
        length: How many samples this process evaluates.
        count: How many of them to show.
        threshold: Predictions with this score or a lower one are not shown.
        backend_args: Arguments of the storage that images are read from.
    """

    def __init__(self, dataset: Any, length: int, count: int, threshold: float,
                 backend_args: dict[str, Any] | None = None) -> None:
        chosen = np.random.RandomState(SEED).permutation(length)[:count]  # the global state stays as it is
        self._dataset = dataset
        self._chosen = frozenset(chosen.tolist())
        self._threshold = threshold
        self._backend_args = backend_args
        self._classes: Sequence[str] = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
        self._rows: dict[str, int] = {}  # of the table of truths, by the file of the image
        self.begin()

    def begin(self) -> None:
        """Begin another evaluation."""
        self._position = 0
        self._shown: set[str] = set()  # of one that a sampler repeats there is one row
        self.truths: list[list[Any]] = []
        self.predictions: list[list[Any]] = []

    def see(self, sample: Any) -> None:
        """Take the next sample; if it is one to show it becomes a row, and the first time one of the truths too.

        Raises:
            NoFileError: The sample has no image in a file.
        """
        position, self._position = self._position, self._position + 1
        if position not in self._chosen:
            return
        path = _path_of(sample)
        if path in self._shown:
            return
        self._shown.add(path)
        image, name = self._read(path), os.path.basename(path)
        if path not in self._rows:
            truth = instances_of(sample, 'gt_instances') or self._annotation(position, path, image)
            self._rows[path] = len(self._rows)
            self.truths.append([name, self._picture(image, 'ground_truth', truth)])
        ref = PictureRef(TRUTHS, self._rows[path], 'image')
        found = instances_of(sample, 'pred_instances')
        shown = None if found is None else found.above(self._threshold)
        self.predictions.append([name, ref, self._picture(image, 'predictions', shown, ref)])

    def _read(self, path: str) -> Image:
        with PILImage.open(io.BytesIO(get(path, self._backend_args))) as file:
            return np.asarray(ImageOps.exif_transpose(file).convert('RGB'))

    def _annotation(self, position: int, path: str, image: Image) -> Instances | None:
        """Ask the data set, for a pipeline that loads no annotations; only what is surely of this image is taken."""
        ask = getattr(self._dataset, 'get_data_info', None)
        if ask is None or position >= len(self._dataset):
            return None
        info = ask(position)
        if info.get('img_path') != path or 'instances' not in info:
            return None
        return annotated(info['instances'], image.shape[:2])

    def _picture(self, image: Image, group: str, found: Instances | None, same_as: PictureRef | None = None) -> Picture:
        names = {index: str(name) for index, name in enumerate(self._classes, 1)}
        if found is None:
            return Picture(image, class_names=names, same_as=same_as)
        return Picture(image, {group: found.as_boxes(self._classes)},
                       found.as_masks(group, self._classes, image.shape[:2]), names, same_as=same_as)


def _path_of(sample: Any) -> str:
    path = sample.get('img_path') if isinstance(sample, dict) else getattr(sample, 'img_path', None)
    if not isinstance(path, str):
        raise NoFileError('the samples of the validation do not say which file their image is from: `img_path` should '
                          f'be among the `meta_keys` of PackDetInputs, but is {path!r}')
    return path
