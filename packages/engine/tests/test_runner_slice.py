"""The main job: a config trains, validates, tests, and leaves a record behind."""
from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.logging import MessageHub, MMLogger
from mmengine.runner import FlexibleRunner, Runner, TestLoop, ValLoop
from mmengine.visualization import Visualizer

Make = Callable[..., Runner]


def test_a_config_trains_and_tests(make_runner: Make, tmp_path: Path) -> None:
    runner = make_runner(log_level='INFO')
    runner.train()
    metrics = runner.test()
    assert set(metrics) == {'line/error'}
    assert (runner.epoch, runner.iter, runner.max_epochs, runner.max_iters) == (4, 24, 4, 24)
    work_dir = tmp_path / 'run'
    assert sorted(file.name for file in work_dir.glob('*.pth')) == [f'epoch_{n}.pth' for n in (1, 2, 3, 4)]
    assert (work_dir / 'last_checkpoint').read_text() == str(work_dir / 'epoch_4.pth')
    log_dir = work_dir / runner.timestamp
    assert (log_dir / f'{runner.timestamp}.log').stat().st_size
    assert (log_dir / 'vis_data' / 'config.py').exists()
    lines = [json.loads(line) for line in (log_dir / 'vis_data' / 'scalars.json').read_text().splitlines()]
    assert {'line/error', 'step'} <= set().union(*lines)
    assert any('loss' in line for line in lines)


def test_the_loss_falls(make_runner: Make) -> None:
    runner = make_runner(train_cfg=dict(by_epoch=True, max_epochs=30), param_scheduler=None, randomness=dict(seed=0))
    runner.train()
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 180
    assert losses[-12:].mean() < 0.5 * losses[:12].mean()


def test_components_are_built_when_they_are_needed(make_runner: Make) -> None:
    runner = make_runner()
    for name in ('_train_dataloader', '_val_dataloader', '_test_dataloader', 'optim_wrapper', 'param_schedulers',
                 '_train_loop', '_val_loop', '_test_loop'):
        assert isinstance(getattr(runner, name), dict), name
    runner.val()
    assert isinstance(runner._train_loop, dict)
    assert isinstance(runner._val_loop, ValLoop)
    assert isinstance(runner._test_loop, dict)
    runner.train()
    assert isinstance(runner._test_loop, dict)
    runner.test()
    assert isinstance(runner._test_loop, TestLoop)
    assert isinstance(runner.test_evaluator, Evaluator)


def test_the_checkpoint_has_upstreams_keys(make_runner: Make, tmp_path: Path) -> None:
    runner = make_runner()
    runner.train()
    checkpoint = torch.load(tmp_path / 'run' / 'epoch_3.pth', weights_only=True)  # by torch alone, nothing allowed
    assert {'meta', 'state_dict', 'message_hub', 'optimizer', 'param_schedulers'} <= set(checkpoint)
    meta = checkpoint['meta']
    assert (meta['epoch'], meta['iter'], meta['seed']) == (3, 18, runner.seed)
    assert meta['cfg'] == runner.cfg.pretty_text
    assert meta['experiment_name'] == runner.experiment_name
    assert meta['dataset_meta'] == dict(classes=('line',))
    info = checkpoint['message_hub']['runtime_info']
    assert (info['epoch'], info['iter']) == (2, 17)


def test_a_loaded_model_predicts_the_same(make_runner: Make, tmp_path: Path) -> None:
    runner = make_runner()
    runner.train()
    expected = runner.test()
    other = make_runner('other', load_from=str(tmp_path / 'run' / 'epoch_4.pth'))
    assert other.test() == expected
    assert other.epoch == 0


def test_training_by_iterations(make_runner: Make, tmp_path: Path) -> None:
    calls: list[str] = []

    class Notes(Hook):
        def before_train_epoch(self, runner: Any) -> None:
            calls.append('epoch')

        def before_val(self, runner: Any) -> None:
            calls.append(f'val {runner.iter}')

    runner = make_runner(train_cfg=dict(by_epoch=False, max_iters=11, val_interval=4), param_scheduler=None,
                         log_processor=dict(by_epoch=False), custom_hooks=[Notes()],
                         default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=5)))
    runner.train()
    assert calls == ['epoch', 'val 4', 'val 8', 'val 11']
    names = sorted(file.name for file in (tmp_path / 'run').glob('*.pth'))
    assert names == ['iter_10.pth', 'iter_11.pth', 'iter_5.pth']


def test_losses_reach_hooks_as_tensors(make_runner: Make) -> None:
    seen: list[Any] = []

    class Notes(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            seen.append(outputs['loss'])

    make_runner(custom_hooks=[Notes()]).train()
    assert len(seen) == 24
    assert all(isinstance(loss, torch.Tensor) and not loss.requires_grad for loss in seen)


def test_dynamic_intervals_and_val_begin(make_runner: Make) -> None:
    validated: list[int] = []

    class Notes(Hook):
        def before_val(self, runner: Any) -> None:
            validated.append(runner.epoch)

    make_runner(custom_hooks=[Notes()], param_scheduler=None,
                train_cfg=dict(by_epoch=True, max_epochs=9, val_begin=2, val_interval=2,
                               dynamic_intervals=[(5, 1), (7, 5)])).train()
    assert validated == [2, 4, 5, 6, 9]


def test_two_runs_one_after_the_other(make_runner: Make, tmp_path: Path) -> None:
    visualizer = dict(type='Visualizer', name='visualizer', vis_backends=[dict(type='LocalVisBackend')])
    first = make_runner(visualizer=visualizer)
    first.train()
    second = make_runner(visualizer=visualizer)
    second.train()
    assert first.timestamp != second.timestamp
    assert first.visualizer is not second.visualizer
    for runner in (first, second):
        scalars = tmp_path / 'run' / runner.timestamp / 'vis_data' / 'scalars.json'
        losses = [line for line in map(json.loads, scalars.read_text().splitlines()) if 'line/error' in line]
        assert len(losses) == 4
        assert len(runner.message_hub.get_scalar('train/loss').data[0]) == 24


def test_each_run_works_in_its_own_context(make_runner: Make) -> None:
    first, second = make_runner('first'), make_runner('second')
    assert MessageHub.get_current_instance() is second.message_hub
    first.train()
    assert MessageHub.get_current_instance() is first.message_hub
    assert MMLogger.get_current_instance() is first.logger
    assert Visualizer.get_current_instance() is first.visualizer
    assert first.optim_wrapper.message_hub is first.message_hub
    second.train()
    assert len(second.message_hub.get_scalar('train/loss').data[0]) == 24


def test_no_log_file_is_left_open(make_runner: Make) -> None:
    runner = make_runner()
    runner.train()
    files = [handler for handler in runner.logger.handlers if isinstance(handler, logging.FileHandler)]
    assert files
    assert all(handler.stream is None for handler in files)
    before = Path(runner.log_dir, f'{runner.timestamp}.log').read_text()
    runner.test()
    after = Path(runner.log_dir, f'{runner.timestamp}.log').read_text()
    assert after.startswith(before)


def test_the_config_is_recorded_under_its_own_name(make_cfg: Any, tmp_path: Path) -> None:
    file = tmp_path / 'my.config.py'
    file.write_text(Config(make_cfg()).pretty_text)
    cfg = Config.fromfile(file)
    runner = Runner.from_cfg(cfg)
    assert (tmp_path / 'run' / 'my.config.py').exists()
    assert runner.experiment_name == f'my.config_{runner.timestamp}'
    assert Config.fromfile(tmp_path / 'run' / 'my.config.py').to_dict() == cfg.to_dict()


def test_flexible_runner_is_the_same_runner(make_cfg: Any, make_runner: Make) -> None:
    plain = make_runner('plain', randomness=dict(seed=3))
    plain.train()
    cfg = make_cfg('flexible', randomness=dict(seed=3))
    flexible = FlexibleRunner(**cfg)
    assert isinstance(flexible.model, dict)
    flexible.train()
    assert flexible.test() == plain.test()
    for left, right in zip(flexible.model.state_dict().values(), plain.model.state_dict().values(), strict=True):
        assert torch.equal(left, right)


def test_a_model_as_an_object_and_a_custom_loop(make_cfg: Any) -> None:
    from mmengine.registry import LOOPS, MODELS
    from mmengine.runner import EpochBasedTrainLoop

    @LOOPS.register_module(name='TwiceLoop', force=True)
    class TwiceLoop(EpochBasedTrainLoop):
        def run_iter(self, idx: int, data_batch: Any) -> None:
            super().run_iter(idx, data_batch)
            self.runner.call_hook('after_both', idx=idx)

    seen: list[int] = []

    class Notes(Hook):
        def after_both(self, runner: Any, idx: int) -> None:
            seen.append(idx)

    model = MODELS.build(dict(type='LineModel'))
    twice = dict(type='TwiceLoop', max_epochs=2)
    runner = Runner(**make_cfg(model=model, train_cfg=twice, custom_hooks=[Notes()]))
    runner.train()
    assert runner.model is model
    assert seen == [0, 1, 2, 3, 4, 5] * 2
    LOOPS.module_dict.pop('TwiceLoop')


def test_hooks_keep_their_state_over_a_resume(make_cfg: Any, tmp_path: Path) -> None:
    class Counts(Hook):
        seen = 0

        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            self.seen += 1

        def state_dict(self) -> dict[str, int]:
            return dict(seen=self.seen)

        def load_state_dict(self, state: dict[str, int]) -> None:
            self.seen = state['seen']

    Runner(**make_cfg(custom_hooks=[Counts()])).train()
    hook = Counts()
    checkpoint = str(tmp_path / 'run' / 'epoch_2.pth')
    Runner(**make_cfg('more', custom_hooks=[hook], load_from=checkpoint, resume=True)).train()
    assert hook.seen == 24


def test_compile_is_asked_for_by_the_config(make_cfg: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(torch, 'compile', lambda function, **options: asked.append(options) or function)
    cfg = make_cfg(compile=dict(mode='reduce-overhead'))
    Runner.from_cfg(Config(cfg)).train()
    assert asked == [dict(mode='reduce-overhead')]
