"""What set a value, step by step, and options that set what is not there."""
from __future__ import annotations

import copy
import pickle
import warnings

import pytest

from mmengine.config import Config, ConfigDict, ConfigKeyError


def steps(cfg: Config, key: str) -> list[tuple[str, object]]:
    return [(str(step).rpartition('/')[2], step.value) for step in cfg.origin(key)]


@pytest.fixture
def cfg(write) -> Config:
    write('root.py', 'model = dict(depth=18, head=dict(n=1))\nlr = 0.1\n')
    write('base.py', "_base_ = './root.py'\nmodel = dict(depth=50)\n")
    return Config.fromfile(write('a.py', '''
        _base_ = './base.py'
        model = dict(
            depth=101,
            head=dict(_delete_=True, n=2))
        _base_.lr = 0.2
    '''))


def test_a_chain_of_files(cfg):
    chain = [('root.py:1', 18), ('base.py:2', 50), ('a.py:3', 101)]
    assert steps(cfg, 'model.depth') == chain
    assert steps(copy.deepcopy(cfg), 'model.depth') == steps(pickle.loads(pickle.dumps(cfg)), 'model.depth') == chain
    assert steps(cfg, 'lr') == [('root.py:2', 0.1), ('a.py:5', 0.2)]


def test_what_was_deleted_counts(cfg):
    assert steps(cfg, 'model.head.n') == [('root.py:1', 1), ('a.py:4', 2)]


def test_options_and_the_program(cfg):
    cfg.merge_from_dict({'model.depth': 34, 'new.x': 1})
    assert steps(cfg, 'model.depth')[2:] == [('a.py:3', 101), ('--cfg-options', 34)]
    assert steps(cfg, 'new.x') == [('--cfg-options', 1)]
    cfg.lr = 0.3
    assert steps(cfg, 'lr')[1:] == [('a.py:5', 0.2), ('the program', 0.3)]
    assert steps(Config(dict(a=[dict(b=1)])), 'a.0.b') == [('the program', 1)]


def test_lazy_files_and_lists(write):
    write('base.py', 'steps = [1, dict(x=1)]\nlr = 0.1\n')
    cfg = Config.fromfile(write('a.py', '''
        from mmengine.config import read_base
        with read_base():
            from .base import *
        lr = 0.2
    '''))
    assert steps(cfg, 'lr') == [('base.py:2', 0.1), ('a.py:4', 0.2)]
    assert steps(cfg, 'steps.0') == [('base.py:1', 1)]
    assert steps(cfg, 'steps.1.x') == [('base.py:1', 1)]


def test_a_key_that_is_not_there(cfg):
    with pytest.raises(KeyError, match=r"no 'model\.hed\.n'.*Did you mean 'model\.head'") as caught:
        cfg.origin('model.hed.n')
    assert isinstance(caught.value, ConfigKeyError)


def test_new_keys_may_be_set(cfg):
    with pytest.warns(UserWarning, match=r"adds 'model\.dephts' beside 'model\.depths': is that meant"):
        Config(dict(model=dict(depths=1))).merge_from_dict({'model.dephts': 1})
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        cfg.merge_from_dict({'model.hea': 1}, allow_new=True)
        cfg.merge_from_dict({'test_cfg.x': 1, 'train_cfg.x': 1, 'conv1': 1})
        cfg.merge_from_dict({'conv2': 2, 'in_channels': 1})
        cfg.merge_from_dict({'out_channels': 1})
    assert cfg.model.hea == 1


@pytest.mark.parametrize(('key', 'text'), [
    ('model.dpth', r"sets 'model\.dpth', which the config does not have\. Did you mean 'model\.depth'"),
    ('modle.depth', r"sets 'modle', .*Did you mean 'model'"), ('steps.7', 'does not have'),
])
def test_or_may_not(cfg, key, text):
    cfg.steps = [1, 2]
    with pytest.raises(ConfigKeyError, match=text):
        cfg.merge_from_dict({key: 1}, allow_new=False)
    cfg.merge_from_dict({'model.head.n': 5, 'steps.1': 3}, allow_new=False)
    assert (cfg.model.head.n, cfg.steps) == (5, [1, 3])


def test_options_that_lead_into_a_number(cfg):
    with pytest.raises(TypeError, match=r"cannot be merged into 101, of type int \(key 'model\.depth'"):
        cfg.merge_from_dict({'model.depth.x': 1})
    with pytest.raises(TypeError, match='key of an option is a text'):
        cfg.merge_from_dict({1: 2})


def test_merging_changes_neither():
    base, child = ConfigDict(a=dict(b=1)), dict(a=dict(b=2, _delete_=True))
    assert Config._merge_a_into_b(child, base) == dict(a=dict(b=2))
    assert (base, child) == (dict(a=dict(b=1)), dict(a=dict(b=2, _delete_=True)))


def test_a_name_that_is_assigned_again_in_one_file(write):
    plain = Config.fromfile(write('plain.py', 'lr = 1\nmodel = dict(depth=18)\nlr = 2\n'
                                              'model = dict(depth=50)\nlr = 3\n'))
    assert steps(plain, 'lr') == [('plain.py:1', 1), ('plain.py:3', 2), ('plain.py:5', 3)]
    assert steps(plain, 'model.depth') == [('plain.py:2', 18), ('plain.py:4', 50)]
    run = Config.fromfile(write('run.py', '''
        lr = 1
        steps = [1]
        steps.append(2)
        steps += [3]
        for index in range(3):
            lr = lr * 2
        lr -= 1
    '''))
    assert steps(run, 'lr') == [('run.py:1', 1), ('run.py:6', 8), ('run.py:7', 7)]
    assert steps(run, 'steps') == [('run.py:2', [1]), ('run.py:3', [1, 2]), ('run.py:4', [1, 2, 3])]
    assert steps(run, 'index') == [('run.py:5', 2)]


def test_a_name_that_is_assigned_again_over_a_base(write):
    write('base.py', 'model = dict(depth=18, width=1)\n')
    cfg = Config.fromfile(write('a.py', "_base_ = 'base.py'\nmodel = dict(depth=50, width=2)\n"
                                        'model = dict(\n  depth=101)\n'))
    assert steps(cfg, 'model.depth') == [('base.py:1', 18), ('a.py:2', 50), ('a.py:4', 101)]
    assert steps(cfg, 'model.width') == [('base.py:1', 1)]


def test_changes_in_place(write):
    write('base.py', '''
        visualizer = dict(vis_backends=[], name='v')
        model = dict(backbone=dict(depth=18), steps=[1])
    ''')
    cfg = Config.fromfile(write('a.py', '''
        _base_ = 'base.py'
        _base_.visualizer.vis_backends = [dict(type='A')]
        _base_.visualizer.vis_backends = [dict(type='B')]
        _base_.model.backbone.depth += 32
        _base_.model.update(backbone=dict(
            depth=101))
        _base_.model.steps.append(2)
        optimizer = dict(type='SGD', lr=1)
        optimizer['lr'] = 2
        optimizer.update(lr=3, momentum=0.9)
        optimizer.setdefault('lr', 4)
        optimizer.update(lr=5)
        optimizer['betas'] = [1]
        optimizer['betas'].extend([2])
    '''))
    assert steps(cfg, 'visualizer.vis_backends') == [
        ('base.py:1', []), ('a.py:2', [dict(type='A')]), ('a.py:3', [dict(type='B')])]
    assert steps(cfg, 'model.backbone.depth') == [('base.py:2', 18), ('a.py:4', 50), ('a.py:6', 101)]
    assert steps(cfg, 'model.steps') == [('base.py:2', [1]), ('a.py:7', [1, 2])]
    assert steps(cfg, 'optimizer.lr') == [('a.py:8', 1), ('a.py:9', 2), ('a.py:10', 3), ('a.py:12', 5)]
    assert steps(cfg, 'optimizer.momentum') == [('a.py:10', 0.9)]
    assert steps(cfg, 'optimizer.betas') == [('a.py:13', [1]), ('a.py:14', [1, 2])]
    assert steps(copy.deepcopy(cfg), 'optimizer.lr') == steps(cfg, 'optimizer.lr')


def test_a_chain_of_lazy_files(write):
    read = 'from mmengine.config import read_base\nwith read_base():\n    from .{} import *\n'
    write('root.py', 'lr = 1\nmodel = dict(depth=18)\n')
    write('base.py', read.format('root') + 'lr = 2\nmodel.update(dict(depth=50))\n')
    cfg = Config.fromfile(write('a.py', read.format('base') + 'lr = 3\nlr = 4\nmodel.depth = 101\n'))
    assert steps(cfg, 'lr') == [('root.py:1', 1), ('base.py:4', 2), ('a.py:4', 3), ('a.py:5', 4)]
    assert steps(cfg, 'model.depth') == [('root.py:2', 18), ('base.py:5', 50), ('a.py:6', 101)]
    cfg = Config.fromfile(write('b.py', read.format('base') + 'x = 1\n'))
    assert steps(cfg, 'lr') == [('root.py:1', 1), ('base.py:4', 2)]


@pytest.mark.parametrize('text', [
    "a['y'] = (a := dict(x=1))['x']", "a = dict(x=[])\na['x'].append(a)\ndel a['x'][0]",
    "a = [1]\na[0] = 2\na.append(3)",
    "a = b = dict(x=1)\na['x'] = 2\nb.update(x=3)", "for a in ():\n    pass\nelse:\n    a = 1", "a: int = 1\na += 1",
    "def f(): pass\nf.x = 1\na = 1", "try:\n    a = {}['x']\nexcept KeyError:\n    a = 1",
    "a = dict(x=1)\ntry:\n    a.update(1)\nexcept TypeError:\n    a.update(y=2)", "a, (b, *c) = 1, (2, 3)",
    "import collections\na = collections.OrderedDict(x=1)\na['x'] = 2\na.update(x=3)", "a = 1\ndel a\na = 2",
    "a = dict(x=1)\nfor k in 'xy':\n    a[k] = 2\nb = a.copy()\nb['z'] = 1\nb.update(z=2)",
])
def test_notes_change_nothing(write, text):
    expected: dict = {}
    exec(text, expected)
    cfg = Config.fromfile(write('a.py', f'{text}\n'), lazy_import=False)
    for key in 'abc':
        if key in expected:
            assert cfg[key] == expected[key]
            assert cfg.origin(key)[-1].value == expected[key]
