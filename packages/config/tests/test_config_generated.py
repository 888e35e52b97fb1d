"""Configs that are made up: reading one is as running it, and nothing but documented errors comes out."""
from __future__ import annotations

import ast
import os
import random
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmengine.config import Config, ConfigDict, ConfigParsingError
from mmengine.config.origins import recording
from mmengine.config.plain_file import read_plain, rebuilt
from mmengine.config.python_text import compiled, execute, with_base_values

#: the session `generated` of nox makes a long run of it
COUNT = int(os.environ.get('MMENGINE_GENERATED', '1500'))

NAMES = st.sampled_from(['model', 'lr', 'steps', 'cfg', 'type', 'a_b'])
NUMBERS = st.one_of(st.integers(-10**20, 10**20), st.floats(allow_nan=False), st.booleans(), st.none())
VALUES = st.recursive(
    NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(NAMES | st.text(max_size=3), inner,
                                                                                   max_size=3), max_leaves=8)
QUICK = settings(deadline=None, database=None, derandomize=True,
                 suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@settings(QUICK, max_examples=max(60, COUNT // 25))
@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_printed_reads_back(values):
    cfg = Config(values)
    assert Config.fromstring(cfg.pretty_text, '.py')._cfg_dict == cfg._cfg_dict


EXPRESSIONS = st.recursive(
    st.sampled_from(['1', "'x'", "f'{a} {1.5}{None}x'", "f'{b}'", "f'{a!r}'", "f'{a:>3}'", '{{_base_.m}}',
                     "{{_base_.m['k']}}", "'{{_base_.n}} x'", "f'{{{{_base_.n}}}}{a}'",
                     'a', 'b', '-2', '0.5', '_base_.m', "_base_.m['k']", '_base_.n[0]', '()', '(a,)',
                     'None']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f'[{", ".join(items)}]'),
        inner.map(lambda item: f'dict(k={item}, _delete_=True)'), inner.map(lambda item: f'{{"k": {item}, 3: a}}'),
        st.tuples(inner, st.sampled_from(['+', '-', '*', '/', '//']), inner).map(lambda three: f'({" ".join(three)})'),
        inner.map(lambda item: f'dict(z=1, **{item})')), max_leaves=6)


@settings(QUICK, max_examples=max(300, COUNT // 5))
@given(st.lists(st.tuples(st.sampled_from('abc'), EXPRESSIONS), max_size=5))
def test_reading_is_the_same_as_running(statements):
    source = 'a = 1\nb = dict(q=[a])\n' + ''.join(f'{name} = {value}\n' for name, value in statements)

    def base() -> ConfigDict:
        return ConfigDict(m=dict(k=[1, dict(z=2)]), n=[1])

    read = read_plain(with_base_values(ast.parse(source)), 'a.py', base())
    if read is None:
        return
    with recording('a.py', rebuilt) as recorder:
        ran = execute(compiled(with_base_values(ast.parse(source)), 'a.py'), recorder, base())
    assert repr(read) == repr(ran)
    for key in ran:
        assert read.origin_of(key) == ran.origin_of(key)
        assert repr(read._past_of(key)) == repr(ran._past_of(key))
        if isinstance(ran[key], ConfigDict):
            assert {k: read[key].origin_of(k) for k in ran[key]} == {k: ran[key].origin_of(k) for k in ran[key]}


SEEDS = {
    '.py': b"_base_ = ['./base.py']\nlr = 0.1  # \xc3\xa4\nmodel = dict(type='A', depth=_base_.n, "
           b"steps=[1, 2, *range(3)])\nmodel.update(x={{_base_.n}})\nname = '{{ fileBasename }} {{ $NAME:y }}'\n"
           b"for i in (1, 2):\n    model['a'] = i\n",
    '.json': b'{"_base_": "./base.py", "lr": 0.1, "model": {"type": "A", "depth": {{_base_.n}}, "steps": [1, 2]}}',
    '.yaml': b'_base_: ./base.py\nlr: 0.1\nmodel:\n  type: A\n  steps: [1, 2]\n  when: 2024-01-01\n  d: &x {a: 1}\n'
             b'  e: *x\n',
}
PIECES = [b'{{', b'}}', b'(', b')', b'[', b'dict(', b'_base_', b'\x00', b'\xff', b'\n', b'    ', b"'", b'"', b':', b'=',
          b',', b'!!python/object:os.system ', b'&a ', b'*a', b'{{ $', b'::', b'_delete_=True', b'-', b'9' * 30,
          b'1e999', b'\\', b'import x\n', b'with read_base():\n    from .base import *\n', b'filename = 1\n',
          b'lambda: ', b'%YAML 9\n']


def mutated(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, kind = chance.randrange(len(data) + 1), chance.randrange(4)
        if kind == 0:
            data[at:at] = chance.choice(PIECES)
        elif kind == 1:
            del data[at:at + chance.randint(1, 6)]
        elif kind == 2:
            data[at:at + 1] = bytes([chance.randrange(256)])
        else:
            start = chance.randrange(len(data) + 1)
            data[at:at] = data[start:start + chance.randint(1, 12)]
    return bytes(data)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix='generated') as name:
        Path(name, 'base.py').write_text("n = 3\nmodel = dict(old=1, type='B')\n")
        yield Path(name)


@pytest.mark.parametrize('extension', SEEDS)
def test_mutated_files(folder, extension):
    chance = random.Random(extension)
    path, loaded, refused = folder / f'a{extension}', 0, 0
    for _ in range(COUNT // len(SEEDS) + 1):
        content = mutated(SEEDS[extension], chance)
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # of the parser, on what mutation has made of literals
                Config.fromfile(path, import_custom_modules=False)
            loaded += 1
        except ConfigParsingError:
            refused += 1
        except Exception as error:
            pytest.fail(f'{content!r} raised {error!r}')
    assert min(loaded, refused) > COUNT // 100
