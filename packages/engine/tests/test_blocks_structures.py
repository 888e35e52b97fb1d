"""Data elements: fields, indexing, concatenation, conversion."""
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from mmengine.structures import BaseDataElement, InstanceData, LabelData, PixelData


class DetSample(BaseDataElement):
    @property
    def gt(self) -> InstanceData:
        return self._gt

    @gt.setter
    def gt(self, value: InstanceData) -> None:
        self.set_field(value, '_gt', dtype=InstanceData)

    @gt.deleter
    def gt(self) -> None:
        del self._gt


class Polygons:
    """A type of one's own, with `cat`."""

    def __init__(self, polygons):
        self.polygons = polygons

    def __len__(self):
        return len(self.polygons)

    def __getitem__(self, item):
        return Polygons(self.polygons[item])

    @staticmethod
    def cat(items):
        return Polygons([polygon for item in items for polygon in item.polygons])


class Uncat(Polygons):
    cat = property()  # hides the inherited one: hasattr is False


def test_metainfo_is_protected_and_copied():
    meta = {'img_shape': [4, 6]}
    element = BaseDataElement(metainfo=meta, bboxes=torch.zeros(2, 4))
    meta['img_shape'].append(3)
    assert element.img_shape == [4, 6]
    with pytest.raises(AttributeError, match='set_metainfo'):
        element.img_shape = (1, 1)
    with pytest.raises(AttributeError):
        element.set_data({'img_shape': (1, 1)})
    with pytest.raises(AttributeError):
        element.set_metainfo({'bboxes': 1})
    element.set_metainfo({'img_shape': (1, 2)})
    assert element.metainfo == {'img_shape': (1, 2)}
    for setter in (element.set_metainfo, element.set_data):
        with pytest.raises(AssertionError):
            setter([1])


def test_private_sets_can_neither_be_set_nor_deleted():
    element = BaseDataElement()
    for name in ('_metainfo_fields', '_data_fields'):
        with pytest.raises(AttributeError):
            setattr(element, name, set())
        with pytest.raises(AttributeError):
            delattr(element, name)


def test_keys_keep_the_order_of_setting():
    element = BaseDataElement(metainfo={'z': 1, 'a': 2}, y=1, b=2)
    element.c = 3
    assert element.keys() == ['y', 'b', 'c']
    assert element.all_keys() == ['z', 'a', 'y', 'b', 'c']
    assert dict(element.all_items()) == {'z': 1, 'a': 2, 'y': 1, 'b': 2, 'c': 3}
    assert len(element.all_items()) == len(element.all_values()) == 5
    assert element._data_fields == {'y', 'b', 'c'}


def test_property_fields_show_without_underscore():
    sample = DetSample(metainfo={'id': 1})
    sample.gt = InstanceData(scores=torch.rand(3))
    assert sample.keys() == ['gt']
    assert 'gt' in sample
    assert set(sample.to_dict()) == {'id', 'gt'}
    with pytest.raises(AssertionError, match='gt'):
        sample.gt = torch.rand(3)
    assert isinstance(sample.pop('gt'), InstanceData)
    assert sample.keys() == []
    assert 'gt' not in sample


def test_pop_get_and_delete():
    element = BaseDataElement(metainfo={'m': 0}, x=1)
    assert element.get('nothing', 5) == 5
    assert element.pop('x') == 1
    assert element.pop('x', None) is None
    with pytest.raises(KeyError):
        element.pop('x')
    assert element.pop('m') == 0
    assert element.all_keys() == []
    element.x = 2
    del element.x
    assert 'x' not in element
    with pytest.raises(AttributeError):
        del element.x


def test_new_clone_update():
    element = BaseDataElement(metainfo={'m': 0}, x=torch.zeros(2))
    made = element.new(metainfo={'m': 1}, y=3)
    assert made.metainfo == {'m': 1}
    assert made.keys() == ['y']
    clone = element.clone()
    assert clone.x is element.x
    clone.z = 1
    assert 'z' not in element
    element.update(made)
    assert element.m == 1
    assert element.y == 3


def test_conversions_are_recursive_and_new():
    element = BaseDataElement(x=torch.zeros(2, requires_grad=True), nested=BaseDataElement(y=torch.ones(1)), s='text')
    arrays = element.numpy()
    assert isinstance(arrays.x, np.ndarray)
    assert isinstance(arrays.nested.y, np.ndarray)
    assert arrays.s == 'text'
    assert isinstance(arrays.to_tensor().nested.y, torch.Tensor)
    assert not element.detach().x.requires_grad
    assert element.to(torch.float16).nested.y.dtype == torch.float16
    assert element.cpu().x.device.type == 'cpu'
    assert element.nested.y.dtype == torch.float32
    assert element.to_dict()['nested'] == {'y': torch.ones(1)}


def test_repr():
    element = BaseDataElement(metainfo={'img_shape': (1, 2)}, x=BaseDataElement(metainfo={'a': 1}, b=2))
    nested = (f'<BaseDataElement(\n    \n        META INFORMATION\n        a: 1\n    \n        DATA FIELDS\n'
              f'        b: 2\n    ) at {hex(id(element.x))}>')
    expected = (f'<BaseDataElement(\n\n    META INFORMATION\n    img_shape: (1, 2)\n\n    DATA FIELDS\n'
                f'    x: {nested.replace(chr(10), chr(10) + "    ")}\n) at {hex(id(element))}>')
    assert repr(element) == expected


def test_elements_pickle():
    element = pickle.loads(pickle.dumps(InstanceData(metainfo={'a': 1}, x=torch.arange(3))))
    assert element.a == 1
    assert len(element) == 3


@pytest.fixture
def instances():
    return InstanceData(metainfo={'img': 1}, boxes=torch.arange(16).view(4, 4), labels=np.arange(4),
                        names=['a', 'b', 'c', 'd'], tuples=(1, 2, 3, 4), text='wxyz', polygons=Polygons([0, 1, 2, 3]))


def test_lengths_must_agree(instances):
    with pytest.raises(AssertionError, match=r'scores.* 5 .* 4'):
        instances.scores = torch.rand(5)
    with pytest.raises(AssertionError, match='__len__'):
        instances.scores = 3


@pytest.mark.parametrize('item', [
    [0, 2], np.array([0, 2]), np.array([0, 2], dtype=np.int32), torch.tensor([0, 2]), [True, False, True, False],
    torch.tensor([True, False, True, False]), np.array([True, False, True, False]), slice(0, None, 2),
])
def test_indexing(instances, item):
    part = instances[item]
    assert len(part) == 2
    assert part.img == 1
    assert part.boxes.tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert part.labels.tolist() == [0, 2]
    assert part.names == ['a', 'c']
    assert part.tuples == (1, 3)
    assert part.text == 'wy'
    assert part.polygons.polygons == [0, 2]


def test_indexing_by_int_keeps_the_dimension(instances):
    assert instances[-1].boxes.shape == (1, 4)
    assert instances[1].names == ['b']
    assert instances['names'] == ['a', 'b', 'c', 'd']
    for position in (4, -5):
        with pytest.raises(IndexError):
            instances[position]
    with pytest.raises(IndexError):
        InstanceData()[0]


@pytest.mark.parametrize('item', [[], torch.zeros(0, dtype=torch.int64), torch.zeros(4, dtype=torch.bool)])
def test_indexing_by_nothing(instances, item):
    part = instances[item]
    assert len(part) == 0
    assert part.boxes.shape == (0, 4)
    assert part.names == []
    assert part.text == ''
    assert len(part.polygons) == 0


@pytest.mark.parametrize('item', [torch.rand(4), np.random.rand(4), torch.ones(3, dtype=torch.bool),
                                  torch.zeros(2, 2, dtype=torch.int64), 1.5])
def test_bad_index(instances, item):
    with pytest.raises(AssertionError):
        instances[item]


def test_type_without_cat():
    instances = InstanceData(polygons=Uncat([1, 2]))
    with pytest.raises(ValueError, match=r'The type of `polygons` is `<class .*Uncat.*>`, which has no attribute of '
                                         r'`cat`, so it does not support slice with `bool`'):
        instances[[True, False]]
    with pytest.raises(ValueError, match='which has no attribute of `cat`'):
        InstanceData.cat([instances, instances])


def test_cat(instances):
    both = InstanceData.cat([instances, instances[:0], instances[1], InstanceData()])
    assert len(both) == 5
    assert both.img == 1
    assert both.boxes.shape == (5, 4)
    assert both.labels.tolist() == [0, 1, 2, 3, 1]
    assert both.names == ['a', 'b', 'c', 'd', 'b']
    assert both.tuples == (1, 2, 3, 4, 2)
    assert both.text == 'wxyzx'
    assert both.polygons.polygons == [0, 1, 2, 3, 1]
    assert InstanceData.cat([instances]) is instances
    for bad in ([], [instances, BaseDataElement()], [instances, InstanceData(other=[1])]):
        with pytest.raises(AssertionError):
            InstanceData.cat(bad)


def test_pixel_data():
    pixels = PixelData(metainfo={'a': 1}, seg=torch.zeros(4, 6), heat=np.zeros((3, 4, 6)))
    assert pixels.seg.shape == (1, 4, 6)
    assert pixels.shape == (4, 6)
    assert PixelData().shape is None
    part = pixels[1:3, 2]
    assert part.shape == (2, 1)
    assert part.heat.shape == (3, 2, 1)
    assert pixels[-1, -1].shape == (1, 1)
    for bad in (torch.zeros(2, 4, 6, 1), [1], torch.zeros(5, 6)):
        with pytest.raises(AssertionError):
            pixels.other = bad
    with pytest.raises(TypeError, match='Unsupported type'):
        pixels[0]
    with pytest.raises(TypeError, match='must be int or slice'):
        pixels[0, [1]]


def test_label_data():
    onehot = LabelData.label_to_onehot(torch.tensor([0, 2]), 4)
    assert onehot.tolist() == [1, 0, 1, 0]
    assert onehot.dtype == torch.int64
    assert LabelData.onehot_to_label(onehot).tolist() == [0, 2]
    assert LabelData.label_to_onehot(torch.zeros(0, dtype=torch.int64), 2).tolist() == [0, 0]
    with pytest.raises(AssertionError, match='4'):
        LabelData.label_to_onehot(torch.tensor([4]), 4)
    for bad in (torch.tensor([0, 2]), torch.eye(2)):
        with pytest.raises(ValueError, match='not one-hot'):
            LabelData.onehot_to_label(bad)


def test_the_import_asks_no_device():
    program = '''
import sys
import torch

def refuse(*args):
    raise AssertionError('a device was asked for')

for module in (torch.cuda, torch.backends.mps, torch.xpu):
    module.is_available = refuse
torch.accelerator.is_available = torch.accelerator.current_accelerator = refuse
import mmengine.structures
element = mmengine.structures.InstanceData(scores=torch.ones(3), metainfo=dict(img_shape=(2, 3)))
assert len(element[element.scores > 0].to('cpu').numpy().to_tensor()) == 3
print([name for name in ('mmengine.device', 'mmengine.dist', 'mmengine.model') if name in sys.modules])
'''
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_copies_of_a_subclass_go_through_its_checks():
    class Checked(InstanceData):
        @property
        def boxes(self):
            return self._boxes

        @boxes.setter
        def boxes(self, value):
            self.set_field(value, '_boxes', dtype=torch.Tensor)

    class Loud(InstanceData):
        def __setattr__(self, name, value):
            seen.append(name)
            super().__setattr__(name, value)

    seen = []
    checked = Checked(boxes=torch.rand(3, 4), names=list('abc'), metainfo={'sizes': [1, 2]})
    for made in (checked[1:], checked[[True, False, True]], checked.clone()[:2], Checked.cat([checked, checked])[:2]):
        assert type(made) is Checked
        assert made.boxes.shape == (2, 4)
        assert len(made.names) == 2
        assert made.metainfo == {'sizes': [1, 2]}
        assert made.sizes is not checked.sizes
    with pytest.raises(AssertionError, match='boxes'):
        checked.numpy()
    Loud(scores=torch.ones(2))[0].clone()
    assert seen.count('scores') == 3


def test_meta_information_is_copied_deeply():
    shared = [1]
    element = InstanceData(metainfo={'plain': (1, 'a', None), 'nested': (shared,), 'again': shared})
    assert element.nested[0] is element.again is not shared
    other = element.new()
    assert other.plain is element.plain
    assert other.nested[0] is other.again is not element.again
