"""Files in Python, JSON and YAML: values, bases, references to bases, templates."""
from __future__ import annotations

import os
import os.path as osp
import warnings
from pathlib import Path

import pytest

from mmengine.config import Config, ConfigDict

BASE = '''
    item1 = [1, 2]
    item2 = dict(a=0, b=dict(c=1, d=[dict(type='A'), dict(type='B')]))
    item3 = True
'''


def test_values_of_a_python_file(write):
    cfg = Config.fromfile(write('a.py', '''
        import math
        _hidden = 1
        __dunder = 2
        a: int = 1
        def double():
            return 2 * a
        b = double()
        c = dict(d=math.floor(2.5), t=(1, [dict(e=1)]))
        c['f'] = lambda: 1
        for i in range(3):
            a += i
    '''))
    assert cfg.to_dict().keys() == {'_hidden', 'a', 'b', 'c', 'i'}
    assert (cfg.a, cfg.b, cfg.c.d, cfg.c.t[1][0].e) == (4, 2, 2, 1)
    assert isinstance(cfg.c.t[1][0], ConfigDict)
    assert cfg.c.f() == 1


@pytest.mark.parametrize(('name', 'text'), [
    ('simple.config.py', 'a = 1\nb = dict(c=[1, 2])\n'),
    ('simple.config.yaml', 'a: 1\nb:\n  c: [1, 2]\n'),
    ('simple.config.yml', 'a: 1\nb: {c: [1, 2]}\n'),
    ('simple.config.json', '{"a": 1, "b": {"c": [1, 2]}}'),
])
def test_the_three_formats_give_the_same(write, name, text):
    path = write(name, text)
    cfg = Config.fromfile(path)
    assert cfg._cfg_dict == {'a': 1, 'b': {'c': [1, 2]}}
    assert cfg.filename == path
    assert Config.fromstring(text, osp.splitext(name)[1])._cfg_dict == cfg._cfg_dict
    assert Config.fromfile(Path(path))._cfg_dict == cfg._cfg_dict


def test_text_is_that_of_the_bases_and_the_file(write):
    base = write('base.py', 'a = 1\n')
    path = write('child.py', "_base_ = './base.py'\n")
    assert Config.fromfile(path).text == f"{base}\na = 1\n\n{path}\n_base_ = './base.py'\n"


def test_bases_of_all_formats_in_one_list(write):
    write('b1.py', 'a = dict(x=1, y=dict(z=2))\n')
    write('b2.yaml', 'b: {x: 1}\n')
    write('b3.json', '{"c": [1, 2]}')
    cfg = Config.fromfile(write('d/child.py', '''
        _base_ = ['../b1.py', '../b2.yaml', '../b3.json']
        a = dict(y=dict(w=3))
        b = dict(_delete_=True, q=1, r=dict(_delete_=True, s=1))
        c = 0
    '''))
    assert cfg._cfg_dict == {'a': {'x': 1, 'y': {'z': 2, 'w': 3}}, 'b': {'q': 1, 'r': {'s': 1}}, 'c': 0}
    assert isinstance(cfg.b.r, ConfigDict)


@pytest.mark.parametrize(('name', 'text'), [
    ('child.json', '{"_base_": "./base.py", "a": {{_base_.item1}}, "b": [{"c": {{ _base_.item2.b }}}], '
                   '"d": "_base_.x"}'),
    ('child.yaml', '_base_: ./base.py\na: {{_base_.item1}}\nb:\n  - c: {{ _base_.item2.b }}\nd: _base_.x\n'),
    ('child.py', "_base_ = './base.py'\na = {{_base_.item1}}\nb = [dict(c={{ _base_.item2.b }})]\nd = '_base_.x'\n"),
    ('child.py', "_base_ = './base.py'\na = _base_.item1\nb = [dict(c=_base_['item2'].b)]\nd = '_base_.x'\n"),
])
def test_references_to_the_base(write, name, text):
    write('base.py', BASE)
    cfg = Config.fromfile(write(name, text))
    assert cfg.a == [1, 2]
    assert cfg.b[0].c == cfg.item2.b
    assert cfg.b[0].c is not cfg.item2.b
    assert cfg.a is not cfg.item1
    assert cfg.d == '_base_.x'
    assert isinstance(cfg.b[0].c.d[1], ConfigDict)


def test_references_inside_strings(write):
    write('base.py', BASE)
    assert Config.fromfile(write('a.py', "_base_ = './base.py'\nx = 'at/{{_base_.item3}}'\n")).x == 'at/True'
    assert Config.fromfile(write('a.yaml', "_base_: ./base.py\nx: 'at/{{_base_.item3}}'\n")).x == 'at/True'


def test_in_place_edits_of_the_base(write):
    write('_base_/default_runtime.py', '''
        visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')], name='v')
        lst = [1, dict(a=1)]
    ''')
    cfg = Config.fromfile(write('configs/a.py', '''
        _base_ = ["../_base_/default_runtime.py"]
        _base_.visualizer.vis_backends = [
            dict(type='WandbVisBackend', init_kwargs={'project': 'mmdet', 'entity': 'geekyrakshit'}),
        ]
        _base_.lst[0] = 5
        _base_.lst[1].update(b=2)
        first, *rest = _base_.lst
    '''))
    assert cfg.visualizer == dict(type='Visualizer', name='v', vis_backends=[
        dict(type='WandbVisBackend', init_kwargs=dict(project='mmdet', entity='geekyrakshit'))])
    assert isinstance(cfg.visualizer.vis_backends[0].init_kwargs, ConfigDict)
    assert cfg.lst == [5, dict(a=1, b=2)]
    assert (cfg.first, cfg.rest) == (5, [dict(a=1, b=2)])


def test_names_that_share_a_value_get_copies(write):
    cfg = Config.fromfile(write('a.py', '''
        pipeline = [dict(type='Load')]
        train = dict(dataset=dict(pipeline=pipeline))
        val = dict(dataset=dict(pipeline=pipeline))
    '''))
    cfg.train.dataset.pipeline[0].type = 'Other'
    assert cfg.val.dataset.pipeline[0].type == cfg.pipeline[0].type == 'Load'


@pytest.mark.parametrize(('name', 'text'), [
    ('c.d.py', "a = '{{ fileDirname }}'\nb = '{{fileBasename}}'\n"
               "c = '{{  fileBasenameNoExtension}}'\nd = '{{fileExtname }}'\n"),
    ('c.d.yaml', "a: '{{ fileDirname }}'\nb: '{{fileBasename}}'\n"
                 "c: '{{  fileBasenameNoExtension}}'\nd: '{{fileExtname }}'\n"),
])
def test_predefined_variables(write, name, text):
    path = write(name, text)
    cfg = Config.fromfile(path)
    assert cfg._cfg_dict == {'a': osp.dirname(path).replace(os.sep, '/'), 'b': name, 'c': 'c.d',
                             'd': osp.splitext(name)[1]}
    assert Config.fromfile(path, False).b == '{{fileBasename}}'


def test_environment_variables(write, monkeypatch):
    monkeypatch.setenv('MMPARTS_A', 'text')
    monkeypatch.delenv('MMPARTS_B', raising=False)
    cfg = Config.fromfile(write('a.py', '''
        a = '{{$MMPARTS_A:x}}'
        b = '{{ $MMPARTS_B:80 }}'
        c = {{' $MMPARTS_B:80 '}}
        d = {{" $MMPARTS_B:-1.5 "}}
    '''))
    assert cfg._cfg_dict == {'a': 'text', 'b': '80', 'c': 80, 'd': -1.5}
    assert cfg.env_variables == {'MMPARTS_A': 'text'}
    path = write('b.py', "x = 1\na = '{{$MMPARTS_B:}}'\n")
    with pytest.raises(KeyError, match=r"'MMPARTS_B' is not set and has no default \(.*b\.py:2\)"):
        Config.fromfile(path)
    assert Config.fromfile(path, use_environment_variables=False).a == '{{$MMPARTS_B:}}'


def test_deprecation(write):
    write('new.py', 'a = 1\n')
    with_base = write('old.py', "_base_ = './new.py'\n_deprecation_ = dict(expected='new.py', reference='link')\n")
    with pytest.warns(DeprecationWarning, match=r'old\.py is deprecated.*; use new\.py in its place \(see link\)'):
        cfg = Config.fromfile(with_base)
    assert cfg._cfg_dict == {'a': 1}
    with pytest.warns(DeprecationWarning, match='older.py'):
        cfg = Config.fromfile(write('older.py', "_deprecation_ = dict(expected='./new.py')\n"))
    assert cfg._cfg_dict == {'a': 1}
    with pytest.warns(DeprecationWarning, match='old.py'):
        assert Config.fromfile(write('child.py', "_base_ = './old.py'\nb = 1\n"))._cfg_dict == {'a': 1, 'b': 1}


def test_custom_imports(write, tmp_path, monkeypatch):
    write('mmparts_custom_module.py', 'LOADED = True\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    path = write('a.py', "custom_imports = dict(imports=['mmparts_custom_module'], allow_failed_imports=False)\n")
    Config.fromfile(path)
    import mmparts_custom_module
    assert mmparts_custom_module.LOADED
    path = write('b.py', "custom_imports = dict(imports=['no_such_module_mmparts'], allow_failed_imports=False)\n")
    with pytest.raises(ImportError, match=r'Failed to import custom modules from .*no_such_module_mmparts.*b\.py:1'):
        Config.fromfile(path)
    assert 'custom_imports' in Config.fromfile(path, import_custom_modules=False)


def test_utf8_whatever_the_locale(write, tmp_path):
    path = tmp_path / 'a.py'
    path.write_bytes('\ufeffa = "日本 ü"  # 注\r\nb = 1\r\n'.encode())
    cfg = Config.fromfile(path)
    assert cfg.a == '日本 ü'
    cfg.dump(tmp_path / 'b.py')
    assert Config.fromfile(tmp_path / 'b.py').a == '日本 ü'


def test_nothing_is_left_behind(write, tmp_path, monkeypatch):
    path = write('configs/a.py', "_base_ = 'b.py'\na = '{{fileBasename}}'\n")
    write('configs/b.py', 'b = 1\n')
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'nowhere'))  # a temporary file would fail
    Config.fromfile(path)
    assert sorted(os.listdir(tmp_path / 'configs')) == ['a.py', 'b.py']


def test_loading_gives_no_warnings(write):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        Config.fromfile(write('a.py', 'a = dict(b=1)\na["c"] = 2\n'))
