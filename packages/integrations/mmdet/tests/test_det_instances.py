"""Boxes and masks of structures built by hand, in the forms that MMDetection 3 has them."""
from types import SimpleNamespace

import numpy as np
import pytest

from mmengine.integrations.mmdet.instances import annotated, instances_of

SIZE = (20, 30)


class BitmapMasks:
    """As MMDetection keeps the masks of annotations."""

    def __init__(self, masks):
        self.masks = masks

    def __len__(self):
        return len(self.masks)

    def to_ndarray(self):
        return self.masks


class HorizontalBoxes:
    """As MMDetection keeps the boxes of annotations."""

    box_dim = 4

    def __init__(self, tensor):
        self.tensor = tensor


class RotatedBoxes:
    box_dim = 5

    def convert_to(self, kind):
        assert kind == 'hbox'
        return HorizontalBoxes(np.array([[1., 2., 3., 4.]]))


class Tensor:
    """What a tensor on another device can do."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array

    def __len__(self):
        return len(self.array)


def two_masks():
    masks = np.zeros((2, *SIZE), np.uint8)
    masks[0, 5:10, 5:10] = 1
    masks[1, 8:12, 8:12] = 1
    return masks


def a_sample(**changes):
    found = dict(bboxes=Tensor(np.array([[5., 5., 10., 10.], [8., 8., 12., 12.]], np.float32)),
                 labels=Tensor(np.array([0, 2])), scores=Tensor(np.array([0.9, 0.3], np.float32)),
                 masks=Tensor(two_masks().astype(bool)))
    return SimpleNamespace(pred_instances=SimpleNamespace(**{**found, **changes}))


def test_predictions_at_the_threshold_are_not_shown():
    found = instances_of(a_sample(scores=Tensor(np.array([0.9, 0.3]))), 'pred_instances').above(0.3)
    boxes = found.as_boxes(['cat', 'dog', 'cow'])
    assert np.asarray(boxes.xyxy).tolist() == [[5., 5., 10., 10.]]
    assert (boxes.labels, boxes.captions, boxes.scores) == ([1], ['cat 0.90'], [0.9])
    assert list(found.as_masks('predictions', ['cat', 'dog', 'cow'], SIZE)) == ['predictions_cat']


def test_masks_of_two_classes_may_overlap():
    masks = instances_of(a_sample(), 'pred_instances').as_masks('pred', ['cat', 'dog', 'big cow'], SIZE)
    assert list(masks) == ['pred_cat', 'pred_big_cow']
    for name, number, mask in (('pred_cat', 1, 0), ('pred_big_cow', 3, 1)):
        assert (masks[name] == number * two_masks()[mask]).all()


def test_masks_of_one_class_are_one():
    found = instances_of(a_sample(labels=np.array([1, 1])), 'pred_instances')
    mask, = found.as_masks('pred', [], SIZE).values()
    assert (mask == 2 * two_masks().max(axis=0)).all()


def test_more_classes_than_a_byte_has():
    mask, = instances_of(a_sample(labels=np.array([255, 255])), 'pred_instances').as_masks('x', [], SIZE).values()
    assert mask.max() == 256


@pytest.mark.parametrize('masks', [BitmapMasks(two_masks()), list(two_masks()), two_masks()])
def test_masks_of_every_make(masks):
    found = instances_of(a_sample(masks=masks), 'pred_instances')
    assert found.masks.dtype == bool
    assert (found.masks == two_masks()).all()


def test_encoded_masks_and_no_masks_are_left_out():
    for masks in ([dict(size=SIZE, counts=b'x')] * 2, None, BitmapMasks(two_masks()[:0])):
        found = instances_of(a_sample(masks=masks), 'pred_instances')
        assert found.masks is None
        assert found.as_masks('pred', [], SIZE) == {}


def test_masks_of_another_size_are_resized():
    small = two_masks()[:, ::2, ::2]
    masks = instances_of(a_sample(masks=small), 'pred_instances').as_masks('pred', ['cat'], SIZE)
    assert {mask.shape for mask in masks.values()} == {SIZE}
    assert (masks['pred_cat'][5:10, 6:10] > 0).any()


def test_boxes_of_every_make():
    plain = np.array([[1, 2, 3, 4]])
    for boxes in (HorizontalBoxes(Tensor(plain)), RotatedBoxes(), plain, [[1, 2, 3, 4]]):
        found = instances_of(dict(gt_instances=dict(bboxes=boxes, labels=[3])), 'gt_instances')
        assert found.boxes.tolist() == [[1, 2, 3, 4]]
        assert found.scores is None
        assert found.above(0.5) is found
        assert found.as_boxes([]).captions is None
    with pytest.raises(ValueError, match=r'N x 4.*\(1, 5\)'):
        instances_of(dict(gt_instances=dict(bboxes=np.ones((1, 5)), labels=[0])), 'gt_instances')


def test_nothing_found():
    found = instances_of(dict(gt_instances=dict(bboxes=np.zeros((0, 4)), labels=np.zeros(0))), 'gt_instances')
    assert found.boxes.shape == (0, 4)
    for sample in (SimpleNamespace(), {}, dict(gt_instances={}), dict(gt_instances=dict(bboxes=[]))):
        assert instances_of(sample, 'gt_instances') is None


def test_annotations_of_a_data_set():
    square = [5, 5, 9, 5, 9, 9, 5, 9]
    found = annotated([dict(bbox=[5, 5, 10, 10], bbox_label=1, mask=[square], ignore_flag=0),
                       dict(bbox=[0, 0, 1, 1], bbox_label=0, mask=[], ignore_flag=1)], SIZE)
    assert found.boxes.tolist() == [[5, 5, 10, 10]]
    assert found.labels.tolist() == [1]
    assert (found.masks[0] == two_masks()[0]).all()
    assert annotated([], SIZE).masks is None
    assert annotated([dict(bbox=[5, 5, 10, 10], bbox_label=1)], SIZE).masks is None
