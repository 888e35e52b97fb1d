"""Losses that are infinite or not a number: what is said of them, and what becomes of the training."""
from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.hooks import NonFiniteLossError, NonFiniteLossHook
from mmengine.hooks.sample_ids import sample_ids
from mmengine.model import BaseModel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

Make = Callable[..., Runner]


class Poisoned(BaseModel):
    """Its loss is what `bad` says in some iterations, counted from 1."""

    def __init__(self, bad: dict[int, float]) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.bad, self.calls = bad, 0

    def forward(self, inputs: Any, target: Any = None, data_samples: Any = None, mode: str = 'tensor') -> Any:
        if mode != 'loss':
            return [torch.zeros(1) for _ in inputs]
        self.calls += 1
        loss = (self.layer(torch.stack(inputs)) - torch.stack(target)).pow(2).mean()
        return dict(loss_fit=loss * self.bad.get(self.calls, 1.0), loss_other=loss * 0.1)


class Marked(torch.utils.data.Dataset[Any]):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = BaseDataElement(metainfo=dict(img_path=f'{index}.png', sample_idx=index))
        return dict(inputs=torch.rand(2), target=torch.rand(1), data_samples=sample)


def run(make_runner: Make, bad: dict[int, float], folder: str = 'run', marked: bool = True, wrapper: Any = None,
        hook: bool = True, **options: Any) -> Runner:
    dataset = Marked() if marked else dict(type='LinePoints', samples=8)
    loader = dict(batch_size=2, num_workers=0, dataset=dataset, sampler=dict(type='DefaultSampler', shuffle=False))
    runner = make_runner(
        folder, model=Poisoned(bad), train_dataloader=loader, val_dataloader=None, val_cfg=None, val_evaluator=None,
        train_cfg=dict(by_epoch=True, max_epochs=3), param_scheduler=None, randomness=dict(seed=1),
        custom_hooks=[dict(type='NonFiniteLossHook', **options)] if hook else [], log_level='INFO',
        **(dict(optim_wrapper=wrapper) if wrapper else {}))
    runner.train()
    return runner


def log_of(runner: Runner) -> str:
    return next(Path(runner.log_dir).glob('*.log')).read_text(encoding='utf-8')


def test_report(make_runner: Make) -> None:
    runner = run(make_runner, {6: math.inf}, interval=2)
    text = log_of(runner)
    assert runner.iter == 12
    assert ('loss is inf, loss_fit is inf in iteration 6, with the samples sample_idx=2 img_path=2.png, '
            'sample_idx=3 img_path=3.png') in text
    assert text.count('in iteration') == 1  # the weights stay broken, which is said once
    assert 'finite again' not in text


def test_without_the_hook_the_log_tells_of_it_once(make_runner: Make) -> None:
    text = log_of(run(make_runner, {6: math.nan}, hook=False))
    assert text.count('NonFiniteLossHook among custom_hooks tells the iteration') == 1
    assert 'NonFiniteLossHook among' not in log_of(run(make_runner, {}, 'fine', hook=False))


def test_that_it_is_over_is_said(make_runner: Make) -> None:
    runner = run(make_runner, {6: math.nan}, interval=2, action='skip')
    text = log_of(runner)
    assert 'loss is nan, loss_fit is nan in iteration 6' in text
    assert 'not updated with these batches' in text
    assert 'The losses of the last 2 iterations are finite again' in text


def test_by_default_it_looks_where_the_log_is_written(make_runner: Make) -> None:
    with pytest.raises(NonFiniteLossError, match='loss is nan, loss_fit is nan in iteration 2'):
        run(make_runner, {2: math.nan}, action='stop')


def test_stop_comes_before_the_checkpoint(make_runner: Make, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLossError, match=r'in iteration 4, with the samples .*6\.png') as raised:
        run(make_runner, {4: math.nan}, action='stop', interval=4)
    assert 'NonFiniteLossHook.after_train_iter' in ''.join(raised.value.__notes__)
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_samples_without_meta_information(make_runner: Make) -> None:
    with pytest.raises(NonFiniteLossError, match='in iteration 3, with the samples which its data do not tell'):
        run(make_runner, {3: math.nan, 4: math.nan}, action='stop', interval=4, marked=False)


@pytest.mark.parametrize('kind', ['OptimWrapper', 'AmpOptimWrapper'])
def test_a_skipped_batch_leaves_no_trace(make_runner: Make, kind: str) -> None:
    """As if its iteration had not been, for plain SGD."""
    wrapper = dict(type=kind, optimizer=dict(type='SGD', lr=0.05), **(
        dict(dtype='bfloat16') if kind == 'AmpOptimWrapper' else {}))
    skipped = run(make_runner, {12: math.nan}, action='skip', wrapper=wrapper)
    assert skipped.model.calls == 12
    reference = run(make_runner, {12: math.nan}, 'other', wrapper=wrapper)  # its last update breaks the weights
    assert torch.isfinite(skipped.model.layer.weight).all()
    assert not torch.isfinite(reference.model.layer.weight).all()
    assert 'update_params' not in vars(skipped.optim_wrapper)


def test_skip_within_accumulation() -> None:
    """Of a group of three the second is left out: the update is that of the others, scaled as ever."""
    torch.manual_seed(0)
    inputs = torch.rand(3, 4, 2)
    start = nn.Linear(2, 1)
    ours, other = nn.Linear(2, 1), nn.Linear(2, 1)
    for model in (ours, other):
        model.load_state_dict(start.state_dict())
    wrapper = OptimWrapper(torch.optim.SGD(ours.parameters(), lr=0.1), accumulative_counts=3)
    runner: Any = SimpleNamespace(optim_wrapper=wrapper, hooks=[], iter=0)
    hook = NonFiniteLossHook(action='skip')
    hook.before_train(runner)
    for number, batch in enumerate(inputs):
        wrapper.update_params(ours(batch).sum() * (math.nan if number == 1 else 1))
    hook.after_train(runner)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    ((other(inputs[0]).sum() + other(inputs[2]).sum()) / 3).backward()
    optimizer.step()
    torch.testing.assert_close(ours.weight, other.weight)
    assert wrapper.inner_count == 3
    assert ours.weight.grad is None


def test_all_of_a_group_left_out_with_a_scaler() -> None:
    """The scaler of gradients has nothing to check then."""
    model = nn.Linear(2, 1)
    before = model.weight.detach().clone()
    wrapper = AmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2,
                              dtype='bfloat16')
    runner: Any = SimpleNamespace(optim_wrapper=wrapper, hooks=[], iter=0)
    hook = NonFiniteLossHook(action='skip')
    hook.before_train(runner)
    for _ in range(2):
        wrapper.update_params(model(torch.rand(1, 2)).sum() * math.inf)
    hook.close()
    assert torch.equal(model.weight, before)


def test_two_ranks(tmp_path: Path, on_ranks: Callable[..., list[str]]) -> None:
    """One rank alone has such a loss: both leave the batch out, or end, and have the same weights."""
    on_ranks('nonfinite_on_ranks.py', tmp_path)
    first, second = (torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in (0, 1))
    assert torch.equal(first['weight'], second['weight'])
    torch.testing.assert_close(first['weight'], first['expected'])
    for result in (first, second):
        assert 'loss is nan in iteration 1 on rank 1, with the samples sample_idx=7' in result['error']


@pytest.mark.parametrize(('batch', 'expected'), [
    (dict(data_samples=[BaseDataElement(metainfo=dict(img_id=3)), BaseDataElement()]), ['img_id=3']),
    ([dict(data_samples=dict(sample_idx=1)), dict(data_samples=dict(sample_idx=2))], ['sample_idx=1', 'sample_idx=2']),
    (dict(inputs=torch.rand(2), sample_idx=torch.tensor([4, 5])), ['sample_idx=4', 'sample_idx=5']),
    (dict(inputs=torch.rand(2), sample_idx=4), ['sample_idx=4']),
    ((torch.rand(2), torch.rand(2)), []), (torch.rand(2), []), (None, []), (dict(data_samples=[3, None]), []),
])
def test_sample_ids(batch: Any, expected: list[str]) -> None:
    assert sample_ids(batch) == expected


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="action should be one of .* but got 'skipp'.*'skip'"):
        NonFiniteLossHook(action='skipp')
    with pytest.raises(ValueError, match='interval should be a positive integer or None, but got 0'):
        NonFiniteLossHook(interval=0)
