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
