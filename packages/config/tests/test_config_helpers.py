"""Steps of loading that existing code calls by themselves, and configs of other libraries."""
from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import yaml

from mmengine.config import Config, ConfigDict
from mmengine.config.utils import (
    MODULE2PACKAGE,
    _get_cfg_metainfo,
    _get_external_cfg_base_path,
    _get_external_cfg_path,
    _get_package_and_cfg_path,
)


def test_file2dict_gives_three_things(write, monkeypatch):
    monkeypatch.setenv('MMPARTS_A', '5')
    path = write('a.py', 'a = {{"$MMPARTS_A:1"}}\n')
    cfg, text, variables = Config._file2dict(path)
    assert (cfg, text, variables) == ({'a': 5}, f'{path}\na = {{{{"$MMPARTS_A:1"}}}}\n', {'MMPARTS_A': '5'})
    assert isinstance(cfg, ConfigDict)


def test_substitutions_from_file_to_file(write, tmp_path, monkeypatch):
    out = str(tmp_path / 'out.py')
    path = write('a.py', "a = '{{fileBasename}}'\nb = '{{$MMPARTS_A:x}}'\n")
    Config._substitute_predefined_vars(path, out)
    assert Path(out).read_text() == "a = 'a.py'\nb = '{{$MMPARTS_A:x}}'\n"
    monkeypatch.setenv('MMPARTS_A', 'y')
    assert Config._substitute_env_variables(path, out) == {'MMPARTS_A': 'y'}
    assert "b = 'y'" in Path(out).read_text()


@pytest.mark.parametrize(('name', 'read'), [('a.json', json.loads), ('a.yaml', yaml.safe_load)])
def test_references_to_bases_by_placeholders(write, tmp_path, name, read):
    path = write(name, '{"a": {{ _base_.item1.x }}, "b": [{{_base_.item2}}]}')
    out = tmp_path / f'out_{name}'
    keys = Config._pre_substitute_base_vars(path, str(out))
    assert sorted(keys.values()) == ['item1.x', 'item2']
    assert all(placeholder.startswith(f'_{key.rpartition(".")[2]}') for placeholder, key in keys.items())
    assert all(placeholder.isidentifier() for placeholder in keys)
    cfg = Config._substitute_base_vars(read(out.read_text()), keys, dict(item1=dict(x=1), item2=(1, 2)))
    assert cfg == {'a': 1, 'b': [(1, 2)]}


def test_syntax_and_bases(write):
    Config._validate_py_syntax(write('a.py', 'a = 1\n'))
    with pytest.raises(SyntaxError):
        Config._validate_py_syntax(write('b.py', 'a =\n'))
    assert Config._get_base_files(write('c.py', "_base_ = ['a.py', 'b.py']\n")) == ['a.py', 'b.py']
    assert Config._get_base_files(write('c.yaml', '_base_: a.py\n')) == ['a.py']
    assert Config._get_cfg_path('../b.py', '/x/y/a.py') == ('/x/y/../b.py', None)


def test_merge_of_plain_dicts():
    merged = Config._merge_a_into_b(dict(a=dict(b=1), n=dict(x=1)), dict(a=dict(c=1)))
    assert merged == dict(a=dict(b=1, c=1), n=dict(x=1))


def test_scope_is_noted_in_the_outermost_typed_dicts():
    plain = dict(model=dict(type='A', neck=dict(type='B')), pipe=[dict(type='C')], x=1)
    cfg = Config._dict_to_config_dict(plain, 'mmx')
    assert cfg == dict(model=dict(type='A', neck=dict(type='B'), _scope_='mmx'), pipe=[dict(type='C', _scope_='mmx')],
                       x=1)
    assert isinstance(cfg.pipe[0], ConfigDict)


@pytest.mark.parametrize('name', ['mmdet/a.py', 'mmdet:a.py', 'mmdet:::a.py', 'mmdet::a::b.py', '::a.py'])
def test_names_that_are_no_external_configs(name):
    with pytest.raises(ValueError, match='mmdet::faster_rcnn'):
        _get_package_and_cfg_path(name)


def test_external_names():
    assert _get_package_and_cfg_path('mmdet::path/cfg.py') == ('mmdet', 'path/cfg.py')


@pytest.fixture
def mmyolo(write, tmp_path, monkeypatch):
    """A library of the family, as it is installed."""
    write('mmyolo/__init__.py', '')
    write('mmyolo/.mim/configs/_base_/models.py', "model = dict(type='Yolo', head=dict(type='Head'))\n")
    write('mmyolo/.mim/configs/yolo/yolo_s.py', "_base_ = '../_base_/models.py'\n")
    write('mmyolo/.mim/model-index.yml', 'Import:\n  - configs/yolo/metafile.yml\n')
    write('mmyolo/.mim/configs/yolo/metafile.yml',
          'Models:\n  - Name: yolo_s\n    Config: configs/yolo/yolo_s.py\n    Weights: https://x/y.pth\n')
    write('mmyolo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\nName: mmyolo\nVersion: 1.0\n')
    write('mmyolo-1.0.dist-info/RECORD', 'mmyolo/__init__.py,,\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path / 'mmyolo'
    sys.modules.pop('mmyolo', None)


def test_a_base_in_another_library(write, mmyolo):
    cfg = Config.fromfile(write('a.py', "_base_ = 'mmyolo::yolo/yolo_s.py'\nmodel = dict(head=dict(n=1))\n"))
    assert cfg.model == dict(type='Yolo', head=dict(type='Head', n=1), _scope_='mmyolo')
    with pytest.raises(FileNotFoundError, match='yolo_x'):
        Config.fromfile(write('b.py', "_base_ = 'mmyolo::yolo/yolo_x.py'\n"))


def test_the_index_of_another_library(mmyolo):
    folder = str(mmyolo)
    assert _get_cfg_metainfo(folder, 'yolo/yolo_s.py')['Weights'] == 'https://x/y.pth'
    assert _get_external_cfg_path(folder, 'yolo/yolo_s.py').endswith('.mim/configs/yolo/yolo_s.py')
    assert _get_external_cfg_base_path(folder, '_base_/models.py').endswith('.mim/configs/_base_/models.py')
    with pytest.raises(FileNotFoundError):
        _get_external_cfg_base_path(folder, '_base_/nothing.py')
    with pytest.raises(ValueError, match="No model 'yolo_m'.*'yolo_s'"):
        _get_external_cfg_path(folder, 'yolo/yolo_m.py')


def test_libraries_that_are_not_there(write):
    with pytest.raises(ModuleNotFoundError, match='pip install mmflow'):
        Config.fromfile(write('a.py', "_base_ = 'mmflow::a.py'\n"))
    with pytest.raises(TypeError, match="'mmdetect'.*'mmdet'"):
        Config.fromfile(write('a.py', "_base_ = 'mmdetect::a.py'\n"))
    assert MODULE2PACKAGE['mmseg'] == 'mmsegmentation'


def test_torch_is_not_imported():
    import subprocess
    code = 'import sys, mmengine.config; sys.exit("torch" in sys.modules or "yapf" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
