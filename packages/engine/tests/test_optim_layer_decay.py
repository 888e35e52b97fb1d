"""Learning rates that fall from layer to layer."""
from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from mmengine.optim import build_optim_wrapper

LAYERS = [['backbone.patch', 'backbone.position'], 'backbone.blocks.*', 'backbone.norm']
RATE = 0.5


class Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(torch.zeros(1, 4))
        self.patch = nn.Linear(3, 4)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(3))
        self.norm = nn.LayerNorm(4)


class Told(Backbone):
    """Tells its layers itself, as backbones of MMPretrain do: embeddings, blocks, and what comes behind."""

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        assert param_name.startswith(prefix)
        name = param_name[len(prefix):]
        if name.startswith('blocks.'):
            return int(name.split('.')[1]) + 1, 5
        return (4 if name.startswith('norm') else 0), 5


class Classifier(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(4, 2)


def rates(model: nn.Module, paramwise_cfg: dict[str, Any], lr: float | None = 1.) -> dict[str, tuple[float, float]]:
    """Learning rate and weight decay of each parameter, as the optimizer has them."""
    optimizer: dict[str, Any] = dict(type='SGD', weight_decay=0.1)
    if lr is not None:
        optimizer['lr'] = lr
    wrapper = build_optim_wrapper(model, dict(optimizer=optimizer, paramwise_cfg=paramwise_cfg))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(group['params'][0])]: (group['lr'], group['weight_decay'])
            for group in wrapper.optimizer.param_groups}


def test_rates_fall_from_the_head_to_the_input() -> None:
    found = rates(Classifier(Backbone()), dict(layer_decay=dict(rate=RATE, layers=LAYERS)))
    expected = {'head.weight': 0, 'head.bias': 0, 'backbone.norm.weight': 1, 'backbone.blocks.2.0.weight': 2,
                'backbone.blocks.1.1.bias': 3, 'backbone.blocks.0.0.weight': 4, 'backbone.patch.weight': 5,
                'backbone.position': 5}
    assert {name: found[name][0] for name in expected} == {name: RATE**power for name, power in expected.items()}
    assert len(found) == len(list(Classifier(Backbone()).parameters()))


def test_a_model_tells_its_layers() -> None:
    """Five layers with the final norm and the head together: the convention of MMPretrain."""
    found = rates(Classifier(Told()), dict(layer_decay=dict(rate=RATE)))
    by_names = rates(Classifier(Told()), dict(layer_decay=dict(rate=RATE, layers=LAYERS[:2])))
    assert found == by_names
    assert found['backbone.norm.weight'][0] == found['head.weight'][0] == 1
    assert found['backbone.position'][0] == RATE**4


def test_together_with_other_multipliers() -> None:
    found = rates(Classifier(Backbone()), dict(
        layer_decay=dict(rate=RATE, layers=LAYERS), norm_decay_mult=0., bias_lr_mult=2.,
        custom_keys={'blocks.1': dict(lr_mult=0.1, decay_mult=3.)}))
    assert found['backbone.norm.weight'] == (RATE, 0)
    assert found['backbone.patch.bias'] == (2 * RATE**5, 0.1)
    assert found['backbone.blocks.1.0.weight'] == pytest.approx((0.1 * RATE**3, 0.3))
    assert found['backbone.blocks.0.0.weight'] == (RATE**4, 0.1)


@pytest.mark.parametrize(('options', 'lr', 'kind', 'message'), [
    (dict(rate=0.5, layers=['backbone.block.*']), 1., ValueError,
     r"has 'backbone.block.\*', but Classifier has no such module or parameter"),
    (dict(rate=0.5, layers=['backbone.patch.wieght']), 1., ValueError, r"'backbone.patch.weight'"),
    (dict(rate=0.5, layers=['backbone.position.*']), 1., ValueError, 'no such module or parameter'),
    (dict(rate=0.5), 1., ValueError, r'needs `layers`, the names of the layers of Classifier'),
    (dict(rate=1.5, layers=[]), 1., ValueError, 'above 0 and at most 1, but got 1.5'),
    (dict(rate='0.5', layers=[]), 1., TypeError, "rate should be a number, but got '0.5'"),
    (dict(rate=0.5, layers='head'), 1., TypeError, "layers should be a list of names, but got 'head'"),
    (dict(rate=0.5, layers=[3]), 1., TypeError, 'names or lists of names, but got 3'),
    (0.5, 1., TypeError, "layer_decay should be a dict of rate and layers, but got <class 'float'>"),
    (dict(rate=0.5, layers=[]), None, ValueError, 'multiplies the learning rate, but the optimizer has none'),
])
def test_errors(options: Any, lr: float | None, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        rates(Classifier(Backbone()), dict(layer_decay=options), lr)
