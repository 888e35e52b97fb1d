"""Files in the pure Python style."""
from __future__ import annotations

import ast
import copy
import json
import json.decoder
import os
import pickle

import pytest

import mmengine.fileio
from mmengine.config import Config, ConfigDict, ConfigParsingError
from mmengine.config.lazy import LazyAttr, LazyObject
from mmengine.config.utils import ImportTransformer, _gather_abs_import_lazyobj, _is_builtin_module
from mmengine.fileio import LocalBackend


@pytest.fixture
def path(write) -> str:
    write('base/runtime.py', '''
        from mmengine.fileio import LocalBackend
        backend = dict(type=LocalBackend, kwargs=dict(a=1))
        hooks = [dict(type=LocalBackend)]
        num = 3
        def twice(x):
            return 2 * x
    ''')
    write('base/other.py', 'other = dict(a=1)\nunused = 1\n')
    return write('sub/child.py', '''
        from mmengine.config import read_base
        with read_base():
            from ..base.runtime import *
            from ..base.other import other as renamed
        import os.path as osp
        import mmengine.fileio
        import mmengine.fileio.backends as backends
        from mmengine.fileio import LocalBackend as Local, JsonHandler
        backend.update(dict(kwargs=dict(b=2)))
        backend.kwargs.c = 3
        joined = osp.join('a', 'b')
        attr = dict(f=mmengine.fileio.load, g=Local.get, h=backends.LocalBackend)
        doubled = twice(num)
        model = dict(type=JsonHandler, parts=[dict(type=Local)])
    ''')


def test_values(path):
    cfg = Config.fromfile(path)
    assert list(cfg) == ['backend', 'hooks', 'num', 'renamed', 'joined', 'attr', 'doubled', 'model']
    assert cfg.backend == dict(type=dict.get(cfg.backend, 'type'), kwargs=dict(a=1, b=2, c=3))
    assert cfg.backend.type is cfg.model.parts[0].type is cfg.attr.h is LocalBackend
    assert cfg.attr.f is mmengine.fileio.load
    assert cfg.attr.g is LocalBackend.get
    assert (cfg.joined, cfg.doubled, cfg.renamed) == (os.path.join('a', 'b'), 6, {'a': 1})
    assert isinstance(cfg.model.parts[0], ConfigDict)


def test_dumps(path, tmp_path):
    cfg = Config.fromfile(path)
    values = cfg.to_dict()
    assert values['backend']['type'] == 'mmengine.fileio.LocalBackend'
    assert values['attr'] == dict(f='mmengine.fileio.load', g='mmengine.fileio.LocalBackend.get',
                                  h='mmengine.fileio.backends.LocalBackend')
    for one in (cfg, cfg.copy(), copy.deepcopy(cfg), pickle.loads(pickle.dumps(cfg))):
        for extension in ('.py', '.json', '.yaml'):
            one.dump(tmp_path / f'dump{extension}')
            assert Config.fromfile(tmp_path / f'dump{extension}').to_dict() == values
    assert pickle.loads(pickle.dumps(cfg)).__dict__ == cfg.__dict__
    assert json.loads(json.dumps(values)) == values


def test_which_files_are_of_this_style(write):
    for text, lazy in {'import os.path\na = 1\n': False, 'import numpy\n': True, 'from .a import b\n': True,
                       "_base_ = 'a.py'\nimport numpy\n": False, 'a = "import"\n': False,
                       'with read_base():\n    from .a import *\n': True}.items():
        assert Config._is_lazy_import(write('x.py', text)) is lazy, text
    assert not Config._is_lazy_import(write('x.yaml', 'import: 1\n'))
    assert _is_builtin_module('os')
    assert _is_builtin_module('os.path')
    assert not _is_builtin_module('numpy')


def test_the_two_styles_in_one_chain(write):
    write('root.py', "lr = 0.1\nmodel = dict(type='A', depth=1)\n")
    write('text.py', "_base_ = './root.py'\nmodel = dict(depth=2)\n")
    lazy = write('lazy.py', """
        from mmengine.config import read_base
        from json import decoder
        from addict import Dict
        with read_base():
            from .text import *
        model.update(width=3)
        other = dict(type=Dict)
    """)
    cfg = Config.fromfile(lazy)
    assert cfg.to_dict() == dict(lr=0.1, model=dict(type='A', depth=2, width=3), other=dict(type='addict.Dict'))
    top = write('top.py', "_base_ = './lazy.py'\nmodel = dict(width=4)\nother = dict(x=_base_.lr)\n")
    cfg = Config.fromfile(top)
    assert cfg.to_dict() == dict(lr=0.1, model=dict(type='A', depth=2, width=4), other=dict(type='addict.Dict', x=0.1))
    assert [str(step).rpartition('/')[2] for step in cfg.origin('model.width')] == ['lazy.py:6', 'top.py:2']


def test_one_file_has_one_style(write):
    write('root.py', 'lr = 0.1\n')
    path = write('a.py', """
        _base_ = './root.py'
        from mmengine.config import read_base
        with read_base():
            from .root import *
    """)
    with pytest.raises(RuntimeError, match=r'a\.py names its bases in `_base_ = ...` and, in line 3'):
        Config.fromfile(path)


@pytest.mark.parametrize(('text', 'message'), [
    ('from addict import *\n', r'Illegal syntax in config! `from xxx import \*`'),
    ('from .base import *\n', r'Illegal syntax in config! `from xxx import \*`'),
    ('from .base import a\n', 'relative import'),
    ('import addict\nwith open("a") as f:\n    pass\n', 'Only `with read_base'),
    ('with read_base():\n    a = 1\n', r'Only `from .*a\.py:2 has `a = 1`'),
    ('with read_base():\n    from .base import aa\n', r"a\.py:2 imports 'aa', which its base does not have"),
    ('with read_base():\n    from no_such_package_mmparts.configs.x import *\n', 'no package'),
])
def test_what_cannot_stand_in_such_a_file(write, text, message):
    write('base.py', 'a = 1\n')
    with pytest.raises(ConfigParsingError, match=message):
        Config.fromfile(write('a.py', text))


def test_a_base_that_is_not_there(write):
    with pytest.raises(FileNotFoundError, match=r'bas\.py.*a\.py:2'):
        Config.fromfile(write('a.py', 'with read_base():\n    from .bas import *\n'))


def test_a_base_in_a_package(write, tmp_path, monkeypatch):
    write('mmparts_fake/__init__.py', "raise RuntimeError('not to be imported')\n")
    write('mmparts_fake/configs/base.py', 'a = 1\n')
    write('mmparts_installed/__init__.py', '')
    write('mmparts_installed/.mim/configs/base.py', 'b = 2\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    cfg = Config.fromfile(write('x.py', '''
        with read_base():
            from mmparts_fake.configs.base import *
            from mmparts_installed.configs.base import *
    '''))
    assert cfg._cfg_dict == {'a': 1, 'b': 2}


def test_what_cannot_be_imported_names_the_config(write):
    path = write('a.py', '''
        from no_such_module_mmparts import A
        from addict import Nothing
        a = dict(t=A, u=Nothing.x)
    ''')
    cfg = Config.fromfile(path)
    with pytest.raises(ImportError, match=r'no_such_module_mmparts in .*a\.py, line 1'):
        _ = cfg.a.t
    with pytest.raises(ImportError, match=r'Nothing from addict in .*a\.py, line 2'):
        _ = cfg.a.u
    assert cfg.to_dict() == {'a': {'t': 'no_such_module_mmparts.A', 'u': 'addict.Nothing.x'}}


def test_lazy_objects():
    for wrong in ((1, None), ('a', 1)):
        with pytest.raises(TypeError):
            LazyObject(*wrong)
    assert LazyObject('mmengine').build() is mmengine
    assert LazyObject('json', 'decoder').build() is json.decoder
    assert LazyObject(['json', 'json.decoder']).build() is json
    with pytest.raises(RuntimeError, match='cannot be called'):
        LazyObject('json')()
    with pytest.raises(ImportError):
        LazyObject('no_such_module_mmparts').build()
    lazy = LazyObject('json', 'loads', 'a.py, line 1')
    assert copy.deepcopy(lazy).__dict__ == lazy.__dict__
    assert str(lazy) == 'loads'


def test_lazy_attributes():
    attr = LazyObject('json').decoder.JSONDecoder
    assert isinstance(attr, LazyAttr)
    assert (str(attr), attr.module, attr.dotted) == ('JSONDecoder', 'json.decoder', 'json.decoder.JSONDecoder')
    assert attr.build() is json.decoder.JSONDecoder
    assert copy.deepcopy(attr) == attr
    with pytest.raises(ImportError, match=r'Failed to import mmengine\.fileio\.LocalBackend\.unknown'):
        LazyObject('mmengine.fileio', 'LocalBackend').unknown.build()
    with pytest.raises(RuntimeError, match='cannot be called'):
        attr()


def test_modules_of_one_package_share_an_object():
    tree = ast.parse('import xml.dom\nimport addict.addict\nimport addict.other as other, addict\nfrom a import b\n')
    tree, names = _gather_abs_import_lazyobj(tree, 'a.py')
    namespace = {}
    tree = ImportTransformer(namespace, None, 'a.py').visit(tree)
    exec(compile(tree, 'a.py', 'exec'), {'LazyObject': LazyObject}, namespace)
    assert names == {'addict'}
    assert namespace['addict']._module == ['addict.addict', 'addict.other', 'addict']
    assert namespace['other'].dotted == 'addict.other'
    assert namespace['b'].dotted == 'a.b'
    assert namespace['xml'].dom
