"""Initialisation of weights from configs."""
import logging
import math

import pytest
import torch
from torch import nn

from mmengine.logging import MMLogger
from mmengine.model import (
    BaseModule,
    ConstantInit,
    ModuleDict,
    ModuleList,
    PretrainedInit,
    Sequential,
    bias_init_with_prob,
    caffe2_xavier_init,
    constant_init,
    initialize,
    kaiming_init,
    normal_init,
    trunc_normal_init,
    uniform_init,
    update_init_info,
    xavier_init,
)
from mmengine.registry import WEIGHT_INITIALIZERS


class Body(BaseModule):
    def __init__(self, init_cfg=None):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(1, 1, 1)
        self.fc = nn.Linear(1, 1)


class Whole(BaseModule):
    def __init__(self, init_cfg=None, body=None):
        super().__init__(init_cfg)
        self.body = Body(body)
        self.fc = nn.Linear(1, 1)


def values(module):
    return module.weight.mean().item(), module.bias.mean().item()


def constant(layer, val, bias=0, **kwargs):
    return {'type': 'Constant', 'layer': layer, 'val': val, 'bias': bias, **kwargs}


def test_own_config_of_a_child_wins():
    model = Whole(init_cfg=constant('Linear', 1, 2), body=constant(['Linear'], 3, 4))
    assert not model.is_init
    model.init_weights()
    assert values(model.fc) == (1, 2)
    assert values(model.body.fc) == (3, 4)
    assert model.is_init
    assert model.body.is_init
    assert not hasattr(model, '_params_init_info')
    model.is_init = False
    assert not model.is_init


def test_second_call_only_warns(caplog):
    model = Whole(init_cfg=constant('Linear', 1, 2))
    model.init_weights()
    nn.init.constant_(model.fc.weight, 9)
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    model.init_weights()
    logger.removeHandler(caplog.handler)
    assert 'more than once' in caplog.text
    assert values(model.fc)[0] == 9


def test_containers():
    for container in (Sequential(nn.Linear(1, 1), Body(constant('Linear', 5)), init_cfg=constant('Linear', 1)),
                      ModuleList([nn.Linear(1, 1), Body(constant('Linear', 5))], init_cfg=constant('Linear', 1)),
                      ModuleDict({'0': nn.Linear(1, 1), '1': Body(constant('Linear', 5))},
                                 init_cfg=constant('Linear', 1))):
        container.init_weights()
        children = dict(container.named_children())
        assert values(children['0'])[0] == 1
        assert values(children['1'].fc)[0] == 5
        assert 'init_cfg=' in repr(container)


def test_pretrained_comes_last(tmp_path):
    source = Body()
    nn.init.constant_(source.fc.weight, 7)
    path = str(tmp_path / 'weights.pth')
    torch.save({'state_dict': source.state_dict()}, path)
    model = Body(init_cfg=[{'type': 'Pretrained', 'checkpoint': path}, constant('Linear', 1)])
    model.init_weights()
    assert values(model.fc)[0] == 7
    torch.save({'state_dict': {f'body.{key}': value for key, value in source.state_dict().items()}}, path)
    other = Body()
    PretrainedInit(path, prefix='body.')(other)
    assert values(other.fc)[0] == 7


def test_override():
    model = Whole()
    initialize(model, constant('Linear', 1, override=[{'name': 'fc', 'type': 'Constant', 'val': 5},
                                                       {'name': 'body'}]))
    assert values(model.fc)[0] == 5
    assert values(model.body.conv)[0] == 1
    with pytest.raises(ValueError, match='"name"'):
        initialize(model, constant('Linear', 1, override={'type': 'Constant', 'val': 1}))
    with pytest.raises(ValueError, match='"type"'):
        initialize(model, constant('Linear', 1, override={'name': 'fc', 'val': 1}))
    with pytest.raises(RuntimeError, match='missing'):
        initialize(model, constant('Linear', 1, override={'name': 'missing'}))
    for bad in (1, [1]):
        with pytest.raises(TypeError):
            initialize(model, bad)
    with pytest.raises(TypeError, match='override'):
        initialize(model, constant('Linear', 1, override=1))


def test_layers_match_by_direct_bases():
    class Special(nn.Linear):
        pass

    layer = Special(1, 1)
    ConstantInit(val=2, layer='Linear')(layer)
    assert values(layer)[0] == 2
    untouched = nn.Linear(1, 1)
    before = untouched.weight.clone()
    ConstantInit(val=2)(untouched)
    assert torch.equal(untouched.weight, before)


@pytest.mark.parametrize('kwargs', [{'bias': 'a'}, {'bias_prob': 1}, {'layer': 1}])
def test_bad_arguments(kwargs):
    with pytest.raises(TypeError):
        ConstantInit(val=1, **kwargs)


@pytest.mark.parametrize('cfg', [
    {'type': 'Xavier', 'distribution': 'uniform'}, {'type': 'Normal', 'std': 0.1}, {'type': 'TruncNormal', 'std': 0.1},
    {'type': 'Uniform', 'a': -1}, {'type': 'Kaiming'}, {'type': 'Caffe2Xavier'},
])
def test_initialisers_change_weights_and_set_biases(cfg):
    module = nn.Linear(4, 4)
    before = module.weight.clone()
    WEIGHT_INITIALIZERS.build({**cfg, 'layer': 'Linear', 'bias_prob': 0.01})(module)
    assert not torch.equal(module.weight, before)
    assert torch.allclose(module.bias, torch.tensor(-math.log(0.99 / 0.01)))


def test_functions():
    torch.manual_seed(0)
    module = nn.Conv2d(64, 64, 3).requires_grad_(False)
    constant_init(module, 0.5, bias=1)
    assert values(module) == (0.5, 1)
    kaiming_init(module, mode='fan_in')
    assert math.isclose(float(module.weight.std()), math.sqrt(2 / 576), rel_tol=0.05)
    xavier_init(module, distribution='uniform')
    assert float(module.weight.abs().max()) <= math.sqrt(6 / 1152)
    normal_init(module, mean=3, std=0.1, bias=2)
    assert math.isclose(values(module)[0], 3, rel_tol=0.01)
    uniform_init(module, 1, 2)
    assert 1 <= float(module.weight.min()) <= float(module.weight.max()) <= 2
    trunc_normal_init(module, a=-0.1, b=0.1)
    assert float(module.weight.abs().max()) <= 0.1
    caffe2_xavier_init(module)
    assert float(module.weight.abs().max()) <= math.sqrt(3 / 576)
    assert math.isclose(1 / (1 + math.exp(-bias_init_with_prob(0.01))), 0.01)
    constant_init(nn.ReLU(), 1)
    with pytest.raises(AssertionError, match='distribution'):
        xavier_init(module, distribution='other')


def test_info_goes_to_log_files_only(tmp_path, capsys):
    class Own(Body):
        def init_weights(self):
            super().init_weights()
            nn.init.constant_(self.conv.weight, 8)

    path = tmp_path / 'init.log'
    MMLogger.get_instance('init info', log_file=str(path))
    model = Whole(init_cfg=constant('Linear', 1, 2))
    model.own = Own()
    model.init_weights()
    for handler in MMLogger.get_current_instance().handlers:
        handler.flush()
    text = path.read_text()
    assert 'fc.weight - torch.Size([1, 1]): \nConstantInit: val=1, bias=2 \n' in text
    assert 'own.conv.weight - torch.Size([1, 1, 1, 1]): \nInitialized by user-defined `init_weights` in Own' in text
    assert 'body.conv.bias - torch.Size([1]): \nThe value is the same before and after' in text
    assert 'ConstantInit' not in capsys.readouterr().out
    logger = MMLogger.get_instance('init info')
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler):
            handler.close()
            logger.removeHandler(handler)


def test_update_init_info_outside_of_initialisation():
    with pytest.raises(AssertionError, match='_params_init_info'):
        update_init_info(nn.Linear(1, 1), 'info')


def test_bad_input_is_named():
    for kind in ('Xavier', 'Kaiming', 'Caffe2Xavier'):
        with pytest.raises(ValueError, match=r'LayerNorm.weight should have at least 2 dimensions.*shape \(3,\)'):
            initialize(nn.Sequential(nn.LayerNorm(3)), {'type': kind, 'layer': 'LayerNorm'})
    with pytest.raises(ValueError, match='prior_prob should be between 0 and 1, but got 1'):
        bias_init_with_prob(1)
