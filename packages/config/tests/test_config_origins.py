"""Where a value was written."""
from __future__ import annotations

import copy
import pickle

import pytest

from mmengine.config import Config, ConfigDict
from mmengine.interfaces import HasOrigin, origin_of


@pytest.fixture
def cfg(write) -> Config:
    write('base.py', '''
        model = dict(type='M',
            backbone=dict(type='R',
                          depth=50))
        visualizer = dict(type='Visualizer', vis_backends=[])
    ''')
    return Config.fromfile(write('child.py', '''
        _base_ = ['./base.py']
        _base_.visualizer.vis_backends = [
            dict(type='Wandb', init_kwargs={
                'project': 'mmdet',
            }),
        ]
        model = dict(
            backbone=dict(
                depth=101),
        )
        model['neck'] = dict(type='FPN')
        model.update(head=1)
        if True:
            lr = 0.1
        pipeline = [
            dict(type=name)
            for name in 'ab']
        copied = _base_.model
        for index in range(3):
            pass
    '''))


PLACES = {
    'model': 'base.py:1', 'model.type': 'base.py:1', 'model.backbone': 'base.py:2', 'model.backbone.type': 'base.py:2',
    'model.backbone.depth': 'child.py:9', 'model.neck': 'child.py:11', 'model.neck.type': 'child.py:11',
    'model.head': 'child.py:12', 'visualizer.type': 'base.py:4', 'visualizer.vis_backends': 'child.py:2',
    'visualizer.vis_backends.0': 'child.py:3', 'visualizer.vis_backends.0.init_kwargs.project': 'child.py:4',
    'lr': 'child.py:14', 'pipeline': 'child.py:15', 'pipeline.1.type': 'child.py:16', 'copied': 'child.py:18',
    'copied.backbone.depth': 'base.py:3', 'index': 'child.py:19',
    'pipeline.2': None, 'nothing': None, 'model.nothing.at.all': None,
}


def places(cfg: Config) -> dict[str, str | None]:
    origins = {key: cfg.origin_of(key) for key in PLACES}
    return {key: origin and str(origin).rpartition('/')[2] for key, origin in origins.items()}


def test_every_value_knows_its_line(cfg):
    assert places(cfg) == PLACES


@pytest.mark.parametrize('again', [copy.copy, copy.deepcopy, lambda cfg: pickle.loads(pickle.dumps(cfg)),
                                   lambda cfg: Config(cfg._cfg_dict)])
def test_copies_know_it_too(cfg, again):
    assert places(again(cfg)) == PLACES


def test_it_does_not_show(cfg):
    plain = ConfigDict(cfg.to_dict())
    assert cfg._cfg_dict == plain == cfg.to_dict()
    assert repr(cfg._cfg_dict) == repr(plain)
    assert list(cfg.model) == ['type', 'backbone', 'neck', 'head']
    assert {**cfg.model.neck} == {'type': 'FPN'}


def test_a_dict_knows_its_own_line(cfg):
    assert str(cfg.model.backbone.origin_of()).endswith('base.py:2')
    assert isinstance(cfg.model, HasOrigin)
    assert origin_of(cfg.model, 'head') == cfg.origin_of('model.head')
    assert origin_of(cfg, 'lr') == cfg.origin_of('lr')
    assert ConfigDict(a=1).origin_of() is None


def test_a_value_that_the_program_sets_is_from_no_file(cfg):
    cfg.model.head = 2
    cfg['lr'] = 1
    del cfg.model.neck
    assert cfg.origin_of('model.head') is cfg.origin_of('lr') is cfg.origin_of('model.neck') is None


def test_options_keep_the_lines_of_the_rest(cfg):
    cfg.merge_from_dict({'model.backbone.depth': 18, 'model.new.x': 1, 'copied.backbone.depth': 18})
    assert cfg.origin_of('model.backbone.depth') is None
    assert str(cfg.origin_of('model.backbone.type')).endswith('base.py:2')


def test_data_files(write):
    cfg = Config.fromfile(write('a.yaml', 'a: 1\nmodel:\n  type: M\n  parts:\n    - type: A\n    - type: B\n'))
    assert [cfg.origin_of(key).line for key in ('a', 'model', 'model.type', 'model.parts.1.type')] == [1, 2, 3, 6]
    cfg = Config.fromfile(write('a.json', '{"a": 1,\n"model": {\n"type": "M",\n'
                                '"parts": [{"type": "A"},\n{"type": "B"}]}}'))
    assert [cfg.origin_of(key).line for key in ('a', 'model', 'model.type', 'model.parts.1.type')] == [1, 2, 3, 5]


def test_lazy_files(write):
    write('base.py', "model = dict(type='M',\n             depth=1)\n")
    cfg = Config.fromfile(write('a.py', '''
        from mmengine.config import read_base
        with read_base():
            from .base import *
        model.update(dict(
            width=2))
        model.depth = 3
    '''))
    lines = {key: str(cfg.origin_of(f'model.{key}')).rpartition('/')[2] for key in cfg.model}
    assert lines == {'type': 'base.py:1', 'depth': 'a.py:6', 'width': 'a.py:5'}
    assert cfg.origin_of('model').file.endswith('base.py')
