"""The dict whose keys are attributes."""
from __future__ import annotations

import copy
import math
import pickle
from collections import OrderedDict, namedtuple

import pytest
from addict import Dict

from mmengine.config import ConfigDict
from mmengine.config.lazy import LazyObject


def test_dicts_become_configs_and_other_types_stay():
    class Own(dict):
        pass

    Point = namedtuple('Point', 'x y')
    cfg = ConfigDict(a=dict(b=[dict(c=1), (dict(d=2),)]), o=OrderedDict(e=3), own=Own(f=4), p=Point(1, {}))
    assert isinstance(cfg, Dict)
    assert isinstance(cfg.a.b[1][0], ConfigDict)
    assert isinstance(cfg.o, ConfigDict)
    assert type(cfg.own) is Own
    assert cfg.p.x == 1


def test_what_it_can_be_made_from():
    assert ConfigDict([('a', {})], b=1) == {'a': {}, 'b': 1}
    assert ConfigDict(('a', {})) == {'a': {}}
    assert ConfigDict(None) == ConfigDict() == {}
    with pytest.raises(TypeError):
        ConfigDict(1)


def test_attributes_and_items():
    cfg = ConfigDict(a=1)
    cfg.b = dict(c=2)
    cfg['d'] = [dict(e=3)]
    assert (cfg.b.c, cfg.d[0].e) == (2, 3)
    with pytest.raises(AttributeError, match="'ConfigDict' object has no attribute 'x'"):
        _ = cfg.x
    with pytest.raises(KeyError, match='x'):
        cfg['x']
    assert not hasattr(cfg, 'x')
    with pytest.raises(AttributeError, match='read-only'):
        cfg.items = 1
    del cfg.b
    with pytest.raises(AttributeError):
        del cfg.b
    assert list(cfg) == ['a', 'd']
    assert 'a' in dir(cfg)


def test_methods_of_a_dict():
    cfg = ConfigDict(a=1, b=2)
    assert cfg.values() == [1, 2]
    assert cfg.items()[0] == ('a', 1)
    assert cfg.keys() & {'a', 'z'} == {'a'}
    assert (cfg.keys()[0], cfg.keys()[-1], cfg.keys()[:], list(cfg.keys())) == ('a', 'b', ['a', 'b'], ['a', 'b'])
    assert cfg.keys() == {'a', 'b'} == dict(a=1, b=1).keys()
    assert repr(cfg.keys()) == "Keys(['a', 'b'])"
    assert cfg.get('z') is None
    assert cfg.get('z', 3) == 3
    assert cfg.pop('a') == 1
    assert cfg.pop('a') is None
    assert cfg.pop('a', 5) == 5
    assert isinstance(cfg.setdefault('c', {}), ConfigDict)
    assert cfg.setdefault('c', 1) == {}
    assert type(cfg | dict(d=1)) is type(dict(d=1) | cfg) is ConfigDict
    assert dict(d=1, b=0) | cfg == dict(d=1, b=2, c={})
    cfg |= dict(c=dict(x=1))
    assert cfg.c.x == 1


def test_update_and_merge():
    cfg = ConfigDict(a=dict(b=1, c=2), d=[1])
    cfg.update(dict(a=dict(b=3)), d=[2])
    assert cfg == dict(a=dict(b=3, c=2), d=[2])
    cfg.merge(dict(a=dict(_delete_=True, e=1), f=dict(g=1)))
    assert cfg == dict(a=dict(e=1), d=[2], f=dict(g=1))
    assert isinstance(cfg.f, ConfigDict)
    with pytest.raises(TypeError):
        cfg.update({}, {})


def test_copies():
    cfg = ConfigDict(a=dict(b=[1]), l=[dict(c=1)])
    for shallow in (copy.copy(cfg), cfg.copy()):
        assert shallow == cfg
        assert shallow.a is cfg.a
        shallow.l.append(1)
        assert len(cfg.l) == 1
    for deep in (copy.deepcopy(cfg), cfg.deepcopy(), pickle.loads(pickle.dumps(cfg))):
        assert deep == cfg
        assert type(deep.l[0]) is ConfigDict
        deep.a.b.append(2)
        assert cfg.a.b == [1]
    cfg.me = cfg
    same = copy.deepcopy(cfg)
    assert same.me is same
    same = pickle.loads(pickle.dumps(cfg))
    assert same.me is same


def test_freeze():
    cfg = ConfigDict(a=dict(b=1))
    cfg.freeze()
    with pytest.raises(KeyError):
        cfg.a.c = 1
    cfg.a.b = 2
    cfg.unfreeze()
    cfg.a.c = 1


def test_lazy_objects_are_imported_on_the_way_out():
    lazy = LazyObject('math', 'floor')
    cfg = ConfigDict(type=lazy, inner=dict(f=lazy), listed=[lazy])
    assert cfg.type is cfg['type'] is cfg.get('type') is cfg.inner.f is math.floor
    assert cfg.values()[0] is cfg.items()[0][1] is math.floor
    assert {**cfg}['type'] is dict(cfg)['type'] is math.floor
    assert cfg._to_lazy_dict() == {'type': lazy, 'inner': {'f': lazy}, 'listed': [lazy]}
    assert type(cfg._to_lazy_dict()['inner']) is dict
    assert cfg.to_dict() == {'type': 'math.floor', 'inner': {'f': 'math.floor'}, 'listed': ['math.floor']}
    assert pickle.loads(pickle.dumps(cfg)) == copy.deepcopy(cfg) == cfg
    copied = cfg.copy()
    copied.update(other=1)
    assert type(dict.__getitem__(copied, 'type')) is LazyObject
    assert cfg.pop('type') is math.floor
