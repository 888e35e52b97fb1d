"""Losses of a validation, beside those computed by hand."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import METRICS, MODELS
from mmengine.runner import Runner
from mmengine.runner.eval_losses import LossAverages, batch_size_of, split_losses
from mmengine.structures import BaseDataElement, InstanceData

MakeRunner = Callable[..., Runner]


class TwoLosses(BaseModel):
    """Two losses, one of them a list, and a value that is no loss; dropout and batch norm depend on the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(8, 1)

    def forward(self, inputs: Any, target: Any = None, mode: str = 'tensor') -> Any:
        found = self.last(self.drop(self.norm(self.first(torch.stack(inputs)))))
        if mode == 'loss':
            error = found - torch.stack(target)
            return dict(loss_far=error.pow(2), loss_parts=[error.abs().mean(), error.abs().max()],
                        accuracy=(error.abs() < 0.1).float().mean())
        return list(found) if mode == 'predict' else found


@pytest.fixture(autouse=True)
def two_losses() -> Any:
    MODELS.register_module(module=TwoLosses, force=True)
    yield
    MODELS.module_dict.pop('TwoLosses', None)


def points_of(samples: int) -> torch.Tensor:
    """The points of the task, shape (samples, 2)."""
    return torch.rand(samples, 2, generator=torch.Generator().manual_seed(0))


def by_hand(model: nn.Module, samples: int, batch_size: int) -> dict[str, float]:
    """The losses of all samples, each batch by its number of samples, without the engine."""
    points = points_of(samples)
    model.eval()
    totals = dict(loss=0., loss_far=0., loss_parts=0.)
    with torch.no_grad():
        for part in points.split(batch_size):
            hidden = nn.functional.batch_norm(model.first(part), model.norm.running_mean, model.norm.running_var,
                                              model.norm.weight, model.norm.bias)
            error = model.last(hidden) - part.sum(1, keepdim=True)
            far, parts = error.pow(2).mean(), error.abs().mean() + error.abs().max()
            for name, value in (('loss', far + parts), ('loss_far', far), ('loss_parts', parts)):
                totals[name] += float(value) * len(part) / samples
    return totals


def val_cfg(samples: int = 10, batch_size: int = 4) -> dict[str, Any]:
    return dict(val_dataloader=dict(batch_size=batch_size, dataset=dict(type='LinePoints', samples=samples),
                                    sampler=dict(type='DefaultSampler', shuffle=False)),
                val_cfg=dict(compute_loss=True))


def test_equal_to_a_computation_by_hand(make_runner: MakeRunner) -> None:
    runner = make_runner(model=dict(type='TwoLosses'), **val_cfg(samples=10, batch_size=4))
    metrics = runner.val()
    assert set(metrics) == {'line/error', 'loss', 'loss_far', 'loss_parts'}
    expected = by_hand(runner.model, 10, 4)
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, rel=1e-6), name
        assert runner.message_hub.get_scalar(f'val/{name}').current() == pytest.approx(value, rel=1e-6)
    assert all(parameter.grad is None for parameter in runner.model.parameters())


def test_of_several_sets(make_runner: MakeRunner) -> None:
    cfg = val_cfg()
    sets = dict(small=val_cfg(samples=5)['val_dataloader'], large=val_cfg(samples=9)['val_dataloader'])
    runner = make_runner(model=dict(type='TwoLosses'), **{**cfg, 'val_dataloader': sets}, val_evaluator=[])
    metrics = runner.val()
    expected = {f'{name}/{loss}': value for name, samples in (('small', 5), ('large', 9))
                for loss, value in by_hand(runner.model, samples, 4).items()}
    assert metrics == pytest.approx(expected, rel=1e-6)


def test_training_is_the_same_and_follows_the_loss(make_runner: MakeRunner) -> None:
    ends = {}
    for name, compute in (('without', False), ('with', True)):
        following = dict(type='CheckpointHook', interval=1, save_best='loss' if compute else None)
        runner = make_runner(name, **{**val_cfg(), 'val_cfg': dict(compute_loss=compute)}, randomness=dict(seed=3),
                             default_hooks=dict(checkpoint=following), custom_hooks=[
            dict(type='EarlyStoppingHook', monitor='loss', patience=100)] if compute else [])
        runner.train()
        ends[name] = runner.model.state_dict()
    for name, value in ends['without'].items():
        assert torch.equal(value, ends['with'][name]), name
    losses = runner.message_hub.get_scalar('val/loss').data[0]
    best = next(Path(runner.work_dir).glob('best_loss_epoch_*.pth'))
    assert best.stem == f'best_loss_epoch_{int(np.argmin(losses)) + 1}'
    # Its curve is its own, and each point the value of its validation, not a mean over several.
    lines = (Path(runner.log_dir) / 'vis_data' / 'scalars.json').read_text().splitlines()
    written = [json.loads(line)['val/loss'] for line in lines if 'val/loss' in line]
    assert written == pytest.approx(list(losses))


def test_half_precision(make_runner: MakeRunner) -> None:
    seen = []

    class Half(TwoLosses):
        def forward(self, *args: Any, mode: str = 'tensor', **kwargs: Any) -> Any:
            seen.append((mode, torch.is_autocast_enabled('cpu'), torch.is_grad_enabled(), self.training))
            return super().forward(*args, mode=mode, **kwargs)

    cfg = {**val_cfg(samples=4), 'val_cfg': dict(compute_loss=True, fp16=True)}
    assert np.isfinite(make_runner(model=Half(), **cfg).val()['loss'])
    assert seen == [('predict', True, False, False), ('loss', True, False, False)]


def test_errors_come_before_the_first_epoch(make_runner: MakeRunner) -> None:
    class Bare(nn.Module):
        def val_step(self, data: Any) -> Any:
            return []

    runner = make_runner(model=Bare(), **val_cfg())
    with pytest.raises(AttributeError, match=r'needs a model with `val_loss_step\(data\)`.*Bare has none'):
        runner.val()


def test_a_metric_of_the_same_name(make_runner: MakeRunner) -> None:
    class Loss(METRICS.get('Error')):  # type: ignore[misc]  # the class of this task
        default_prefix = None

        def compute_metrics(self, results: list[float]) -> dict[str, float]:
            return dict(loss=0.)

    runner = make_runner(**val_cfg(), val_evaluator=Loss())
    with pytest.raises(ValueError, match="gives a value named 'loss', but so does a metric"):
        runner.val()


class TestReturnedByTheModel:
    """Losses that a model hands on beside its predictions, as MMEngine 0.10.5 introduced it.

    The expected names are those that MMEngine 0.10.7 gives for this very model.
    """

    class Model(BaseModel):
        def __init__(self, is_list: bool = True) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 1)
            self.is_list = is_list

        def forward(self, points: Any, sums: Any, mode: str = 'tensor') -> Any:
            error = self.layer(points) - sums
            if not self.is_list:
                return error
            losses = dict(loss_a=error.pow(2).mean(), loss_b=[error.abs().mean(), error.abs().mean() * 2],
                          accuracy=torch.tensor(0.5))
            return [*error, BaseDataElement(loss=losses)]

    class Watch(Hook):
        lengths: list[int] = []  # one for the class: hooks are copied with the config

        def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            self.lengths.append(len(outputs))

    @pytest.mark.parametrize('mode', ['val', 'test'])
    def test_names_and_values(self, make_runner: MakeRunner, mode: str) -> None:
        points = torch.rand(10, 2)
        data = DataLoader(TensorDataset(points, points.sum(1, keepdim=True)), batch_size=4)
        runner = make_runner(model=self.Model(), **{f'{mode}_dataloader': data}, custom_hooks=[self.Watch()])
        metrics = getattr(runner, mode)()
        with torch.no_grad():
            error = runner.model.layer(points) - points.sum(1, keepdim=True)
        expected = dict(loss_a=float(error.pow(2).mean()), loss_b=float(error.abs().mean() * 1.5), accuracy=0.5)
        expected[f'{mode}_loss'] = expected['loss_a'] + expected['loss_b']
        assert list(metrics) == ['line/error', *expected]
        for name, value in expected.items():
            assert metrics[name] == pytest.approx(value, rel=1e-6), name
        assert all(length <= 4 for length in self.Watch.lengths)

    def test_predictions_that_are_no_list(self, make_runner: MakeRunner) -> None:
        points = torch.rand(4, 2)
        data = DataLoader(TensorDataset(points, points[:, :1]), batch_size=2)
        assert list(make_runner(model=self.Model(is_list=False), val_dataloader=data).val()) == ['line/error']

    def test_other_elements_stay(self) -> None:
        for outputs in ([], [BaseDataElement(loss=1)], [BaseDataElement(loss={}, more=1)], torch.ones(2), None):
            kept, losses = split_losses(outputs)
            assert kept is outputs
            assert losses == {}


@pytest.mark.parametrize(('batch', 'size'), [
    (dict(inputs=torch.zeros(3, 2), data_samples=None), 3),
    (dict(inputs=[torch.zeros(5)] * 2), 2),
    (dict(flag=True, inputs=dict(points=[1, 2, 3, 4], img=torch.zeros(4, 3))), 4),
    (dict(name='abc', labels=np.zeros(7)), 7),
    ([torch.zeros(6, 2), torch.zeros(6)], 6),
    (([1, 2], ['a', 'b']), 2),
    ([dict(x=torch.zeros(9))] * 3, 3),
    ([InstanceData(x=torch.zeros(9))] * 5, 5),
    (torch.zeros(8, 1), 8), (torch.tensor(1.), 1), ([], 1), ({}, 1), (None, 1), ('text', 1),
])
def test_samples_of_a_batch(batch: Any, size: int) -> None:
    assert batch_size_of(batch) == size


def test_averages_stay_tensors_until_asked() -> None:
    averages = LossAverages()
    averages.add(dict(loss=torch.tensor(1., requires_grad=True)), 3)
    averages.add(dict(loss=[torch.tensor([2., 4.]), torch.tensor(5.)], other=torch.tensor(1)), 1)
    assert averages.sums() == dict(loss=(3 + 4., 4), other=(1., 1))
    with pytest.raises(TypeError, match=r"the loss 'loss' should be a tensor or a list of tensors.*<class 'float'>"):
        averages.add(dict(loss=1.), 1)
