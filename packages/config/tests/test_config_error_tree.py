"""Every kind of mistake: an exception of the documented tree, of upstream's type too, with file, line and key."""
from __future__ import annotations

import copy
import json
import os
import pickle
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mmengine import config as config_package
from mmengine.config import Config, ConfigParsingError, DictAction


class Mistake(NamedTuple):
    """The files and what is done with them, what upstream raises, where the error is, and what it has to say."""

    files: dict[str, bytes]
    do: Callable[[], Any]
    builtin: type[Exception]
    file: str | None
    line: int | None
    key: str | None
    says: str


def load(name: str = 'a.py') -> Config:
    return Config.fromfile(name)


def options(**given: Any) -> None:
    load().merge_from_dict({key.replace('__', '.'): value for key, value in given.items()}, allow_new=False)


def on_the_command_line() -> None:
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    parser.parse_args(['--cfg-options', 'model.depth=[1,2'])


LAZY = b'from mmengine.config import read_base\nwith read_base():\n    from .%s import *\n'
MISTAKES = {
    'syntax error in Python': Mistake({'a.py': b'a = 1\nb = (\n'}, load, SyntaxError, 'a.py', 2, None, 'never closed'),
    'syntax error in JSON': Mistake({'a.json': b'{"a": 1,\n "b": }'}, lambda: load('a.json'), ValueError, 'a.json', 2,
                                    None, 'Expecting value'),
    'syntax error in YAML': Mistake({'a.yaml': b'a: 1\nb: [1, 2\n'}, lambda: load('a.yaml'), SyntaxError, 'a.yaml', 3,
                                    None, 'did not find'),
    'a date that is none': Mistake({'a.yaml': b'a: 1\nb: 2024-99-99\n'}, lambda: load('a.yaml'), ValueError, 'a.yaml',
                                   2, None, 'month must be in'),
    'missing file': Mistake({}, load, FileNotFoundError, 'a.py', None, None, 'There is no config'),
    'missing base': Mistake({'a.py': b"x = 1\n_base_ = ['./b.py']\n"}, load, FileNotFoundError, 'a.py', 2, '_base_',
                            'names as its base'),
    'missing base, lazy': Mistake({'a.py': LAZY % b'nobody'}, load, RuntimeError, 'a.py', 3, '_base_',
                                  'names as its base'),
    'base of a library that is not known': Mistake({'a.py': b"\n_base_ = 'nolib::b.py'\n"}, load, ConfigParsingError,
                                                   'a.py', 2, '_base_', 'not a library'),
    'cyclic base': Mistake({'a.py': b"_base_ = 'b.py'\n", 'b.py': b"\n_base_ = 'a.py'\n"}, load, RecursionError, 'b.py',
                           2, '_base_', 'lead back'),
    'cyclic base, lazy': Mistake({'a.py': LAZY % b'b', 'b.py': LAZY % b'a'}, load, RecursionError, 'b.py', 3, '_base_',
                                 'lead back'),
    'duplicate keys across bases': Mistake(
        {'b.py': b'k = 1\n', 'c.py': b'\nk = 2\n', 'a.py': b"_base_ = ['b.py',\n'c.py']\n"}, load, KeyError, 'a.py', 2,
        'k', "'k' at "),
    'reserved key': Mistake({'a.py': b'x = 1\nfilename = 2\n'}, load, KeyError, 'a.py', 2, 'filename',
                            'filename is reserved'),
    'lazy import of no module': Mistake({'a.py': b'\nfrom no_such_module import X\na = dict(type=X)\n'},
                                        lambda: load().a.type, ModuleNotFoundError, 'a.py', 2, 'type',
                                        'no_such_module'),
    'lazy import of no name': Mistake({'a.py': b'\nfrom mmengine.config import Confg\na = dict(type=Confg)\n'},
                                      lambda: load().a.type, ImportError, 'a.py', 2, 'type', "Did you mean 'Config'"),
    'lazy attribute that is not there': Mistake({'a.py': b'import mmengine.fileio\na = mmengine.fileio.Nothing\n'},
                                                lambda: load().a, ImportError, 'a.py', 1, 'a',
                                                'mmengine.fileio.Nothing'),
    'lazy name that the base has not': Mistake(
        {'b.py': b'lr = 1\n', 'a.py': b'from mmengine.config import read_base\nwith read_base():\n    '
                                      b'from .b import lrr\n'}, load, KeyError, 'a.py', 3, 'lrr', "Did you mean 'lr'"),
    'bad override': Mistake({}, on_the_command_line, AssertionError, None, None, 'model.depth', 'Imbalanced brackets'),
    'override into a number': Mistake({'a.py': b'a = 1\n'}, lambda: options(a__b=1), TypeError, None, None, 'a',
                                      'cannot be merged into 1'),
    'override beyond a list': Mistake({'a.py': b'a = [1]\n'}, lambda: load().merge_from_dict({'a.7': 1}), KeyError,
                                      None, None, 'a.7', 'exceeds the length'),
    'override of an unknown key': Mistake(
        {'a.py': b'a = 1\nmodel = dict(\n  depth=5)\n'}, lambda: options(model__dpth=1), KeyError, 'a.py', 3,
        'model.dpth', r"Did you mean 'model\.depth'.*a\.py:3"),
    'dict over a number': Mistake({'b.py': b'a = dict(b=1)\n', 'a.py': b"_base_ = 'b.py'\na = dict(\n  b=dict(c=1))\n"},
                                  load, TypeError, 'a.py', 3, 'a.b', '_delete_=True'),
    'no UTF-8 in Python': Mistake({'a.py': b'a = 1\nb = "\xff"\n'}, load, UnicodeDecodeError, 'a.py', 2, None, 'UTF-8'),
    'no UTF-8 in JSON': Mistake({'a.json': b'{"a":\n "\xff"}'}, lambda: load('a.json'), UnicodeDecodeError, 'a.json', 2,
                                None, 'UTF-8'),
    'no UTF-8 in YAML': Mistake({'a.yaml': b'\n\na: "\xff"'}, lambda: load('a.yaml'), UnicodeDecodeError, 'a.yaml', 3,
                                None, 'UTF-8'),
    '10 MB': Mistake({'a.py': b'a = 1\n#' + b'x' * 10_000_000}, load, OSError, 'a.py', None, None, '10 MB or more'),
    'a base chain 1,000 deep': Mistake(
        {**{f'c{at}.py': f"_base_ = 'c{at + 1}.py'\n".encode() for at in range(1000)}, 'c1000.py': b'a = 1\n'},
        lambda: load('c0.py'), RecursionError, 'c99.py', 1, '_base_', 'chain of more than 100'),
    'a lazy chain 1,000 deep': Mistake(
        {**{f'c{at}.py': LAZY % f'c{at + 1}'.encode() for at in range(1000)}, 'c1000.py': b'a = 1\n'},
        lambda: load('c0.py'), RecursionError, 'c99.py', 3, '_base_', 'chain of more than 100'),
    'a reference to what the base has not': Mistake(
        {'b.py': b'lr = 1\n', 'a.py': b"_base_ = 'b.py'\nx = {{_base_.rl}}\n"}, load, KeyError, 'a.py', 2, 'rl',
        "'rl' is not there"),
    'the same in a string': Mistake({'b.py': b'lr = 1\n', 'a.py': b"_base_ = 'b.py'\n\nx = 'a {{_base_.no.lr}}'\n"},
                                    load, KeyError, 'a.py', 3, 'no.lr', "'no' is not there"),
    'the same in YAML': Mistake({'b.py': b'lr = 1\n', 'a.yaml': b'_base_: b.py\nx: {{_base_.rl}}\n'},
                                lambda: load('a.yaml'), KeyError, 'a.yaml', 2, 'rl', "'rl' is not there"),
    'an environment variable that is not set': Mistake({'a.py': b"\na = '{{ $MMENGINE_NOT_SET }}'\n"}, load, KeyError,
                                                       'a.py', 2, 'MMENGINE_NOT_SET', 'is not set'),
    'custom_imports': Mistake({'a.py': b"\ncustom_imports = dict(imports=['no_such_module'])\n"}, load, ImportError,
                              'a.py', 2, 'custom_imports', 'Failed to import custom modules'),
    'both ways to name a base': Mistake({'a.py': LAZY % b'b' + b"_base_ = 'b.py'\n", 'b.py': b'a = 1\n'}, load,
                                        RuntimeError, 'a.py', 2, '_base_', 'one file has one way'),
    'an import of everything': Mistake({'a.py': b'\nfrom mmengine.fileio import *\n'}, load, RuntimeError, 'a.py', 2,
                                       None, 'Illegal syntax in config'),
    'an extension of another kind': Mistake({'a.txt': b'a = 1'}, lambda: load('a.txt'), OSError, 'a.txt', None, None,
                                            'Only py/yml/yaml/json'),
    'a list at the top': Mistake({'a.json': b'[1]'}, lambda: load('a.json'), TypeError, 'a.json', None, None,
                                 'must hold a mapping'),
    'code that fails': Mistake({'a.py': b'a = 1\nb = a / 0\n'}, load, ZeroDivisionError, 'a.py', 2, None,
                               'ZeroDivisionError'),
    'a value that contains itself': Mistake({'a.py': b'a = []\na.append(a)\n'}, load, RuntimeError, 'a.py', 2, 'a',
                                            'contains itself'),
}


@pytest.mark.parametrize('name', MISTAKES)
def test_every_kind_of_mistake(name, tmp_path, monkeypatch):
    mistake = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    for file, content in mistake.files.items():
        Path(file).write_bytes(content)
    with pytest.raises(mistake.builtin, match=mistake.says) as caught:
        mistake.do()
    error = caught.value
    assert isinstance(error, ConfigParsingError)
    file = None if error.file is None else os.path.relpath(error.file, os.path.realpath(tmp_path))
    file = file if file is None or not file.startswith(os.pardir) else os.path.relpath(error.file, tmp_path)
    assert (file, error.line, error.key) == (mistake.file, mistake.line, mistake.key)
    if mistake.line is not None and not isinstance(error, SyntaxError):  # whose text has the last part of the path only
        assert any(f'{error.file}{between}{error.line}' in str(error) for between in (':', ', line ', ' (line ')) \
            or f'{error.file} names' in str(error)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(again), again.file, again.line, again.key) == (str(error), error.file, error.line, error.key)
        assert isinstance(again, ConfigParsingError)


def test_a_folder_in_the_place_of_a_config(tmp_path):
    (tmp_path / 'a.py').mkdir()
    with pytest.raises(IsADirectoryError if os.name != 'nt' else PermissionError, match='cannot be read') as caught:
        Config.fromfile(tmp_path / 'a.py')
    assert isinstance(caught.value, ConfigParsingError)
    assert caught.value.filename == caught.value.file == str(tmp_path / 'a.py')


@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='nothing is forbidden to this user')
def test_a_file_that_must_not_be_read(tmp_path):
    (tmp_path / 'a.py').touch(0o000)
    with pytest.raises(PermissionError, match='cannot be read') as caught:
        Config.fromfile(tmp_path / 'a.py')
    assert isinstance(caught.value, ConfigParsingError)


def test_the_tree_is_drawn_as_it_is():
    """The module's docstring names every exception, below the one it is of, with the built-in ones beside it."""
    from mmengine.config import errors
    parents: list[type] = []
    drawn = set()
    for line in (errors.__doc__ or '').splitlines():
        depth, name = line.count('|'), line.replace('|-- ', '').replace('|', '').strip().partition(' ')[0]
        kind = getattr(errors, name, None)
        if not isinstance(kind, type):
            continue
        assert depth == 0 or issubclass(kind, parents[depth - 1])
        parents[depth:] = [kind]
        assert getattr(config_package, name) is kind
        drawn.add(kind)
    public = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ConfigParsingError)}
    assert drawn == public


EVIL = ["!!python/object/apply:os.system ['touch {made}']", '!!python/object/new:os.system ["touch {made}"]',
        '!!python/object/apply:builtins.open ["{made}", "w"]', '!!python/name:os.system', '!!python/module:os',
        '!!python/object:mmengine.config.Config {{}}', '!!python/tuple [1, 2]']


@pytest.mark.parametrize('tag', EVIL)
def test_yaml_runs_nothing(tag, tmp_path):
    made = tmp_path / 'made'
    path = tmp_path / 'a.yaml'
    path.write_text(f'ok: 1\nevil: {tag.format(made=made)}\n', encoding='utf-8')
    with pytest.raises(ConfigParsingError, match='constructor') as caught:
        Config.fromfile(path)
    assert (caught.value.file, caught.value.line) == (str(path), 2)
    with pytest.raises(ConfigParsingError, match='constructor'):
        Config.fromstring(path.read_text(encoding='utf-8'), '.yaml')
    assert not made.exists()


def test_json_runs_nothing(tmp_path):
    text = json.dumps({'py/object': 'os.system', '__reduce__': ['os.system', ['true']], 'a': '__import__("os")'})
    assert Config.fromstring(text, '.json').to_dict() == json.loads(text)
    with pytest.raises(ConfigParsingError):
        Config.fromstring('{"a": __import__("os")}', '.json')
