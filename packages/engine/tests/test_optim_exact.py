"""Accumulated gradients beside those of the whole batch, and mixed precision with and without a scaled loss."""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner

MakeRunner = Callable[..., Runner]


class Line(BaseModel):
    """Linear regression in double precision, so that what differs is no rounding."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(2, 1).double()

    def forward(self, inputs: Any, target: Any, mode: str = 'tensor') -> Any:
        error = self.layer(torch.stack(inputs).double()) - torch.stack(target).double()
        return dict(loss=error.pow(2).mean()) if mode == 'loss' else list(error)


class Keeping(SGD):
    """Keeps the gradients of each step."""

    kept: list[torch.Tensor]

    def step(self, closure: Any = None) -> Any:
        gradients = [parameter.grad.reshape(-1) for group in self.param_groups for parameter in group['params']]
        self.kept = [*getattr(self, 'kept', []), torch.cat(gradients).clone()]
        return super().step(closure)


@pytest.mark.parametrize('resumes', [False, True])
def test_accumulation_over_the_ends_of_epochs_and_of_training(make_runner: MakeRunner, resumes: bool) -> None:
    """Five batches an epoch, groups of four: groups go on over the end of an epoch, and the last one has three."""
    loader = dict(batch_size=4, dataset=dict(type='LinePoints', samples=20),
                  sampler=dict(type='DefaultSampler', shuffle=False))
    cfg = dict(model=Line(), train_dataloader=loader, val_dataloader=None, val_cfg=None, val_evaluator=None,
               param_scheduler=None, train_cfg=dict(by_epoch=True, max_epochs=3),
               optim_wrapper=dict(optimizer=dict(type=Keeping, lr=0.1), accumulative_counts=4))
    runner = make_runner('first', **cfg)
    runner.train()
    kept = runner.optim_wrapper.optimizer.kept
    if resumes:  # within the second group, of which two batches are in the first epoch
        runner = make_runner('second', **{**cfg, 'load_from': f'{runner.work_dir}/epoch_1.pth', 'resume': True})
        runner.train()
        kept = [*kept[:1], *runner.optim_wrapper.optimizer.kept]

    reference = Line()
    optimizer = Keeping(reference.parameters(), lr=0.1)
    data = runner.train_dataloader.dataset
    order = [index for _ in range(3) for index in range(20)]
    for start in range(0, len(order), 16):
        samples = [data[index] for index in order[start:start + 16]]
        optimizer.zero_grad()
        reference([sample['inputs'] for sample in samples], [sample['target'] for sample in samples],
                  mode='loss')['loss'].backward()
        optimizer.step()
    assert len(kept) == len(optimizer.kept) == 4
    torch.testing.assert_close(torch.stack(kept), torch.stack(optimizer.kept), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(runner.model.layer.weight, reference.layer.weight, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize('clip_grad', [dict(max_norm=0.3), dict(type='norm', max_norm=0.3, norm_type=1.),
                                       dict(type='value', clip_value=0.02)])
def test_what_accumulated_is_clipped_as_a_whole(clip_grad: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    reference = copy.deepcopy(model)
    inputs = torch.rand(3, 5, 4, dtype=torch.float64)
    wrapper = OptimWrapper(SGD(model.parameters(), lr=1.), accumulative_counts=3, clip_grad=clip_grad)
    for batch in inputs:
        wrapper.update_params(model(batch).pow(2).mean())
    reference(inputs).pow(2).mean().backward()
    norm = None
    if clip_grad.get('type') == 'value':
        nn.utils.clip_grad_value_(reference.parameters(), 0.02)
    else:
        norm = nn.utils.clip_grad_norm_(reference.parameters(), 0.3, clip_grad.get('norm_type', 2.))
    SGD(reference.parameters(), lr=1.).step()
    torch.testing.assert_close(model.weight, reference.weight)
    if norm is not None:
        logged = MessageHub.get_current_instance().get_scalar('train/grad_norm').current()
        assert logged == pytest.approx(float(norm))


SCALES: list[Any] = ['dynamic', 64., 64, dict(init_scale=1024., growth_interval=3)]


@pytest.mark.parametrize('loss_scale', SCALES, ids=str)
@pytest.mark.parametrize('dtype', ['float16', 'bfloat16', None])
def test_mixed_precision_on_the_cpu(dtype: str | None, loss_scale: Any) -> None:
    """The loss falls as it does in full precision, whatever the precision and the way of scaling."""
    ends = {}
    for amp in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        inputs = torch.rand(32, 4)
        optimizer = SGD(model.parameters(), lr=0.2)
        options: dict[str, Any] = dict(optimizer=optimizer, accumulative_counts=2, clip_grad=dict(max_norm=10.))
        wrapper = AmpOptimWrapper(loss_scale, dtype, **options) if amp else OptimWrapper(**options)
        for step in range(40):
            with wrapper.optim_context(model):
                outputs = model(inputs[step % 2::2])
            if amp:
                assert outputs.dtype == getattr(torch, dtype or 'bfloat16')
            wrapper.update_params((outputs.float() - inputs[step % 2::2].sum(1, keepdim=True)).pow(2).mean())
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
        with torch.no_grad():
            ends[amp] = float((model(inputs) - inputs.sum(1, keepdim=True)).pow(2).mean())
        if amp:
            check_scale(wrapper, dtype, loss_scale)
    assert ends[True] == pytest.approx(ends[False], rel=0.15)
    assert ends[True] < 0.1


def check_scale(wrapper: Any, dtype: str | None, loss_scale: Any) -> None:
    scaler = wrapper.loss_scaler
    if loss_scale == 'dynamic':
        assert scaler.is_enabled() == (dtype == 'float16')
    elif isinstance(loss_scale, dict):
        assert scaler.get_scale() == 1024 * 2**(20 // 3)  # 20 updates, the scale doubles after every third
    else:
        assert scaler.get_scale() == loss_scale


def test_gradients_too_small_for_half_precision_need_the_scale() -> None:
    found = {}
    for loss_scale in (1., 2.**15):
        layer = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(layer.weight)
        wrapper = AmpOptimWrapper(loss_scale, 'float16', optimizer=SGD(layer.parameters(), lr=1.))
        with wrapper.optim_context(layer):
            loss = layer(torch.full((1, 1), 1e-4)) * 1e-5  # a gradient of 1e-9: below what half precision knows
        wrapper.update_params(loss.sum())
        found[loss_scale] = -layer.weight.item()
    assert found[1.] == 0
    assert found[2.**15] == pytest.approx(1e-9, rel=0.05)


def test_a_state_goes_on_with_its_scale() -> None:
    layer = nn.Linear(1, 1)
    options: dict[str, Any] = dict(loss_scale=dict(init_scale=4., growth_interval=2), dtype='float16')
    wrapper = AmpOptimWrapper(optimizer=SGD(layer.parameters(), lr=0.1), **options)
    wrapper.update_params(layer(torch.ones(1, 1)).sum())
    other = AmpOptimWrapper(optimizer=SGD(layer.parameters(), lr=0.1), **options)
    other.load_state_dict(wrapper.state_dict())
    for one in (wrapper, other):  # the second good step of both, after which the scale grows
        one.update_params(layer(torch.ones(1, 1)).sum())
        assert one.loss_scaler.get_scale() == 8
