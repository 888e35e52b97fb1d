"""Boxes and masks of a sample, whatever holds them: MMDetection's structures, plain dictionaries, annotations."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageDraw

from mmengine.visualization import Boxes
from mmengine.visualization.values import to_array


@dataclass(frozen=True)
class Instances:
    """Objects in one picture.

    Attributes:
        boxes: N x 4, corners in pixels.
        labels: Index of the class of each.
        scores: Of predictions.
        masks: N x height x width of booleans, where there are any.
    """

    boxes: NDArray[Any]
    labels: NDArray[Any]
    scores: NDArray[Any] | None = None
    masks: NDArray[Any] | None = None

    def above(self, threshold: float) -> Instances:
        """Give those with a higher score."""
        if self.scores is None:
            return self
        keep = self.scores > threshold
        return Instances(self.boxes[keep], self.labels[keep], self.scores[keep],
                         None if self.masks is None else self.masks[keep])

    def as_boxes(self, classes: Sequence[str]) -> Boxes:
        """Give the boxes as trackers take them: class ids from 1 on, and captions of predictions with their score."""
        captions = None
        if self.scores is not None:
            captions = [f'{name_of(classes, label)} {score:.2f}'
                        for label, score in zip(self.labels, self.scores, strict=True)]
        scores = None if self.scores is None else self.scores.tolist()
        return Boxes(self.boxes, (self.labels + 1).tolist(), scores, captions)

    def as_masks(self, group: str, classes: Sequence[str], size: tuple[int, int]) -> dict[str, NDArray[Any]]:
        """Give a mask for each class, so that objects of two classes may overlap; background is 0.

        Args:
            group: What the masks are, such as 'prediction'.
            classes: Names of the classes.
            size: Height and width of the picture.
        """
        if self.masks is None:
            return {}
        found = {}
        for label in np.unique(self.labels):
            mask = _resized(self.masks[self.labels == label].any(axis=0), size)
            name = re.sub(r'\W+', '_', name_of(classes, label))
            found[f'{group}_{name}'] = mask.astype(np.uint8 if label < 255 else np.int64) * (label + 1)
        return found


def name_of(classes: Sequence[str], label: int) -> str:
    """Name a class; one that the data set does not know has its number."""
    return str(classes[label]) if 0 <= label < len(classes) else str(label)


def instances_of(sample: Any, kind: str) -> Instances | None:
    """Read the objects of a sample, None if it has none of that kind.

    Args:
        sample: A `DetDataSample` or anything with its attributes, or a dictionary with such keys.
        kind: 'gt_instances' or 'pred_instances'.

    Raises:
        ValueError: The boxes have no four corners.
    """
    found = _get(sample, kind)
    if found is None or _get(found, 'labels') is None or _get(found, 'bboxes') is None:
        return None
    scores, labels = _get(found, 'scores'), to_array(_get(found, 'labels')).astype(np.int64).reshape(-1)
    return Instances(_corners(_get(found, 'bboxes')), labels,
                     None if scores is None else to_array(scores).astype(float).reshape(-1),
                     _stacked(_get(found, 'masks')))


def annotated(instances: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> Instances:
    """Read the objects of an annotation as data sets of MMDetection keep it, without those to be ignored.

    Args:
        instances: Dictionaries with `bbox`, `bbox_label`, and `mask` as polygons.
        size: Height and width of the picture.
    """
    kept = [instance for instance in instances if not instance.get('ignore_flag')]
    masks = [_filled(instance.get('mask'), size) for instance in kept]
    whole = [mask for mask in masks if mask is not None]
    return Instances(np.array([instance['bbox'] for instance in kept], float).reshape(-1, 4),
                     np.array([instance['bbox_label'] for instance in kept], np.int64), None,
                     np.stack(whole) if whole and len(whole) == len(kept) else None)


def _get(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)


def _corners(boxes: Any) -> NDArray[Any]:
    if getattr(boxes, 'box_dim', 4) != 4 and hasattr(boxes, 'convert_to'):  # rotated: the box around it
        boxes = boxes.convert_to('hbox')
    array = to_array(getattr(boxes, 'tensor', boxes)).astype(float)
    if array.size and array.shape[-1] != 4:
        raise ValueError(f'Boxes should be N x 4, corners x1, y1, x2, y2, but got the shape {array.shape}')
    return array.reshape(-1, 4)


def _stacked(masks: Any) -> NDArray[Any] | None:
    """Make one array of masks: a tensor, bitmaps or polygons of MMDetection, or a list; None of encoded ones."""
    if masks is None or len(masks) == 0:
        return None
    array = masks.to_ndarray() if hasattr(masks, 'to_ndarray') else masks
    if isinstance(array, (list, tuple)):
        if isinstance(array[0], Mapping):  # run-length encoded
            return None
        array = np.stack([to_array(mask) for mask in array])
    return to_array(array).astype(bool)


def _filled(polygons: Any, size: tuple[int, int]) -> NDArray[Any] | None:
    if not isinstance(polygons, (list, tuple)):
        return None
    canvas = PILImage.new('1', size[::-1])
    for polygon in polygons:
        if len(polygon) >= 6:
            ImageDraw.Draw(canvas).polygon([float(number) for number in polygon], fill=1)
    return np.asarray(canvas)


def _resized(mask: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    if mask.shape == size:
        return mask
    return np.asarray(PILImage.fromarray(mask).resize(size[::-1], PILImage.Resampling.NEAREST))
