"""A resumed run ends with the very weights of one that never stopped."""
from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from mmengine.checkpoint import BrokenCheckpointError
from mmengine.hooks import Hook
from mmengine.runner import Runner

Make = Callable[..., Runner]
EVERY_ITER = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=1))
BY_ITER = dict(train_cfg=dict(by_epoch=False, max_iters=24, val_interval=5),
               param_scheduler=dict(type='CosineAnnealingLR', T_max=24, by_epoch=False), default_hooks=EVERY_ITER)


def weights(runner: Runner) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in runner.model.state_dict().items()}


def assert_same(ours: Runner, whole: Runner) -> None:
    left, right = weights(ours), weights(whole)
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


def resumed(make: Make, tmp_path: Path, checkpoint: str, **changes: Any) -> Runner:
    """Resume from one checkpoint of the run in `whole`, in a folder of its own."""
    runner = make('resumed', load_from=str(tmp_path / 'whole' / checkpoint), resume=True, **changes)
    runner.train()
    return runner


@pytest.mark.parametrize('noisy', [False, True])
@pytest.mark.parametrize('iteration', [1, 6, 9, 12, 23])
def test_mid_epoch(make_runner: Make, make_cfg: Any, tmp_path: Path, iteration: int, noisy: bool) -> None:
    changes = dict(default_hooks=EVERY_ITER)
    changes['train_dataloader'] = make_cfg()['train_dataloader']
    changes['train_dataloader']['dataset'] = dict(type='LinePoints', noisy=noisy)
    whole = make_runner('whole', **changes)
    whole.train()
    ours = resumed(make_runner, tmp_path, f'iter_{iteration}.pth', **changes)
    assert ours.iter == whole.iter == 24
    assert_same(ours, whole)


def test_at_the_end_of_an_epoch(make_runner: Make, tmp_path: Path) -> None:
    whole = make_runner('whole')
    whole.train()
    assert_same(resumed(make_runner, tmp_path, 'epoch_2.pth'), whole)


@pytest.mark.parametrize('sampler', ['InfiniteSampler', 'DefaultSampler'])
@pytest.mark.parametrize('iteration', [1, 5, 6, 13])
def test_by_iterations(make_runner: Make, make_cfg: Any, tmp_path: Path, sampler: str, iteration: int) -> None:
    loader = dict(make_cfg()['train_dataloader'], sampler=dict(type=sampler, shuffle=True))
    whole = make_runner('whole', train_dataloader=loader, **BY_ITER)
    whole.train()
    ours = resumed(make_runner, tmp_path, f'iter_{iteration}.pth', train_dataloader=loader, **BY_ITER)
    assert_same(ours, whole)


@pytest.mark.parametrize('iteration', [6, 9])
def test_a_loader_with_a_sampler_of_torch(make_runner: Make, make_cfg: Any, tmp_path: Path, iteration: int) -> None:
    from mmengine.registry import DATASETS

    def loader() -> DataLoader[Any]:
        return DataLoader(DATASETS.build(dict(type='LinePoints', noisy=True)), batch_size=4, shuffle=True)

    whole = make_runner('whole', train_dataloader=loader(), default_hooks=EVERY_ITER)
    whole.train()
    ours = resumed(make_runner, tmp_path, f'iter_{iteration}.pth', train_dataloader=loader(), default_hooks=EVERY_ITER)
    assert_same(ours, whole)


def test_with_workers(make_runner: Make, make_cfg: Any, tmp_path: Path) -> None:
    loader = dict(make_cfg()['train_dataloader'], num_workers=2)
    changes = dict(train_dataloader=loader, default_hooks=EVERY_ITER)
    whole = make_runner('whole', **changes)
    whole.train()
    assert_same(resumed(make_runner, tmp_path, 'iter_9.pth', **changes), whole)


@pytest.mark.parametrize('iteration', [6, 7, 9])
def test_within_a_group_of_accumulated_gradients(make_runner: Make, tmp_path: Path, iteration: int) -> None:
    changes = dict(default_hooks=EVERY_ITER, optim_wrapper=dict(
        accumulative_counts=4, optimizer=dict(type='SGD', lr=0.05, momentum=0.9)))
    whole = make_runner('whole', **changes)
    whole.train()
    assert_same(resumed(make_runner, tmp_path, f'iter_{iteration}.pth', **changes), whole)


def test_a_run_resumed_twice(make_runner: Make, tmp_path: Path) -> None:
    whole = make_runner('whole', default_hooks=EVERY_ITER)
    whole.train()
    resumed(make_runner, tmp_path, 'iter_4.pth', default_hooks=EVERY_ITER)
    again = make_runner('again', load_from=str(tmp_path / 'resumed' / 'iter_15.pth'), resume=True,
                        default_hooks=EVERY_ITER)
    again.train()
    assert_same(again, whole)


def test_weights_loaded_without_the_run_differ(make_runner: Make, tmp_path: Path) -> None:
    """The test above could not fail if the task had one end only."""
    whole = make_runner('whole', default_hooks=EVERY_ITER)
    whole.train()
    other = make_runner('other', load_from=str(tmp_path / 'whole' / 'iter_9.pth'))
    other.train()
    assert any(not torch.equal(a, b) for a, b in zip(weights(other).values(), weights(whole).values(), strict=True))


def test_resume_true_takes_the_newest(make_runner: Make, tmp_path: Path) -> None:
    class Stop(Hook):
        def after_train_epoch(self, runner: Any) -> None:
            if runner.epoch == 1:
                runner.train_loop.stop_training = True

    seeded = dict(randomness=dict(seed=7))
    whole = make_runner('whole', **seeded)
    whole.train()
    make_runner('run', custom_hooks=[Stop()], **seeded).train()
    ours = make_runner('run', resume=True, **seeded)
    ours.train()
    assert_same(ours, whole)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])


def flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize('damage', [cut_off, flip_a_bit, Path.unlink])
def test_a_damaged_checkpoint_falls_back_to_the_newest_whole_one(make_runner: Make, tmp_path: Path, damage: Any,
                                                                 capsys: pytest.CaptureFixture[str]) -> None:
    whole = make_runner('whole')
    whole.train()
    shutil.copytree(tmp_path / 'whole', tmp_path / 'run')
    for name in ('epoch_4.pth', 'epoch_3.pth'):
        damage(tmp_path / 'run' / name)
    (tmp_path / 'run' / 'last_checkpoint').write_text(str(tmp_path / 'run' / 'epoch_4.pth'))
    shutil.copy(tmp_path / 'run' / 'epoch_1.pth', tmp_path / 'run' / 'epoch_9.pth')  # of another run
    ours = make_runner('run', resume=True)
    ours.train()
    said = capsys.readouterr().out
    assert f'{tmp_path / "run" / "epoch_4.pth"}' in said
    assert 'is not a whole checkpoint' in said or 'can not be found' in said
    assert f'The newest whole checkpoint is taken instead: {tmp_path / "run" / "epoch_2.pth"}' in said
    assert_same(ours, whole)


def test_a_damaged_checkpoint_that_the_user_names_is_an_error(make_runner: Make, tmp_path: Path) -> None:
    make_runner('whole').train()
    flip_a_bit(tmp_path / 'whole' / 'epoch_4.pth')
    for resume in (True, False):
        runner = make_runner('run', load_from=str(tmp_path / 'whole' / 'epoch_4.pth'), resume=resume)
        with pytest.raises(BrokenCheckpointError, match=r'epoch_4.pth.*its checksum was'):
            runner.train()


def test_no_whole_checkpoint_is_an_error_that_names_all(make_runner: Make, tmp_path: Path) -> None:
    make_runner('run', train_cfg=dict(by_epoch=True, max_epochs=2)).train()
    for number in (1, 2):
        cut_off(tmp_path / 'run' / f'epoch_{number}.pth')
    with pytest.raises(BrokenCheckpointError, match=r'(?s)no whole checkpoint.*epoch_2.pth.*epoch_1.pth'):
        make_runner('run', resume=True).train()


def test_going_on_without_the_state_of_the_optimizer_is_said(make_runner: Make, tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    best = dict(checkpoint=dict(type='CheckpointHook', save_best='line/error', rule='less'))
    make_runner('whole', default_hooks=best).train()
    path, = (tmp_path / 'whole').glob('best_*.pth')
    make_runner('run', load_from=str(path), resume=True).train()
    said = capsys.readouterr().out
    assert f"{path} holds no 'optimizer'" in said
    assert f"{path} holds no 'param_schedulers'" in said


def test_an_only_checkpoint_that_is_cut_off_is_an_error(make_runner: Make, tmp_path: Path) -> None:
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / 'epoch_1.pth').write_bytes(b'PK\x03\x04 cut off')
    runner = make_runner('run', load_from=str(tmp_path / 'run' / 'epoch_1.pth'), resume=True)
    with pytest.raises(BrokenCheckpointError, match='epoch_1.pth'):
        runner.train()


def test_schedulers_and_hub_are_resumed(make_runner: Make, tmp_path: Path) -> None:
    whole = make_runner('whole')
    whole.train()
    runner = make_runner('resumed', load_from=str(tmp_path / 'whole' / 'epoch_3.pth'), resume=True,
                         train_cfg=dict(by_epoch=True, max_epochs=3))
    runner.train()
    checkpoint = torch.load(tmp_path / 'whole' / 'epoch_3.pth', weights_only=False)
    assert runner.param_schedulers[0].last_step == 3
    assert runner.optim_wrapper.get_lr()['lr'][0] == checkpoint['optimizer']['param_groups'][0]['lr']
    assert (runner.epoch, runner.iter) == (3, 18)
    assert len(runner.message_hub.get_scalar('train/loss').data[0]) == 18
