"""Steps that run out of memory are run in parts, with the gradient of the whole batch."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.hooks import MicroBatchHook
from mmengine.model import BaseModel
from mmengine.model.micro_batch import MicroBatcher, part_of, samples_in
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from mmengine.runner import Runner

MakeRunner = Callable[..., Runner]
#: A sum in another order, after 24 steps.
CLOSE = dict(rtol=1e-5, atol=1e-6)


class Large(BaseModel):
    """Raises what a device raises that has no room for more than `room` samples, in the forward or backward pass."""

    def __init__(self, room: int = 100, fails_in: str = 'forward') -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        self.room, self.fails_in = room, fails_in
        self.seen: list[int] = []

    def forward(self, inputs: Any, target: Any = None, mode: str = 'tensor') -> Any:
        inputs, target = torch.stack(list(inputs)), torch.stack(list(target))
        hidden = self.layer[:2](inputs)
        found = self.layer[2](hidden)
        if mode != 'loss':
            return list(found)
        self.seen.append(len(inputs))
        if len(inputs) > self.room and self.fails_in == 'backward':
            hidden.register_hook(self.fail)  # when the gradients of the last layer are there
        elif len(inputs) > self.room:
            self.fail()
        return dict(loss=(found - target).pow(2).mean(), size=found.detach().abs().mean())

    def fail(self, *_: Any) -> Any:
        raise torch.OutOfMemoryError('the device is full')




@pytest.fixture
def train(make_runner: MakeRunner) -> Callable[..., Runner]:
    """Train with `room`; the batches are of 10, 10 and 4 samples."""
    def run(folder: str, room: int = 100, hook: dict[str, Any] | None = None, fails_in: str = 'forward',
            **changes: Any) -> Runner:
        MODELS.register_module(module=Large, force=True)
        loader = dict(batch_size=10, num_workers=0, dataset=dict(type='LinePoints'),
                      sampler=dict(type='DefaultSampler', shuffle=True))
        changes.setdefault('optim_wrapper', dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
                                                 clip_grad=dict(max_norm=0.5)))
        runner = make_runner(folder, model=dict(type='Large', room=room, fails_in=fails_in), randomness=dict(seed=1),
                             custom_hooks=[] if hook is None else [dict(hook, type='MicroBatchHook')],
                             train_dataloader=loader, **changes)
        runner.train()
        return runner
    return run


def assert_close(one: Runner, other: Runner) -> None:
    state = one.model.state_dict()
    for name, value in other.model.state_dict().items():
        torch.testing.assert_close(state[name], value, **CLOSE)
    for name in ('loss', 'size'):
        found, expected = (runner.message_hub.get_scalar(f'train/{name}').data[0] for runner in (one, other))
        torch.testing.assert_close(torch.tensor(found), torch.tensor(expected), **CLOSE)


@pytest.mark.parametrize('fails_in', ['forward', 'backward'])
@pytest.mark.parametrize('optim_wrapper', [
    dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9), clip_grad=dict(max_norm=0.5)),
    dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=2),
    dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=4.0, optimizer=dict(type='SGD', lr=0.0))])
def test_the_end_is_that_of_whole_batches(train: Callable[..., Runner], optim_wrapper: dict[str, Any],
                                          fails_in: str) -> None:
    whole = train('whole', optim_wrapper=optim_wrapper)
    parts = train('parts', room=3, hook={}, fails_in=fails_in, optim_wrapper=optim_wrapper)
    model: Any = parts.model
    # 10 and 5 are too many; then 3, and the last part of each batch is what is left.
    assert model.seen[:12] == [10, 5, 3, 3, 3, 1, 3, 3, 3, 1, 3, 1]
    assert set(model.seen[3:]) == {1, 3}
    if 'type' not in optim_wrapper:  # in half precision the parts are rounded by themselves
        assert_close(parts, whole)
    assert parts.iter == whole.iter == 12


def test_the_gradient_is_that_of_the_batch() -> None:
    class Kept(OptimWrapper):
        def zero_grad(self, **kwargs: Any) -> None:
            """Keep the gradients to look at."""

    torch.manual_seed(0)
    model = Large(room=4)
    data = dict(inputs=list(torch.rand(11, 2)), target=list(torch.rand(11, 1)))
    gradients, told = [], []
    for room in (100, 4):
        model.room = room
        model.zero_grad()
        wrapper = Kept(torch.optim.SGD(model.parameters(), lr=0.0))
        MicroBatcher(model.train_step, model).run(data, wrapper, lambda *given: told.append(given))
        assert wrapper.inner_count == 1
        gradients.append([value.grad.clone() for value in model.parameters() if value.grad is not None])
    assert told == [(11, 6, 11), (6, 3, 11)]
    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-7)


def test_it_says_what_it_chose_and_keeps_it(train: Callable[..., Runner], tmp_path: Path) -> None:
    runner = train('parts', room=5, hook={}, log_level='INFO')
    text = next((tmp_path / 'parts').rglob('*.log')).read_text()
    assert text.count('Memory ran out') == 1
    assert ('Memory ran out in iteration 1 with 10 samples at a time: from now on a batch is split into parts of at '
            'most 5, this one of 10 into 2.') in text
    assert runner.message_hub.get_info('micro_batch_size') == 5
    assert 'train_step' not in runner.model.__dict__
    again = train('again', room=5, hook={}, load_from=str(tmp_path / 'parts' / 'epoch_2.pth'), resume=True)
    model: Any = again.model
    assert max(model.seen) == 5
    assert_close(again, runner)


def test_a_size_from_the_beginning(train: Callable[..., Runner]) -> None:
    model: Any = train('parts', room=4, hook=dict(size=4)).model
    assert model.seen[:4] == [4, 4, 2, 4]


def test_one_sample_is_too_much(train: Callable[..., Runner]) -> None:
    with pytest.raises(torch.OutOfMemoryError, match='the device is full'):
        train('parts', room=0, hook={})


def test_parts_of_batches() -> None:
    data = dict(inputs=torch.arange(6).view(3, 2), data_samples=['a', 'b', 'c'], scale=torch.tensor(2.0), name='x',
                pair=(torch.arange(3), [1, 2, 3]))
    part = part_of(data, 1, 3, samples_in(data))
    assert part['inputs'].tolist() == [[2, 3], [4, 5]]
    assert (part['data_samples'], part['scale'], part['name']) == (['b', 'c'], torch.tensor(2.0), 'x')
    assert (part['pair'][0].tolist(), part['pair'][1]) == ([1, 2], [2, 3])
    fields = part_of([torch.arange(3), torch.arange(3)], 0, 1, 3)
    assert [field.tolist() for field in fields] == [[0], [0]]
    with pytest.raises(TypeError, match=r"batch\['b'\] has 2 samples, and others 3"):
        part_of(dict(a=[1, 2, 3], b=[1, 2]), 0, 1, 3)
    with pytest.raises(TypeError, match='neither a tensor nor a list of samples'):
        samples_in('text')
    with pytest.raises(ValueError, match='size of MicroBatchHook .* but got 0'):
        MicroBatchHook(size=0)
