"""A base that several files of a chain share is read, parsed and compiled once within one load."""
from __future__ import annotations

import ast
import builtins
import gc
from collections import Counter

import pytest

from mmengine.config import Config

READ = 'from mmengine.config import read_base\nwith read_base():\n'


@pytest.fixture
def counts(monkeypatch) -> Counter:
    """Count what is done to files: `('open' | 'parse' | 'compile', name of the file)`."""
    found: Counter = Counter()
    compile_, open_ = builtins.compile, builtins.open

    def counting_compile(source, filename, mode, flags=0, *args, **kwargs):
        if mode == 'exec':
            found['parse' if flags & ast.PyCF_ONLY_AST else 'compile', str(filename).rpartition('/')[2]] += 1
        return compile_(source, filename, mode, flags, *args, **kwargs)

    def counting_open(file, *args, **kwargs):
        found['open', str(file).rpartition('/')[2]] += 1
        return open_(file, *args, **kwargs)

    monkeypatch.setattr(builtins, 'compile', counting_compile)
    monkeypatch.setattr(builtins, 'open', counting_open)
    return found


def done_to(counts: Counter, file: str) -> dict[str, int]:
    return {what: times for (what, name), times in counts.items() if name == file}


def test_a_lazy_base_of_five_files(write, counts):
    write('base.py', 'import math\nmodel = dict(depth=[n for n in range(2)])\nlr = 1\n')
    for index in range(5):
        write(f'm{index}.py', f'{READ}    from .base import model as model{index}\n'
                              f'model{index}.update(dict(n={index}))\n')
    cfg = Config.fromfile(write('a.py', READ + ''.join(f'    from .m{index} import *\n' for index in range(5))))
    assert [cfg[f'model{index}'] for index in range(5)] == [dict(depth=[0, 1], n=index) for index in range(5)]
    assert done_to(counts, 'base.py') == done_to(counts, 'a.py') == dict(open=1, parse=1, compile=1)
    assert str(cfg.origin_of('model3.depth')).endswith('base.py:2')
    assert str(cfg.origin_of('model3.n')).endswith('m3.py:4')


@pytest.mark.parametrize(('name', 'text', 'done'), [
    ('plain.py', 'model = dict(depth=[0, 1])\n', dict(open=1, parse=1)),
    ('run.py', 'model = dict(depth=list(range(2)))\n', dict(open=1, parse=1, compile=1)),
    ('text.py', "model = dict(depth=[0, 1])\nname = '{{ $'\n", dict(open=1, parse=1)),
    ('template.py', "_base_ = []\nn = tuple('')\nname = '{{ $'\nmodel = dict(depth=[0, 1])\n",
     dict(open=1, parse=1, compile=1)),
    ('data.json', '{"model": {"depth": [0, 1]}}', dict(open=1)), ('data.yaml', 'model: {depth: [0, 1]}', dict(open=1)),
])
def test_a_base_of_five_files_in_text_style(write, counts, name, text, done):
    write(name, text)
    for index in range(5):
        write(f'm{index}.py', f"_base_ = '{name}'\nmodel = dict(n={index})\n")
    cfg = Config.fromfile(write('a.py', READ + ''.join(f'    from .m{index} import model as model{index}\n'
                                                       for index in range(5)) + "model1.update(x=1)\n"))
    assert [cfg[f'model{index}'].n for index in range(5)] == list(range(5))
    assert [cfg[f'model{index}'].depth for index in range(5)] == [[0, 1]] * 5
    assert [len(cfg[f'model{index}']) for index in range(5)] == [2, 3, 2, 2, 2]
    assert done_to(counts, name) == done
    assert str(cfg.origin_of('model3.depth')).partition(name)[2] in (':1', ':4')


def test_a_file_that_has_changed_is_read_anew(write):
    path = write('a.py', 'x = 1\n')
    assert Config.fromfile(path).x == 1
    write('a.py', 'x = 2\n')
    assert Config.fromfile(path).x == 2


def test_one_file_in_both_styles(write):
    write('base.py', 'a = dict(b=[1])\nfor n in range(2):\n    a[str(n)] = n\n')
    write('text.py', "_base_ = './base.py'\na = dict(c=1)\n")
    cfg = Config.fromfile(write('a.py', f'{READ}    from .base import a as one\n    from .text import a as two\n'
                                        f'    from .base import a as three\n'))
    assert (cfg.one, cfg.two) == ({'b': [1], '0': 0, '1': 1}, {'b': [1], '0': 0, '1': 1, 'c': 1})
    assert cfg.three == cfg.one


@pytest.mark.parametrize('is_on', [True, False])
def test_the_collector_is_as_it_was(tmp_path, is_on):
    """It rests while a file is loaded, also where loading fails."""
    (tmp_path / 'good.py').write_text('a = 1\n')
    (tmp_path / 'bad.py').write_text('a = (\n')
    was_on = gc.isenabled()
    (gc.enable if is_on else gc.disable)()
    try:
        assert Config.fromfile(tmp_path / 'good.py').a == 1
        assert gc.isenabled() == is_on
        with pytest.raises(SyntaxError):
            Config.fromfile(tmp_path / 'bad.py')
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if was_on else gc.disable)()
