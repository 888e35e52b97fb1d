"""Configs on the command line."""
from __future__ import annotations

from argparse import ArgumentParser

import pytest

from mmengine.config import Config, DictAction


def parse(*args: str) -> dict:
    parser = ArgumentParser()
    parser.add_argument('--options', nargs='+', action=DictAction, default={})
    return parser.parse_args(args).options


@pytest.mark.parametrize(('text', 'value'), [
    ('1', 1), ('-2.5', -2.5), ('1e-3', 0.001), ('true', True), ('False', False), ('None', None), ('abc', 'abc'),
    ('', ''), ('a,b', ['a', 'b']), ('a, b c', ['a', 'b c']), ('[a]', ['a']), ('(a)', ('a',)), ('(a,)', ('a',)),
    ('[]', []),
    ('[(a,b), [1,2], false]', [('a', 'b'), [1, 2], False]), ('"a b"', 'a b'), ("['a',b]", ['a', 'b']), ('k=v', 'k=v'),
    ('(1,2),(3,4)', [(1, 2), (3, 4)]), ('dict(a=1,b=2)', 'dict(a=1,b=2)'),
])
def test_values(text, value):
    found = parse('--options', f'a.b={text}')['a.b']
    assert found == value
    assert type(found) is type(value)


def test_options_given_again_add():
    assert parse('--options', 'a=1', 'b=2', '--options', 'b=3', 'c=x') == {'a': 1, 'b': 3, 'c': 'x'}
    assert parse() == {}


@pytest.mark.parametrize('text', ['[(a,b), [1,2], false', '(a,b', '[1', 'a,b)'])
def test_brackets_that_do_not_match(text):
    with pytest.raises(AssertionError, match='Imbalanced brackets'):
        parse('--options', f'a={text}')


def test_no_pair(capsys):
    with pytest.raises(SystemExit):
        parse('--options', 'a')
    assert "'a' is not of the form KEY=VALUE" in capsys.readouterr().err


def test_options_into_a_config():
    cfg = Config(dict(model=dict(depth=50, layers=[1, 2])))
    cfg.merge_from_dict(parse('--options', 'model.depth=101', 'model.layers.0=5', 'lr=0.1'))
    assert cfg._cfg_dict == dict(model=dict(depth=101, layers=[5, 2]), lr=0.1)


def test_auto_argparser(write, monkeypatch):
    path = write('a.py', "a = 1\nb = 'x'\nc = True\nd = [1, 2]\ne = dict(f=1.5)\ng = None\nh = []\n")
    monkeypatch.setattr('sys.argv', ['train.py', path])
    parser, cfg = Config.auto_argparser('Train')
    assert cfg.e.f == 1.5
    args = vars(parser.parse_args())
    assert args.pop('config') == path
    assert set(args) == {'a', 'b', 'c', 'd', 'e.f', 'g', 'h'}
    assert not any(args.values())
    args = vars(parser.parse_args([path, '--a', '3', '--c', '--d', '4', '5', '--e.f', '2']))
    assert (args['a'], args['c'], args['d'], args['e.f']) == (3, True, [4, 5], 2.0)
