"""An option that does not reach what a file has made from the value that it sets is worth a warning."""
from __future__ import annotations

import os
import warnings
from itertools import pairwise

import pytest

from mmengine.config import Config


@pytest.fixture
def cfg(write) -> Config:
    write('base.py', '''
        data_root = 'data/'
        pipeline = [dict(type='Load', size=1)]
        loader = dict(
            data_root=data_root,
            dataset=dict(ann=data_root + 'a.json',
                         pipeline=pipeline))
        val_loader = loader
        lr = 0.1
    ''')
    return Config.fromfile(write('a.py', '''
        _base_ = './base.py'
        optimizer = dict(lr=_base_.lr)
        warm = {{_base_.lr}}
        val_loader = dict(data_root='val/')
    '''))


def told(cfg: Config, **options: object) -> list[str]:
    """Merge options, and give the paths and places that a warning names."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    words = ' '.join(str(warning.message) for warning in caught).split()
    return [f'{path.strip(",")} {place.strip("(),:").rpartition("/")[2]}'
            for path, place in pairwise(words) if place.startswith('(')]


def test_what_is_made_from_a_name(cfg):
    assert told(cfg, data_root='x/') == ["'loader.data_root' base.py:4", "'loader.dataset.ann' base.py:5",
                                         "'val_loader.dataset.ann' base.py:7"]
    assert cfg.loader.data_root == 'data/'


def test_in_another_file_and_another_way(cfg):
    assert told(cfg, lr=1) == ["'optimizer.lr' a.py:2", "'warm' a.py:3"]


def test_a_part_of_what_was_taken(cfg):
    assert told(cfg, pipeline__0__size=2) == ["'loader.dataset.pipeline.0.size' base.py:6",
                                              "'val_loader.dataset.pipeline.0.size' base.py:7"]


def test_what_is_set_as_well_is_not_told(cfg):
    assert told(cfg, lr=1, optimizer__lr=1) == ["'warm' a.py:3"]
    assert told(cfg, lr=1, optimizer__lr=1, warm=2) == []


def test_nothing_was_made_from_it(cfg):
    assert told(cfg, optimizer__lr=1, loader__dataset__ann='x', new=1) == ["'val_loader.dataset.ann' base.py:7"]
    assert told(Config(dict(lr=1)), lr=2) == []


def test_a_file_that_is_gone_tells_nothing(cfg):
    os.remove(cfg.filename)
    assert told(cfg, lr=1) == []


def test_many_places_are_counted(write):
    cfg = Config.fromfile(write('a.py', 'a = 1\n' + ''.join(f'b{index} = a\n' for index in range(9))))
    with pytest.warns(UserWarning, match=r"'b0' .*'b1' .*'b2' \(.*\) and 6 more: made from it"):
        cfg.merge_from_dict(dict(a=2))
