"""The average beside a model: what is trained, validated, saved and resumed."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner

Make = Callable[..., Runner]
NO_SCHEDULE = dict(param_scheduler=None, train_cfg=dict(by_epoch=True, max_epochs=2))


def ema_of(runner: Runner) -> EMAHook:
    return next(hook for hook in runner.hooks if isinstance(hook, EMAHook))


def make(make_runner: Make, folder: str = 'run', hooks: Any = (), options: Any = (), **changes: Any) -> Runner:
    return make_runner(folder, custom_hooks=[dict(type='EMAHook', **dict(options)), *hooks],
                       randomness=dict(seed=0), **{**NO_SCHEDULE, **changes})


def load(path: Path) -> dict[str, Any]:
    from mmengine.checkpoint.files import read_checkpoint
    checkpoint: dict[str, Any] = read_checkpoint(str(path))
    return checkpoint


class Seen(Hook):
    """Notes the first weight at stages."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.weights: dict[str, list[torch.Tensor]] = {'train': [], 'val': [], 'test': []}

    def _after_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None,
                    mode: str = 'train') -> None:
        self.weights[mode].append(runner.model.first.weight.detach().clone())


def test_the_average_is_that_of_the_formula(make_runner: Make) -> None:
    seen, runner = Seen(), make(make_runner, options=dict(momentum=0.1), val_cfg=None, val_dataloader=None,
                                val_evaluator=None)
    runner.register_hook(seen)
    runner.train()
    average = seen.weights['train'][0]
    for weight in seen.weights['train'][1:]:
        average = average * 0.9 + weight * 0.1
    hook = ema_of(runner)
    torch.testing.assert_close(hook.ema_model.module.first.weight, average)
    assert int(hook.ema_model.steps) == 12
    assert hook.src_model is runner.model


def test_validation_and_test_see_the_average_and_training_does_not(make_runner: Make) -> None:
    seen, runner = Seen(), make(make_runner, options=dict(momentum=0.1))
    runner.register_hook(seen)
    runner.train()
    trained = runner.model.first.weight.detach().clone()
    assert torch.equal(trained, seen.weights['train'][-1])
    average = ema_of(runner).ema_model.module.first.weight.detach().clone()
    assert torch.equal(seen.weights['val'][-1], average)
    assert not torch.equal(average, trained)
    runner.test()  # still that of the training
    assert torch.equal(seen.weights['test'][-1], average)
    assert torch.equal(runner.model.first.weight, trained)


def test_the_checkpoint_gives_the_average_to_whoever_loads_it(make_runner: Make, tmp_path: Path) -> None:
    runner = make(make_runner, options=dict(momentum=0.1))
    runner.train()
    checkpoint, hook = load(tmp_path / 'run' / 'epoch_2.pth'), ema_of(runner)
    assert set(checkpoint['ema_state_dict']) == {'steps', *(f'module.{name}' for name in runner.model.state_dict())}
    for name, value in hook.ema_model.module.state_dict().items():
        assert torch.equal(checkpoint['state_dict'][name], value)
    for name, value in runner.model.state_dict().items():
        assert torch.equal(checkpoint['ema_state_dict'][f'module.{name}'], value)
    other = make_runner('other', load_from=str(tmp_path / 'run' / 'epoch_2.pth'))
    other.test()
    for name, value in hook.ema_model.module.state_dict().items():
        assert torch.equal(other.model.state_dict()[name], value)


@pytest.mark.parametrize('epoch', [1, 2])
@pytest.mark.parametrize('buffers', [False, True])
def test_a_resumed_run_ends_with_the_same_average(make_runner: Make, tmp_path: Path, epoch: int, buffers: bool) -> None:
    options = dict(momentum=0.1, update_buffers=buffers)
    length = dict(train_cfg=dict(by_epoch=True, max_epochs=3))
    whole = make(make_runner, 'whole', options=options, **length)
    whole.train()
    ours = make(make_runner, 'ours', options=options, resume=True,
                load_from=str(tmp_path / 'whole' / f'epoch_{epoch}.pth'), **length)
    ours.train()
    for left, right in ((ours.model, whole.model), (ema_of(ours).ema_model, ema_of(whole).ema_model)):
        for name, value in right.state_dict().items():
            assert torch.equal(left.state_dict()[name], value), name


def test_loading_without_resuming_begins_the_average_there(make_runner: Make, tmp_path: Path) -> None:
    make_runner('plain', **NO_SCHEDULE).train()
    runner = make(make_runner, load_from=str(tmp_path / 'plain' / 'epoch_2.pth'))
    seen = Seen()
    runner.register_hook(seen)
    runner.test()
    loaded = load(tmp_path / 'plain' / 'epoch_2.pth')['state_dict']['first.weight']
    assert torch.equal(seen.weights['test'][0], loaded)


def test_resuming_from_a_checkpoint_without_an_average_is_said(make_runner: Make, tmp_path: Path,
                                                               capsys: pytest.CaptureFixture[str]) -> None:
    make_runner('plain', **NO_SCHEDULE).train()
    make(make_runner, load_from=str(tmp_path / 'plain' / 'epoch_1.pth'), resume=True).train()
    assert 'There is no `ema_state_dict`' in capsys.readouterr().out


@pytest.mark.parametrize('options', [dict(begin_iter=8), dict(begin_epoch=2)])
def test_before_it_begins_the_average_is_a_copy(make_runner: Make, tmp_path: Path, options: dict[str, int]) -> None:
    runner = make(make_runner, options=options)
    runner.train()
    checkpoint = load(tmp_path / 'run' / 'epoch_1.pth')
    for name, value in checkpoint['state_dict'].items():
        assert torch.equal(checkpoint['ema_state_dict'][f'module.{name}'], value)
    assert int(ema_of(runner).ema_model.steps) == {'begin_iter': 5, 'begin_epoch': 6}[next(iter(options))]


@pytest.mark.parametrize(('options', 'words'), [
    (dict(begin_iter=-1), '`begin_iter` must'), (dict(begin_epoch=-1), '`begin_epoch` must'),
    (dict(begin_iter=1, begin_epoch=1), '`begin_iter` and `begin_epoch`')])
def test_wrong_arguments(options: dict[str, int], words: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(words)):
        EMAHook(**options)


@pytest.mark.parametrize(('options', 'words'), [(dict(begin_iter=99), 'self.begin_iter'),
                                                (dict(begin_epoch=99), 'self.begin_epoch')])
def test_a_beginning_after_the_end(make_runner: Make, options: dict[str, int], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        make(make_runner, options=options).train()


def test_a_strategy_that_cannot_average_is_named(make_runner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make(make_runner)
    monkeypatch.setattr(type(runner.strategy), 'averages_models', False)
    with pytest.raises(ValueError, match='EMAHook does not work with SingleDeviceStrategy'):
        runner.train()
