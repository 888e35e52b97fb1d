"""What raises ends the run with its own traceback, with where it came from, and loses nothing that was whole."""
from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import mmengine._strategy.base as strategy
from mmengine.checkpoint import find_latest_checkpoint, read_checkpoint
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner

Make = Callable[..., Runner]


class FailsInTraining(Hook):

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if runner.iter == 14:
            raise ZeroDivisionError('here')


class FailsAfterAnEpoch(Hook):

    def after_train_epoch(self, runner: Any) -> None:
        if runner.epoch == 2:
            raise ZeroDivisionError('here')


class Mean(BaseMetric):
    """Raises in its so-many-th evaluation, in one of its methods."""

    def __init__(self, fails_at: int = 0, method: str = '') -> None:
        super().__init__(prefix='line')
        self.fails_at, self.method, self.evaluations = fails_at, method, 1

    def check(self, method: str) -> None:
        if (self.evaluations, method) == (self.fails_at, self.method):
            raise ZeroDivisionError('here')

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.check('process')
        self.results.extend(float(sample) for sample in data_samples)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        self.check('compute_metrics')
        self.evaluations += 1
        return dict(mean=sum(results) / len(results))


def notes(error: BaseException) -> str:
    return '\n'.join(getattr(error, '__notes__', []))


@pytest.mark.parametrize(('hook', 'words'), [
    (FailsInTraining, 'raised in FailsInTraining.after_train_iter(batch_idx=2), in epoch 3 after 14 of 24'),
    (FailsAfterAnEpoch, 'raised in FailsAfterAnEpoch.after_train_epoch, in epoch 3 after 18 of 24')])
def test_a_hook_is_named(make_runner: Make, tmp_path: Path, hook: type[Hook], words: str) -> None:
    with pytest.raises(ZeroDivisionError, match='here') as caught:
        make_runner(custom_hooks=[hook()]).train()
    assert words in notes(caught.value)
    assert traceback.extract_tb(caught.value.__traceback__)[-1].filename == __file__
    assert caught.value.__cause__ is None
    # An iteration or epoch that failed leaves nothing whole: what was saved before is what there is.
    assert sorted(path.name for path in (tmp_path / 'run').glob('*.pth')) == ['epoch_1.pth', 'epoch_2.pth']
    assert find_latest_checkpoint(str(tmp_path / 'run')) == str(tmp_path / 'run' / 'epoch_2.pth')


@pytest.mark.parametrize('method', ['process', 'compute_metrics'])
@pytest.mark.parametrize('by_epoch', [True, False])
def test_a_metric_is_named_and_its_validation_saved(make_runner: Make, make_cfg: Any, tmp_path: Path, method: str,
                                                    by_epoch: bool, capsys: pytest.CaptureFixture[str]) -> None:
    loader = make_cfg()['train_dataloader']
    loader['dataset'] = dict(type='LinePoints', noisy=True)
    changes: dict[str, Any] = dict(
        train_dataloader=loader, randomness=dict(seed=2), custom_hooks=[dict(type='EMAHook', momentum=0.1)],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=by_epoch, interval=3 if by_epoch else 10)))
    if not by_epoch:
        changes.update(train_cfg=dict(by_epoch=False, max_iters=24, val_interval=6), param_scheduler=None)
    with pytest.raises(ZeroDivisionError) as caught:
        make_runner(val_evaluator=[Mean(2, method)], **changes).train()
    assert f'raised in Mean.{method} (prefix=\'line\')' in notes(caught.value)
    assert 'after 12 of 24 finished iterations' in notes(caught.value)
    saved = tmp_path / 'run' / 'iter_12.pth'
    assert find_latest_checkpoint(str(tmp_path / 'run')) == str(saved)
    assert read_checkpoint(saved)['meta']['epoch'] == (2 if by_epoch else 0)
    assert f'The last checkpoint is whole: {saved}' in capsys.readouterr().out

    ours = make_runner('run', val_evaluator=[Mean()], resume=True, **changes)
    ours.train()
    whole = make_runner('whole', val_evaluator=[Mean()], **changes)
    whole.train()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(ours.model.state_dict()[name], value), name
    assert list(ours.message_hub.get_scalar('val/line/mean').data[0]) == \
        list(whole.message_hub.get_scalar('val/line/mean').data[0])


def test_what_is_saved_already_is_not_saved_again(make_runner: Make, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        make_runner(val_evaluator=[Mean(2, 'process')]).train()
    assert sorted(path.name for path in (tmp_path / 'run').glob('*.pth')) == ['epoch_1.pth', 'epoch_2.pth']


def test_the_first_error_is_the_one_that_is_raised(make_runner: Make, monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, 'no room')

    monkeypatch.setattr(strategy, 'write_checkpoint', full)
    runner = make_runner(val_evaluator=[Mean(1, 'process')],
                         default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=3)))
    with pytest.raises(ZeroDivisionError):
        runner.train()
    assert 'CheckpointHook could not save the run: OSError' in capsys.readouterr().out


def test_a_validation_by_itself_is_named_too(make_runner: Make, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        make_runner(val_evaluator=[Mean(1, 'compute_metrics')]).val()
    assert 'raised in Mean.compute_metrics' in notes(caught.value)
    assert not list((tmp_path / 'run').glob('*.pth'))
