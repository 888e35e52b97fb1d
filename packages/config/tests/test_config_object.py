"""The config itself: attributes, options, copies, printing, dumping, comparing."""
from __future__ import annotations

import copy
import json
import math
import pickle
from fractions import Fraction
from pathlib import PurePosixPath

import pytest

from mmengine.config import Config, ConfigDict
from mmengine.config.pretty import pretty


def test_empty_and_wrong():
    cfg = Config()
    assert (cfg.filename, cfg.text, len(cfg), cfg._cfg_dict, cfg.env_variables) == (None, '', 0, {}, {})
    with pytest.raises(TypeError, match='cfg_dict must be a dict'):
        Config([1])


def test_text_of_a_file_that_is_named(write):
    path = write('a.py', 'a = 1\n')
    assert Config(dict(a=1), filename=path).text == 'a = 1\n'
    assert Config(dict(a=1), filename=path, cfg_text='x').text == 'x'


def test_items_and_attributes():
    cfg = Config(dict(a=1, b=dict(c=2)))
    cfg.d = dict(e=3)
    cfg['f'] = 4
    assert (cfg.d.e, cfg['f'], cfg.get('z', 5), cfg.pop('a')) == (3, 4, 5, 1)
    assert isinstance(cfg.d, ConfigDict)
    assert list(cfg) == ['b', 'd', 'f']
    assert 'b' in cfg
    del cfg.b
    del cfg['d']
    assert {**cfg} == {'f': 4}
    with pytest.raises(AttributeError):
        _ = cfg.nothing
    assert repr(cfg) == "Config (path: None): {'f': 4}"
    assert 'f' in dir(cfg)


def test_options():
    cfg = Config(dict(a=dict(b=[1, dict(c=2)], d=3)))
    base = cfg._cfg_dict
    cfg.merge_from_dict({'a.b.1.c': 5, 'a.d': dict(_delete_=True, e=1), 'q.r': dict(z=1), 'a.b.0': 7})
    assert cfg._cfg_dict == {'a': {'b': [7, {'c': 5}], 'd': {'e': 1}}, 'q': {'r': {'z': 1}}}
    assert base == {'a': {'b': [1, {'c': 2}], 'd': 3}}
    assert isinstance(cfg.q.r, ConfigDict)
    with pytest.raises(KeyError, match='Index 7 exceeds the length of list'):
        cfg.merge_from_dict({'a.b.7': 1})
    with pytest.raises(TypeError, match=r"'a\.b'.*_delete_=True"):
        cfg.merge_from_dict({'a.b.0': 1}, allow_list_keys=False)
    with pytest.raises(TypeError, match="'x', which is no index"):
        cfg.merge_from_dict({'a.b.x': 1})


@pytest.mark.parametrize('again', [copy.copy, copy.deepcopy, Config.copy, lambda cfg: pickle.loads(pickle.dumps(cfg))])
def test_copies(write, again):
    cfg = Config.fromfile(write('a.py', 'a = dict(b=1)\n'))
    assert cfg.pretty_text == 'a = dict(b=1)\n'
    other = again(cfg)
    assert type(other) is Config
    assert other.__dict__ == cfg.__dict__
    other.c = 1
    assert 'c' not in cfg
    assert other.pretty_text == 'a = dict(b=1)\nc = 1\n'


def test_a_state_of_upstream_is_taken():
    cfg = Config.__new__(Config)
    cfg.__setstate__((ConfigDict(a=1), 'a.py', 'a = 1', {}, True, set()))
    assert (cfg.a, cfg.filename, cfg.text) == (1, 'a.py', 'a = 1')


def test_pretty_text_is_exact():
    assert Config(dict(b=2, a=1)).pretty_text == 'a = 1\nb = 2\n'
    cfg = Config(dict(z=dict(b=1, a='x'), l=[dict(type='A'), (1,), []], e={}))
    assert cfg.pretty_text == "e = dict()\nl = [dict(type='A'), (1,), []]\nz = dict(a='x', b=1)\n"


def test_pretty_text_follows_every_change():
    cfg = Config(dict(a=dict(b=[1])))
    assert cfg.pretty_text is cfg.pretty_text
    cfg.a.b.append(2)
    assert cfg.pretty_text == 'a = dict(b=[1, 2])\n'
    cfg.a.b[0] = True
    assert cfg.pretty_text == 'a = dict(b=[True, 2])\n'


NESTED = dict(
    escapes='it\'s "q" \\d \n\t日本',
    numbers=[1, -1.5, 1e-5, 1j, True, None, b'x', math.inf, -math.inf],
    keys={1: 'a', 'no name': 2, 'class': 3, None: 4, 2.5: dict(ok=1), (1, 2): 5},
    sets={'b', 'a'},
    empty=[[], (), {}, set(), frozenset({1})],
    long=list(range(100)),
    names=[f'class number {index}' for index in range(30)],
    deep=[dict(type='Level', args=(dict(type='Level', args=(dict(type='Level', args=('x' * 30, 'y' * 30)),)),))],
    string='z' * 200,
    **{'not a name': 1, 'if': 2},
)


def test_pretty_text_reads_back_and_is_narrow():
    cfg = Config(NESTED)
    text = cfg.pretty_text
    again = Config.fromstring(text, '.py')
    assert again._cfg_dict == cfg._cfg_dict
    assert again.pretty_text == text
    assert [line for line in text.splitlines() if len(line) > 79] == [f"string = '{'z' * 200}'"]


def test_pretty_text_of_other_values():
    class Array:
        def tolist(self):
            return [1, [2]]

    cfg = dict(a=Array(), b=Fraction, c=PurePosixPath('a/b'), d=len, e=math.nan, f=range(3), g=Fraction(1, 2))
    assert pretty(cfg) == ("a = [1, [2]]\nb = 'fractions.Fraction'\nc = 'a/b'\nd = 'len'\ne = float('nan')\n"
                           "f = range(0, 3)\ng = '1/2'\n")


def test_dump(tmp_path):
    cfg = Config(dict(a=1, b=2))
    for name, text in {'a.py': 'a = 1\nb = 2\n', 'a.json': '{"a": 1, "b": 2}', 'a.yaml': 'a: 1\nb: 2\n'}.items():
        assert cfg.dump(tmp_path / name) is None
        assert (tmp_path / name).read_text() == text
        again = Config.fromfile(tmp_path / name)
        assert again._cfg_dict == cfg._cfg_dict
        assert again.dump() == text
    assert cfg.dump() == cfg.pretty_text


def test_dump_of_nested_values(tmp_path):
    cfg = Config(dict(a=dict(b=[dict(c=1), (1, 2)])))
    cfg.dump(tmp_path / 'a.json')
    assert json.loads((tmp_path / 'a.json').read_text()) == {'a': {'b': [{'c': 1}, [1, 2]]}}
    cfg.dump(str(tmp_path / 'a.yml'))
    assert Config.fromfile(tmp_path / 'a.yml').a.b[0].c == 1


def test_diff(write):
    one, two = write('a.py', 'a = 1\nb = 2\n'), write('b.py', 'a = 1\nb = 3\n')
    expected = '--- \n\n+++ \n\n@@ -1,3 +1,3 @@\n\n a = 1\n-b = 2\n+b = 3\n \n\n'
    assert Config.diff(one, two) == expected
    assert Config.diff(Config.fromfile(one), two) == expected
    assert Config.diff(one, one) == ''
