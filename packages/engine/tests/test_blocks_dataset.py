"""Data sets: annotations, subsets, pipelines, wrappers, collation."""
import copy
import json
import random
from collections import namedtuple

import numpy as np
import pytest
import torch

from mmengine.dataset import (
    BaseDataset,
    ClassBalancedDataset,
    Compose,
    ConcatDataset,
    RepeatDataset,
    default_collate,
    force_full_init,
    pseudo_collate,
    worker_init_fn,
)
from mmengine.registry import DATASETS, FUNCTIONS
from mmengine.structures import BaseDataElement


@pytest.fixture
def root(tmp_path):
    annotations = {'metainfo': {'task': 'from file', 'extra': 1},
                   'data_list': [{'img_path': f'{index}.jpg', 'label': index % 3} for index in range(10)]}
    (tmp_path / 'ann.json').write_text(json.dumps(annotations))
    (tmp_path / 'classes.txt').write_text('dog\ncat\n')
    return tmp_path


class Pets(BaseDataset):
    METAINFO = {'classes': ('dog', 'cat'), 'task': 'from class'}

    def get_cat_ids(self, idx):
        return [self.get_data_info(idx)['label']]


def labels_of(dataset):
    return [dataset.get_data_info(index)['label'] for index in range(len(dataset))]


@pytest.mark.parametrize('serialize', [True, False])
class TestBaseDataset:
    def test_reads_annotations(self, root, serialize):
        dataset = Pets('ann.json', data_root=str(root), data_prefix={'img_path': 'images'}, serialize_data=serialize)
        assert len(dataset) == 10
        info = dataset.get_data_info(-1)
        assert info == {'img_path': str(root / 'images' / '9.jpg'), 'label': 0, 'sample_idx': 9}
        info['label'] = 'changed'
        assert dataset.get_data_info(9)['label'] == 0
        assert dataset[3]['sample_idx'] == 3
        assert dataset.metainfo == {'classes': ('dog', 'cat'), 'task': 'from class', 'extra': 1}
        assert hasattr(dataset, 'data_address') is serialize

    def test_subsets(self, root, serialize):
        dataset = Pets('ann.json', data_root=str(root), serialize_data=serialize)
        for indices, expected in ((3, [0, 1, 2]), (-2, [2, 0]), ([0, -1, 4], [0, 0, 1]), (0, []), ([], []),
                                  (np.array([5]), [2])):
            part = dataset.get_subset(indices)
            assert labels_of(part) == expected
            assert [part.get_data_info(index)['sample_idx'] for index in range(len(part))] == list(range(len(part)))
            assert len(dataset) == 10
            assert len(Pets('ann.json', data_root=str(root), serialize_data=serialize, indices=indices)) == len(part)
        with pytest.raises(TypeError, match='indices'):
            dataset.get_subset('ab')
        for missing in (10, -11):
            with pytest.raises(IndexError, match=f'from -10 to 9.*but got {missing}'):
                dataset.get_subset([0, missing])
        for missing in (10, -11):
            with pytest.raises(IndexError):
                dataset.get_data_info(missing)
        dataset.get_subset_([1, 2])
        assert labels_of(dataset) == [1, 2]

    def test_lazy(self, root, serialize):
        dataset = Pets('ann.json', data_root=str(root), serialize_data=serialize, lazy_init=True)
        assert not dataset._fully_initialized
        assert dataset.metainfo['task'] == 'from class'
        assert 'extra' not in dataset.metainfo
        assert len(dataset.get_subset(2)) == 2
        assert dataset._fully_initialized

    def test_deep_copy(self, root, serialize):
        dataset = copy.deepcopy(Pets('ann.json', data_root=str(root), serialize_data=serialize))
        assert len(dataset) == 10


def test_metainfo_from_text_files(root):
    dataset = Pets(lazy_init=True, metainfo={'classes': str(root / 'classes.txt'), 'name': 'pets', 'none': [],
                                             'folder': str(root)})
    assert dataset.metainfo == {'classes': ['dog', 'cat'], 'task': 'from class', 'name': 'pets', 'none': [],
                                'folder': str(root)}
    assert Pets.METAINFO == {'classes': ('dog', 'cat'), 'task': 'from class'}
    with pytest.raises(TypeError, match='metainfo should be'):
        Pets(metainfo='dog')


def test_bad_annotations(root):
    with pytest.raises(FileNotFoundError):
        Pets('missing.json', data_root=str(root))
    with pytest.raises(TypeError, match='ann_file'):
        Pets()
    (root / 'list.json').write_text('[]')
    with pytest.raises(TypeError, match=r'list\.json'):
        Pets('list.json', data_root=str(root))
    (root / 'keys.json').write_text('{"data_list": []}')
    with pytest.raises(ValueError, match='metainfo'):
        Pets('keys.json', data_root=str(root))
    with pytest.raises(TypeError, match='prefix should be a string'):
        Pets('ann.json', data_root=str(root), data_prefix={'img_path': 1})
    with pytest.raises(AssertionError, match='prefix key'):
        Pets('ann.json', data_root=str(root), data_prefix={'other': 'x'})
    assert Pets(None, data_root=None, lazy_init=True).ann_file is None


def test_parse_data_info_may_expand(root):
    class Expanding(Pets):
        def parse_data_info(self, raw_data_info):
            return [{'label': raw_data_info['label']}] * 2

    assert len(Expanding('ann.json', data_root=str(root))) == 20
    for bad in ('text', ['text']):
        class Bad(Pets):
            def parse_data_info(self, raw_data_info, bad=bad):
                return bad
        with pytest.raises(TypeError, match='parse_data_info'):
            Bad('ann.json', data_root=str(root))


def test_filter_goes_before_indices(root):
    class Filtered(Pets):
        def filter_data(self):
            return [info for info in self.data_list if info['label'] == self.filter_cfg['label']]

    dataset = Filtered('ann.json', data_root=str(root), filter_cfg={'label': 1}, indices=2)
    assert labels_of(dataset) == [1, 1]


def test_refetch(root):
    def only_some(info):
        return info if info['label'] == 1 else None

    dataset = Pets('ann.json', data_root=str(root), pipeline=[only_some])
    assert all(dataset[0]['label'] == 1 for _ in range(5))
    with pytest.raises(Exception, match='Cannot find valid image after 3'):
        Pets('ann.json', data_root=str(root), pipeline=[lambda info: None], max_refetch=3)[0]
    with pytest.raises(Exception, match='Test time pipeline'):
        Pets('ann.json', data_root=str(root), pipeline=[only_some], test_mode=True)[0]


def test_compose():
    assert Compose(None)({'a': 1}) == {'a': 1}
    calls = []
    chain = Compose([lambda data: None, calls.append])
    assert chain({'a': 1}) is None
    assert calls == []
    with pytest.raises(TypeError, match='callable'):
        Compose([1])
    assert repr(Compose([len])) == 'Compose(\n    <built-in function len>\n)'


def test_force_full_init():
    class NoInit:
        @force_full_init
        def method(self):
            return 1

    with pytest.raises(AttributeError, match='full_init'):
        NoInit().method()


def test_concat(root):
    one = Pets('ann.json', data_root=str(root))
    both = ConcatDataset([one, {'type': Pets, 'ann_file': 'ann.json', 'data_root': str(root), 'indices': 4}])
    assert len(both) == 14
    assert both._get_ori_dataset_idx(-1) == (1, 3)
    assert both._get_ori_dataset_idx(10) == (1, 0)
    assert both.get_data_info(11)['sample_idx'] == 1
    assert both[0]['sample_idx'] == 0
    with pytest.raises(ValueError, match='should not exceed'):
        both._get_ori_dataset_idx(-15)
    for subset in (both.get_subset, both.get_subset_):
        with pytest.raises(NotImplementedError):
            subset(1)
    with pytest.raises(TypeError):
        ConcatDataset([1])
    other = Pets('ann.json', data_root=str(root), metainfo={'task': 'another'})
    with pytest.raises(ValueError, match='task'):
        ConcatDataset([one, other])
    assert ConcatDataset([one, other], ignore_keys='task').metainfo['task'] == 'from class'
    with pytest.raises(TypeError, match='ignore_keys'):
        ConcatDataset([one, other], ignore_keys=1)
    with pytest.raises(ValueError, match='is empty'):
        ConcatDataset([])


def test_concat_compares_arrays_by_their_elements(root):
    def pets(value):
        return Pets('ann.json', data_root=str(root), metainfo={'means': {'rgb': [np.arange(3), value]}})

    assert len(ConcatDataset([pets(np.zeros(2)), pets(np.zeros(2))])) == 20
    for differs in (np.ones(2), np.zeros(3), torch.zeros(1)):
        with pytest.raises(ValueError, match="'means'"):
            ConcatDataset([pets(np.zeros(2)), pets(differs)])


def test_repeat(root):
    repeated = RepeatDataset(Pets('ann.json', data_root=str(root)), times=3)
    assert len(repeated) == 30
    assert repeated[25]['sample_idx'] == 5
    assert repeated.get_cat_ids(11) == [1]
    with pytest.raises(NotImplementedError):
        repeated.get_subset(1)
    with pytest.raises(TypeError):
        RepeatDataset(1, times=2)


def test_class_balanced(root):
    balanced = ClassBalancedDataset(Pets('ann.json', data_root=str(root)), oversample_thr=0.9)
    # Each class is in 3 or 4 of 10 samples, fewer than the threshold: ceil(sqrt(0.9 / 0.4)) == 2 times.
    assert balanced.repeat_indices == [index for index in range(10) for _ in range(2)]
    assert len(balanced) == 20
    assert balanced[3]['sample_idx'] == 1
    assert ClassBalancedDataset(Pets('ann.json', data_root=str(root)), oversample_thr=1e-3).repeat_indices == list(
        range(10))
    with pytest.raises(NotImplementedError, match='get_cat_ids'):
        ClassBalancedDataset(BaseDataset('ann.json', data_root=str(root)), oversample_thr=0.5)


def test_wrappers_are_registered():
    for name in ('ConcatDataset', 'RepeatDataset', 'ClassBalancedDataset', 'BaseDataset'):
        assert DATASETS.get(name).__name__ == name


Point = namedtuple('Point', 'x y')


def test_pseudo_collate():
    tensors = [torch.rand(2), torch.rand(3)]
    samples = [{'inputs': tensor, 'sample': BaseDataElement(i=index), 'number': index, 'text': 'a', 'pair': (1, tensor)}
               for index, tensor in enumerate(tensors)]
    batch = pseudo_collate(samples)
    assert batch['inputs'][1] is tensors[1]
    assert batch['sample'][0] is samples[0]['sample']
    assert batch['number'] == [0, 1]
    assert batch['text'] == ['a', 'a']
    assert batch['pair'][0] == [1, 1]
    assert batch['pair'][1][0] is tensors[0]
    assert pseudo_collate([Point(1, 2), Point(3, 4)]) == Point([1, 3], [2, 4])
    with pytest.raises(RuntimeError, match='equal size'):
        pseudo_collate([[1], [1, 2]])
    assert FUNCTIONS.get('pseudo_collate') is pseudo_collate


def test_default_collate():
    samples = [{'inputs': torch.ones(2), 'array': np.zeros(3), 'number': index, 'sample': BaseDataElement(i=index)}
               for index in range(2)]
    batch = default_collate(samples)
    assert batch['inputs'].shape == (2, 2)
    assert batch['array'].shape == (2, 3)
    assert batch['number'].tolist() == [0, 1]
    assert [sample.i for sample in batch['sample']] == [0, 1]
    assert FUNCTIONS.get('default_collate') is default_collate


def test_worker_seeds_differ_and_repeat():
    def draw(worker, rank):
        worker_init_fn(worker, num_workers=2, rank=rank, seed=5)
        return random.random(), np.random.rand(), torch.rand(1).item()

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    drawn = {(worker, rank): draw(worker, rank) for worker in range(2) for rank in range(2)}
    assert len(set(drawn.values())) == 4
    assert draw(1, 1) == drawn[1, 1]
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
