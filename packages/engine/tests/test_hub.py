"""Configs and models of an installed library, by name: a small library is installed for that."""
import http.server
import sys
import threading
from functools import partial

import pytest
import torch

from mmengine.hub import get_config, get_model
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope

CODE = '''
import torch
from mmengine.model import BaseModel
from mmengine.registry import MODELS as ROOT, Registry
MODELS = Registry('model', parent=ROOT, scope='mmflow')

@MODELS.register_module()
class Flow(BaseModel):
    def __init__(self, width=1):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(width))

    def forward(self, inputs, mode='predict'):
        return [one * self.weight for one in inputs]
'''
CONFIG = "_base_ = '../_base_/model.py'\nmodel = dict(width=2)\n"
INDEX = '''
Models:
  - Name: flow_s
    Alias: [flow-small, FS]
    Config: configs/flow/flow_s.py
    Weights: {url}/flow_s.pth
  - Name: flow_m
    Config: configs/flow/flow_m.py
'''


class Multiply(BaseInferencer):
    def _init_pipeline(self, cfg):
        return lambda number: dict(inputs=torch.tensor([float(number)]))

    def visualize(self, inputs, preds, show=False):
        return None

    def postprocess(self, preds, visualization, return_datasample=False):
        return [pred.tolist() for pred in preds]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    """Serve a folder on this machine."""
    folder = tmp_path / 'web'
    folder.mkdir()
    torch.save(dict(state_dict=dict(weight=torch.tensor([3., 4.]))), folder / 'flow_s.pth')
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=folder)) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(.01,))
        thread.start()
        yield f'http://127.0.0.1:{serving.server_address[1]}'
        serving.shutdown()
        thread.join()


@pytest.fixture
def library(tmp_path, monkeypatch, server):
    """Install the library, as the family's libraries are: with its configs and model index in `.mim`."""
    package = tmp_path / 'site' / 'mmflow'
    mim = package / '.mim'
    for folder in ('_base_', 'flow'):
        (mim / 'configs' / folder).mkdir(parents=True)
    (package / '__init__.py').touch()
    (package / 'registry.py').write_text(CODE)
    (mim / 'model-index.yml').write_text('Import:\n  - configs/flow/metafile.yml\n')
    (mim / 'configs' / 'flow' / 'metafile.yml').write_text(INDEX.format(url=server))
    (mim / 'configs' / '_base_' / 'model.py').write_text("model = dict(type='Flow', width=1)\n")
    for name in ('flow_s', 'flow_m'):
        (mim / 'configs' / 'flow' / f'{name}.py').write_text(CONFIG)
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
    scopes = dict(DefaultScope._instance_dict)
    DefaultScope._instance_dict.clear()
    yield package
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(scopes)
    from mmengine.registry import MODELS
    MODELS.children.pop('mmflow', None)
    for name in [name for name in sys.modules if name.partition('.')[0] == 'mmflow']:
        del sys.modules[name]


def test_config(library, server):
    assert get_config('mmflow::flow/flow_s.py').model == dict(type='Flow', width=2)
    assert 'model_path' not in get_config('mmflow::flow/flow_s.py')
    assert get_config('mmflow::flow/flow_s.py', pretrained=True).model_path == f'{server}/flow_s.pth'


def test_model(library):
    assert get_model('mmflow::flow/flow_s.py').weight.tolist() == [0, 0]
    assert get_model('mmflow::flow/flow_m.py', width=3).weight.tolist() == [0, 0, 0]
    assert get_model('mmflow::flow/flow_s.py', pretrained=True).weight.tolist() == [3, 4]
    assert DefaultScope.get_current_instance() is None


def test_what_is_missing(library):
    with pytest.raises(ValueError, match='mmdet::faster_rcnn'):
        get_config('mmflow/flow/flow_s.py')
    with pytest.raises(ModuleNotFoundError, match='pip install mmtrack'):
        get_config('mmtrack::a.py')
    with pytest.raises(TypeError, match="'mmflo'.*Did you mean 'mmflow'"):
        get_model('mmflo::a.py')
    with pytest.raises(FileNotFoundError, match='flow_l.py'):
        get_config('mmflow::flow/flow_l.py')
    with pytest.raises(ValueError, match=r"no weights for 'flow/flow_m.py'"):
        get_config('mmflow::flow/flow_m.py', pretrained=True)


@pytest.mark.parametrize('name', ['flow_s', 'FLOW_S', 'flow-small', 'fs'])
def test_inferencer_of_a_named_model(library, name):
    inferencer = Multiply(name, scope='mmflow', device='cpu', show_progress=False)
    assert inferencer([1, 2]) == [[3, 4], [6, 8]]
    assert inferencer.scope == DefaultScope.get_current_instance().scope_name == 'mmflow'


def test_inferencer_of_a_config_of_the_library(library):
    inferencer = Multiply('mmflow::flow/flow_m.py', scope='mmflow', device='cpu', show_progress=False)
    assert inferencer([1]) == [[0, 0]]


def test_names_of_models(library):
    assert BaseInferencer.list_models('mmflow') == ['flow_s', 'flow-small', 'FS', 'flow_m']
    assert Multiply.list_models('mmflow', r'flow_') == ['flow_s', 'flow_m']
    with pytest.raises(AssertionError, match='scope should be initialized'):
        BaseInferencer.list_models()
    with pytest.raises(AssertionError, match='scope should be initialized'):
        Multiply('flow_s')
    with pytest.raises(ImportError, match='Cannot import mmtrack .*pip install mmtrack'):
        BaseInferencer.list_models('mmtrack')
    with pytest.raises(ValueError, match=r"Cannot find model: 'flow_x' in mmflow\. Did you mean 'flow_s' or 'flow_m'"):
        Multiply('flow_x', scope='mmflow')


def test_library_used_from_its_repository(library):
    (library / '.mim').rename(library.parent / 'mim')
    for path in (library.parent / 'mim').iterdir():
        path.rename(library.parent / path.name)
    assert 'flow_m' in BaseInferencer.list_models('mmflow')
    assert Multiply('flow_s', scope='mmflow', device='cpu', show_progress=False)([1]) == [[3, 4]]
