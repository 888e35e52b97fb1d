"""Checkpoints written by a thread hold the state of the moment at which they were asked for."""
from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.checkpoint import read_checkpoint, write_checkpoint
from mmengine.checkpoint.background import BackgroundWriter
from mmengine.checkpoint.files import serialized
from mmengine.checkpoint.snapshot import SnapshotPool
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

Make = Callable[..., Runner]


class Held:
    """Writes once it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.free, self.error = threading.Event(), error

    def __call__(self, state: dict[str, Any], filename: str, backend_args: dict[str, Any] | None = None) -> None:
        assert self.free.wait(60)
        if self.error is not None:
            raise self.error
        write_checkpoint(state, filename, backend_args)


def state_of(model: nn.Module) -> dict[str, Any]:
    return dict(state_dict=model.state_dict(), meta=dict(numbers=[1, (2, 'x')]))


class TestSnapshot:

    def test_gives_the_same_file(self) -> None:
        """Shared memory, strides, metadata and empty tensors included; also from memory that was used before."""
        base = torch.arange(5_000_000.)
        model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
        model[2].weight = model[0].weight
        state = dict(state_dict=model.state_dict(), views=[base[3:9], base.view(1000, -1).t()], empty=torch.empty(0),
                     half=torch.ones(3, dtype=torch.bfloat16), nested=OrderedDict(a=(1, [torch.tensor(2)])))
        pool = SnapshotPool()
        expected = serialized(state)
        for _ in range(2):
            snapshot = pool.take(state)
            assert serialized(snapshot.state) == expected
            assert snapshot.state['state_dict']._metadata == state['state_dict']._metadata
            pool.give_back(snapshot)

    def test_is_apart(self) -> None:
        weight, numbers = torch.zeros(10_000_000), [1]
        snapshot = SnapshotPool().take(dict(weight=weight, numbers=numbers, grad=nn.Parameter(torch.zeros(1))))
        weight += 1
        numbers.append(2)
        assert not snapshot.state['weight'].any()
        assert snapshot.state['numbers'] == [1]
        assert isinstance(snapshot.state['grad'], nn.Parameter)

    def test_uses_its_memory_again(self) -> None:
        pool, state = SnapshotPool(), dict(weight=torch.zeros(1000))
        first = pool.take(state)
        address = first.state['weight'].data_ptr()
        assert pool.take(state).state['weight'].data_ptr() != address
        pool.give_back(first)
        assert pool.take(state).state['weight'].data_ptr() == address


class TestWriter:

    def test_goes_on_at_once_with_the_state_of_the_call(self, tmp_path: Path) -> None:
        model, held, done = nn.Linear(4, 4), Held(), []
        writer = BackgroundWriter(held)
        before = model.weight.detach().clone()
        writer.write(state_of(model), str(tmp_path / 'a.pth'))
        writer.then(lambda: done.append((tmp_path / 'a.pth').exists()))
        with torch.no_grad():
            model.weight += 1
        assert not (tmp_path / 'a.pth').exists()
        assert done == []
        held.free.set()
        writer.wait()
        assert done == [True]
        assert torch.equal(read_checkpoint(tmp_path / 'a.pth')['state_dict']['weight'], before)

    def test_what_a_write_raises_comes_with_the_next_and_nothing_follows_it(self, tmp_path: Path) -> None:
        held, done = Held(OSError(28, 'full')), []
        writer = BackgroundWriter(held)
        writer.write(dict(a=1), str(tmp_path / 'a.pth'))
        writer.write(dict(a=2), str(tmp_path / 'b.pth'))
        writer.then(lambda: done.append(1))
        held.free.set()
        with pytest.raises(OSError, match='full'):
            writer.wait()
        held.error = None
        writer.write(dict(a=3), str(tmp_path / 'c.pth'))
        writer.wait()
        assert done == []
        assert os.listdir(tmp_path) == ['c.pth']

    def test_waits_while_two_copies_are_written(self, tmp_path: Path) -> None:
        held = Held()
        writer = BackgroundWriter(held)
        for name in 'ab':
            writer.write(dict(a=name), str(tmp_path / name))
        threading.Timer(0.2, held.free.set).start()
        writer.write(dict(a='c'), str(tmp_path / 'c'))
        assert held.free.is_set()
        writer.wait()
        assert sorted(os.listdir(tmp_path)) == ['a', 'b', 'c']


ENDS_EARLY = '''
import sys, time, torch
from mmengine.checkpoint import write_checkpoint
from mmengine.checkpoint.background import BackgroundWriter

def slow(state, filename, backend_args=None):
    time.sleep(1)
    write_checkpoint(state, filename, backend_args)

writer = BackgroundWriter(slow)
writer.write(dict(a=torch.ones(3)), sys.argv[1])
if len(sys.argv) > 2:
    raise ZeroDivisionError
'''


@pytest.mark.parametrize('arguments', [[], ['fails']])
def test_the_interpreter_waits_for_what_is_written(tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, '-c', ENDS_EARLY, str(tmp_path / 'a.pth'), *arguments], check=False)
    assert done.returncode == len(arguments)
    assert torch.equal(read_checkpoint(tmp_path / 'a.pth')['a'], torch.ones(3))


class TestRun:

    def train(self, make_runner: Make, folder: str, **options: Any) -> Runner:
        runner = make_runner(folder, randomness=dict(seed=0), default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2, save_best='line/error', rule='less',
                            published_keys=['state_dict'], **options)))
        runner.train()
        return runner

    def test_leaves_the_same_as_without(self, make_runner: Make, tmp_path: Path) -> None:
        for folder, options in (('sync', {}), ('async', dict(async_save=True))):
            self.train(make_runner, folder, **options)
        names = [sorted(path.name for path in (tmp_path / folder).glob('*.pth')) for folder in ('sync', 'async')]
        assert names[0] == names[1]
        assert len(names[0]) == 5  # two regular ones, the best, and two published
        for name in names[0]:
            ours, theirs = (read_checkpoint(tmp_path / folder / name)['state_dict'] for folder in ('async', 'sync'))
            assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
        assert (tmp_path / 'async' / 'last_checkpoint').read_text().endswith('epoch_4.pth')

    def test_a_write_that_fails_ends_the_run_and_leaves_the_last_whole_one(self, make_runner: Make, tmp_path: Path,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
        import mmengine._strategy.base as strategy
        import mmengine.hooks.checkpoint_saver as saver
        real = saver.write_checkpoint

        def fails(state: dict[str, Any], filename: str, backend_args: dict[str, Any] | None = None) -> None:
            if 'epoch_2' in filename:
                raise OSError(28, 'the disk is full')
            real(state, filename, backend_args)

        for module in (saver, strategy):  # the thread's, and what saves the run when it ends by the error
            monkeypatch.setattr(module, 'write_checkpoint', fails)
        with pytest.raises(OSError, match='the disk is full'):
            self.train(make_runner, 'run', async_save=True)
        assert (tmp_path / 'run' / 'last_checkpoint').read_text().endswith('epoch_1.pth')
        assert (tmp_path / 'run' / 'epoch_1.pth').exists()

    def test_nothing_is_left_behind(self, make_runner: Make) -> None:
        runner = self.train(make_runner, 'run', async_save=True)
        assert runner.strategy.background is None
        assert not [thread for thread in threading.enumerate() if thread.name == 'mmengine-checkpoint']
        assert CheckpointHook(async_save=True).async_save
