"""A signal ends a training where it can go on: it is saved, all ranks end together, and the handlers are as before."""
from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from mmengine.checkpoint import find_latest_checkpoint, read_checkpoint
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner
from mmengine.visualization import BaseVisBackend, force_init_env

Make = Callable[..., Runner]
PROGRAM = Path(__file__).parent / 'programs' / 'stop_on_ranks.py'
SEEDED = dict(randomness=dict(seed=3))


class Sends(Hook):
    """Sends signals to its own process, in a training or validation iteration."""

    def __init__(self, *numbers: int, at: int = 8, mode: str = 'train') -> None:
        self.numbers, self.at, self.mode = numbers, at, mode

    def _after_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None,
                    mode: str = 'train') -> None:
        if (runner.iter, mode) == (self.at, self.mode):
            for number in self.numbers:
                os.kill(os.getpid(), number)


def same_end(tmp_path: Path, name: str = 'epoch_4.pth') -> bool:
    ours, theirs = (read_checkpoint(tmp_path / folder / name)['state_dict'] for folder in ('run', 'whole'))
    return all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize(('number', 'error', 'code'), [
    (signal.SIGTERM, SystemExit, 143), (signal.SIGUSR1, SystemExit, 138), (signal.SIGINT, KeyboardInterrupt, None)])
def test_saves_and_ends(make_runner: Make, tmp_path: Path, number: int, error: type[BaseException], code: int | None,
                        by_epoch: bool, capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(number)
    hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=by_epoch, interval=1 if by_epoch else 6))
    with pytest.raises(error) as caught:
        make_runner(custom_hooks=[Sends(number)], default_hooks=hooks, **SEEDED).train()
    assert getattr(caught.value, 'code', None) == code
    assert signal.getsignal(number) is before
    said = ''.join(capfd.readouterr())
    assert f'{signal.Signals(number).name}: the training ends after this iteration' in said
    assert 'ended by a signal after 9 of 24 iterations' in said
    assert 'resume=True' in said
    assert find_latest_checkpoint(str(tmp_path / 'run')) == str(tmp_path / 'run' / 'iter_9.pth')
    make_runner(resume=True, default_hooks=hooks, **SEEDED).train()
    assert not (tmp_path / 'run' / 'iter_9.pth').exists()  # the next regular one replaced it
    make_runner('whole', default_hooks=hooks, **SEEDED).train()
    assert same_end(tmp_path, 'epoch_4.pth' if by_epoch else 'iter_24.pth')


@pytest.mark.parametrize('interval', [1, 3])
def test_within_a_validation(make_runner: Make, tmp_path: Path, interval: int) -> None:
    """Which is done again from its begin, with the same random numbers."""
    hooks = dict(checkpoint=dict(type='CheckpointHook', interval=interval))
    changes: dict[str, Any] = dict(SEEDED, default_hooks=hooks)
    ema = [dict(type='EMAHook', momentum=0.1)]
    with pytest.raises(SystemExit):
        make_runner(custom_hooks=[*ema, Sends(signal.SIGTERM, at=12, mode='val')], **changes).train()
    checkpoint = 'epoch_2.pth' if interval == 1 else 'iter_12.pth'
    assert find_latest_checkpoint(str(tmp_path / 'run')) == str(tmp_path / 'run' / checkpoint)
    assert read_checkpoint(tmp_path / 'run' / checkpoint)['meta']['epoch'] == 2
    ours = make_runner(resume=True, custom_hooks=ema, **changes)
    ours.train()
    whole = make_runner('whole', custom_hooks=ema, **changes)
    whole.train()
    assert same_end(tmp_path)
    assert list(ours.message_hub.get_scalar('val/line/error').data[0]) == \
        list(whole.message_hub.get_scalar('val/line/error').data[0])


def test_while_workers_load(make_runner: Make, make_cfg: Any, tmp_path: Path) -> None:
    """The whole process group gets the signal from a terminal or from Slurm: the workers leave it to their parent."""
    loader = dict(make_cfg()['train_dataloader'], num_workers=2)

    class SendsToAll(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            if runner.iter == 8:
                workers = list(Path('/proc/self/task').glob('*/children'))
                for pid in ' '.join(file.read_text() for file in workers).split():
                    os.kill(int(pid), signal.SIGTERM)
                    os.kill(int(pid), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        make_runner(train_dataloader=loader, custom_hooks=[SendsToAll()], **SEEDED).train()
    make_runner(train_dataloader=loader, resume=True, **SEEDED).train()
    make_runner('whole', train_dataloader=loader, **SEEDED).train()
    assert same_end(tmp_path)


def test_ctrl_c_twice_ends_at_once(make_runner: Make, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        make_runner(custom_hooks=[Sends(signal.SIGINT, signal.SIGINT)], **SEEDED).train()
    assert sorted(path.name for path in (tmp_path / 'run').glob('*.pth')) == ['epoch_1.pth']
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_twice_is_one(make_runner: Make, tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        make_runner(custom_hooks=[Sends(signal.SIGUSR1, signal.SIGTERM, signal.SIGTERM)], **SEEDED).train()
    assert (tmp_path / 'run' / 'iter_9.pth').exists()


def test_a_handler_of_the_users_own_is_called_when_all_is_saved(make_runner: Make, tmp_path: Path) -> None:
    found: list[bool] = []
    before = signal.signal(signal.SIGTERM, lambda *_: found.append((tmp_path / 'run' / 'iter_9.pth').exists()))
    try:
        with pytest.raises(SystemExit):
            make_runner(custom_hooks=[Sends(signal.SIGTERM)]).train()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert found == [True]


def test_what_is_ignored_stays_so(make_runner: Make) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        runner = make_runner(custom_hooks=[Sends(signal.SIGTERM)])
        runner.train()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert runner.iter == 24


class OpenTracker(BaseVisBackend):
    """Has records that wait, so that the visualizer watches for signals as well."""

    experiment = None
    statuses: ClassVar[list[str]] = []

    def _init_env(self) -> None:
        self.statuses.clear()

    @force_init_env
    def add_scalars(self, scalar_dict: Any, step: int = 0, file_path: str | None = None, **kwargs: Any) -> None:
        pass

    def close(self, status: str = 'success') -> None:
        self.statuses.append(status)


def test_an_open_tracker_is_closed_and_the_handler_of_the_user_called(make_runner: Make, tmp_path: Path) -> None:
    called: list[int] = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
    try:
        with pytest.raises(SystemExit) as caught:
            make_runner(custom_hooks=[Sends(signal.SIGTERM)], visualizer=dict(
                type='Visualizer', vis_backends=[OpenTracker(str(tmp_path))]),
                default_hooks=dict(logger=dict(type='LoggerHook', interval=2)), **SEEDED).train()
    finally:
        signal.signal(signal.SIGTERM, former)
    assert caught.value.code == 143
    assert called == [signal.SIGTERM]
    assert OpenTracker.statuses == ['aborted']
    assert (tmp_path / 'run' / 'iter_9.pth').exists()


def test_the_handlers_are_back_after_a_failure(make_runner: Make) -> None:
    class Fails(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            assert signal.getsignal(signal.SIGTERM) is not before
            raise ZeroDivisionError

    before = signal.getsignal(signal.SIGTERM)
    runner = make_runner(custom_hooks=[Fails()])
    with pytest.raises(ZeroDivisionError):
        runner.train()
    assert signal.getsignal(signal.SIGTERM) is before
    assert type(runner.train_dataloader.worker_init_fn).__name__ != 'DeafWorker'


@pytest.mark.parametrize('where', ['thread', 'notebook', 'nowhere'])
def test_other_places_leave_signals_alone(make_runner: Make, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    seen: list[Any] = []

    class Looks(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    names = [] if where == 'nowhere' else ['SIGTERM']
    runner = make_runner(custom_hooks=[Looks()], default_hooks=dict(checkpoint=dict(type='CheckpointHook',
                                                                                    stop_signals=names)))
    if where == 'notebook':
        monkeypatch.setitem(sys.modules, 'ipykernel', sys)
    if where == 'thread':
        thread = threading.Thread(target=runner.train)
        thread.start()
        thread.join()
    else:
        runner.train()
    assert runner.iter == 24
    assert set(seen) == {before}


@pytest.mark.parametrize(('names', 'error', 'words'), [
    (['SIGTREM'], ValueError, "no signal 'SIGTREM'.*Did you mean 'SIGTERM'"),
    ('SIGTERM', TypeError, 'sequence of names')])
def test_names_are_checked(names: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        CheckpointHook(stop_signals=names)


@pytest.mark.parametrize(('name', 'rank'), [('SIGTERM', 1), ('SIGUSR1', 0)])
def test_all_ranks_end_after_the_same_iteration(tmp_path: Path, on_ranks: Callable[..., list[str]], name: str,
                                                rank: int) -> None:
    said = on_ranks(PROGRAM.name, tmp_path / 'run', name, rank, expected=128 + getattr(signal, name))
    ended = [re.findall(r'ENDED (\d+) SIG_DFL', text) for text in said]
    assert ended[0] == ended[1] != []
    checkpoint = read_checkpoint(tmp_path / 'run' / f'iter_{ended[0][0]}.pth')
    assert len(checkpoint['ranks']) == 2
    assert int(ended[0][0]) >= 21
