"""What the default hooks record: facts, times, losses unread, lines and files."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mmengine.evaluator import BaseMetric
from mmengine.hooks import DistSamplerSeedHook, Hook, IterTimerHook, LoggerHook, ParamSchedulerHook, RuntimeInfoHook
from mmengine.interfaces import triggered_stages
from mmengine.logging import MessageHub, MMLogger
from mmengine.runner import Runner
from mmengine.version import __version__

Make = Callable[..., Runner]


@pytest.fixture
def hub() -> Iterator[MessageHub]:
    hub = MessageHub.get_instance('test_hooks_logging')
    yield hub
    hub.release()


class Watch(Hook):
    """Notes facts of the message hub at stages."""

    priority = 'LOWEST'

    def __init__(self, *names: str) -> None:
        self.names, self.seen = names, []  # type: list[Any]

    def _note(self, runner: Any, stage: str) -> None:
        infos = runner.message_hub.runtime_info
        self.seen.append((stage, *(infos.get(name) for name in self.names)))

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._note(runner, 'train')

    def before_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._note(runner, 'val')

    def before_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._note(runner, 'test')


class TestRuntimeInfo:

    def test_facts(self, make_runner: Make) -> None:
        watch = Watch('loop_stage', 'epoch', 'iter')
        runner = make_runner(train_cfg=dict(by_epoch=True, max_epochs=2), randomness=dict(seed=3))
        runner.register_hook(watch)
        runner.train()
        runner.test()
        infos = runner.message_hub.runtime_info
        assert infos['cfg'] == runner.cfg.pretty_text
        assert (infos['seed'], infos['experiment_name']) == (3, runner.experiment_name)
        assert infos['mmengine_version'].startswith(__version__)
        assert (infos['max_epochs'], infos['max_iters']) == (2, 12)
        assert infos['dataset_meta'] == dict(classes=('line',))
        assert 'loop_stage' not in infos
        assert watch.seen == [*(('train', 'train', 0, i) for i in range(6)), *[('val', 'val', 0, 5)] * 6,
                              *(('train', 'train', 1, i) for i in range(6, 12)), *[('val', 'val', 1, 11)] * 6,
                              *[('test', 'test', 1, 11)] * 6]

    def test_learning_rates_and_losses(self, make_runner: Make) -> None:
        runner = make_runner(train_cfg=dict(by_epoch=True, max_epochs=2))
        runner.train()
        rates = runner.message_hub.get_scalar('train/lr').data[0]
        assert len(rates) == len(runner.message_hub.get_scalar('train/loss').data[0]) == 12
        assert rates[0] == 0.05 > rates[-1]

    def test_another_form_of_learning_rates(self, hub: MessageHub) -> None:
        wrapper = SimpleNamespace(get_lr=lambda: [0.1])
        with pytest.raises(AssertionError, match=re.escape('`runner.optim_wrapper.get_lr()` should return a dict')):
            RuntimeInfoHook().before_train_iter(SimpleNamespace(message_hub=hub, iter=0, optim_wrapper=wrapper), 0)

    def test_several_optimizers(self, hub: MessageHub) -> None:
        wrapper = SimpleNamespace(get_lr=lambda: {'head.lr': [0.1, 0.2], 'body.lr': [0.3]})
        RuntimeInfoHook().before_train_iter(SimpleNamespace(message_hub=hub, iter=0, optim_wrapper=wrapper), 0)
        assert hub.get_scalar('train/head.lr').current() == 0.1
        assert hub.get_scalar('train/body.lr').current() == 0.3

    @pytest.mark.parametrize('mode', ['val', 'test'])
    def test_metrics_that_are_numbers_and_others(self, hub: MessageHub, mode: str) -> None:
        metrics = dict(number=1, numpy=np.float32(0.5), array=np.array([0.5]), tensor=torch.tensor(0.5),
                       list=[1, 2], matrix=np.eye(2), tensors=torch.zeros(3), text='good', name=np.str_('good'))
        runner = SimpleNamespace(message_hub=hub)
        getattr(RuntimeInfoHook(), f'after_{mode}_epoch')(runner, metrics)
        assert set(hub.log_scalars) == {f'{mode}/{name}' for name in ('number', 'numpy', 'array', 'tensor')}
        assert set(hub.runtime_info) == {f'{mode}/{name}' for name in ('list', 'matrix', 'tensors', 'text', 'name')}
        assert hub.get_scalar(f'{mode}/array').current() == 0.5

    def test_the_stage_before_a_validation_comes_back(self, hub: MessageHub) -> None:
        hook, runner = RuntimeInfoHook(), SimpleNamespace(message_hub=hub)
        for stage in ('train', None):
            hub.pop_info('loop_stage')
            if stage:
                hub.update_info('loop_stage', stage)
            hook.before_val(runner)
            assert (hub.get_info('loop_stage'), hook.last_loop_stage) == ('val', stage)
            hook.after_val(runner)
            assert hub.get_info('loop_stage') == stage


#: What makes the host wait for a device.
READING = [getattr(torch.Tensor, name) for name in (
    'item', 'tolist', 'numpy', 'cpu', '__float__', '__bool__', '__int__', '__format__')]


class Unread(torch.Tensor):
    """A loss that counts how often its value is read on the host."""

    reads = 0

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in READING:
            Unread.reads += 1
        return super().__torch_function__(func, types, args, kwargs or {})


def test_losses_are_read_at_the_interval_only(make_runner: Make) -> None:
    from mmengine.registry import MODELS

    class Watched(Hook):
        priority = 'HIGHEST'
        reads: list[int] = []

        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            outputs['loss'] = outputs['loss'].as_subclass(Unread)
            self.reads.append(Unread.reads)

    assert MODELS.get('LineModel') is not None
    runner = make_runner(custom_hooks=[Watched()], train_cfg=dict(by_epoch=True, max_epochs=1),
                         default_hooks=dict(logger=dict(type='LoggerHook', interval=3), checkpoint=None))
    Unread.reads = 0
    runner.train()
    assert Watched.reads[:3] == [0, 0, 0]
    assert 0 < Watched.reads[3] == Watched.reads[5]  # read after the third iteration, then not until the sixth


class TestIterTimer:

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Make each look at the clock one second long."""
        looks = [0]

        def look() -> int:
            looks[0] += 1
            return looks[0]

        monkeypatch.setattr('time.time', look)
        return looks

    def test_looks_at_the_clock(self, hub: MessageHub, clock: list[int]) -> None:
        hook = IterTimerHook()
        runner = SimpleNamespace(message_hub=hub, iter=0, max_iters=10)
        hook.before_train(runner)
        hook.before_train_epoch(runner)
        assert clock == [1]
        for index in range(3):
            runner.iter = index
            hook.before_train_iter(runner, index)
            hook.after_train_iter(runner, index)
            assert clock == [1 + 3 * (index + 1)]
            assert hub.get_scalar('train/data_time').current() == 1
            assert hub.get_scalar('train/time').current() == 2
            assert hub.get_info('eta') == 2 * (10 - index - 1)

    @pytest.mark.parametrize('mode', ['val', 'test'])
    def test_passes(self, hub: MessageHub, clock: list[int], mode: str) -> None:
        hook = IterTimerHook()
        runner = SimpleNamespace(message_hub=hub, **{f'{mode}_dataloader': [0] * 4})
        for _ in range(2):  # the second pass does not know of the first
            hook._before_epoch(runner, mode=mode)
            for index in range(4):
                hook._before_iter(runner, index, mode=mode)
                hook._after_iter(runner, index, mode=mode)
                assert hub.get_info('eta') == 2 * (4 - index - 1)
            hook._after_epoch(runner, mode=mode)
            assert hook.time_sec_test_val == 0

    def test_a_resumed_run_knows_the_remaining_time_at_once(self, hub: MessageHub, clock: list[int]) -> None:
        hook = IterTimerHook()
        runner = SimpleNamespace(message_hub=hub, iter=900, max_iters=1000)
        hook.before_train(runner)
        hook.before_train_epoch(runner)
        hook.before_train_iter(runner, 0)
        hook.after_train_iter(runner, 0)
        assert hub.get_info('eta') == 2 * 99


class TestSamplerSeed:

    def test_sampler_or_that_of_the_batch_sampler(self) -> None:
        class Sampler:
            def set_epoch(self, epoch: int) -> None:
                self.epoch = epoch

        sampler, hook = Sampler(), DistSamplerSeedHook()
        for loader in (SimpleNamespace(sampler=sampler),
                       SimpleNamespace(sampler=object(), batch_sampler=SimpleNamespace(sampler=sampler))):
            sampler.epoch = -1
            hook.before_train_epoch(SimpleNamespace(epoch=5, train_loop=SimpleNamespace(dataloader=loader)))
            assert sampler.epoch == 5
        hook.before_train_epoch(SimpleNamespace(epoch=5, train_loop=SimpleNamespace(dataloader=[1, 2])))


class TestParamScheduler:

    class Scheduler:
        def __init__(self, by_epoch: bool, need_val_args: bool = False) -> None:
            self.by_epoch, self.need_val_args, self.steps = by_epoch, need_val_args, []  # type: list[Any]

        def step(self, *metrics: Any) -> None:
            self.steps.append(metrics)

    @pytest.mark.parametrize('form', ['list', 'dict'])
    def test_who_steps_when(self, form: str) -> None:
        by_iter, by_epoch, by_metric = self.Scheduler(False), self.Scheduler(True), self.Scheduler(True, True)
        schedulers: Any = [by_iter, by_epoch, by_metric]
        if form == 'dict':
            schedulers = dict(a=[by_iter, by_epoch], b=[by_metric])
        hook, runner = ParamSchedulerHook(), SimpleNamespace(param_schedulers=schedulers)
        hook.after_train_iter(runner, 0)
        assert [len(item.steps) for item in (by_iter, by_epoch, by_metric)] == [1, 0, 0]
        hook.after_train_epoch(runner)
        assert [len(item.steps) for item in (by_iter, by_epoch, by_metric)] == [1, 1, 0]
        hook.after_val_epoch(runner, dict(loss=1))
        assert [len(item.steps) for item in (by_iter, by_epoch, by_metric)] == [1, 1, 1]
        assert by_metric.steps == [(dict(loss=1),)]
        hook.after_val_epoch(runner, None)
        assert len(by_metric.steps) == 1

    def test_none_and_what_is_none(self) -> None:
        hook = ParamSchedulerHook()
        hook.after_train_iter(SimpleNamespace(param_schedulers=None), 0)
        hook.after_val_epoch(SimpleNamespace(param_schedulers=dict(type='StepLR', step_size=1)), {})  # not built
        for stage in (lambda runner: hook.after_train_iter(runner, 0), hook.after_train_epoch):
            with pytest.raises(TypeError, match='runner.param_schedulers should be list of ParamScheduler or a dict '
                                                'containing list of ParamScheduler'):
                stage(SimpleNamespace(param_schedulers='StepLR'))

    def test_in_a_run(self, make_runner: Make) -> None:
        runner = make_runner(param_scheduler=[dict(type='StepLR', step_size=1, gamma=0.1),
                                              dict(type='LinearLR', by_epoch=False, start_factor=0.5, end=6)])
        runner.train()
        rates = runner.message_hub.get_scalar('train/lr').data[0]
        assert rates[0] == pytest.approx(0.025)
        assert rates[5] == pytest.approx(0.05)
        assert [rates[6 * epoch] for epoch in (1, 2, 3)] == pytest.approx([5e-3, 5e-4, 5e-5])


class Table(BaseMetric):
    """Gives numbers, and what is none."""

    default_prefix = 'line'

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(1)

    def compute_metrics(self, results: list[Any]) -> dict[str, Any]:
        return dict(acc=0.5, matrix=np.eye(2), tensor=torch.ones(2), nested=dict(a=np.float32(1)))


class TestLogger:

    def lines(self, capsys: pytest.CaptureFixture[str], what: str) -> list[str]:
        return re.findall(rf'{re.escape(what)} *\[\d+\]\[ *(\d+)/', capsys.readouterr().out)

    @pytest.mark.parametrize(('options', 'logged'), [
        (dict(interval=2), '246'), (dict(interval=4), '4'), (dict(interval=4, ignore_last=False), '46'),
        (dict(interval=6), '6'), (dict(interval=10), '6')])
    def test_iterations(self, make_runner: Make, capsys: pytest.CaptureFixture[str], options: dict[str, Any],
                        logged: str) -> None:
        make_runner(log_level='INFO', train_cfg=dict(by_epoch=True, max_epochs=2),
                    default_hooks=dict(logger=dict(type='LoggerHook', **options), checkpoint=None)).train()
        assert ''.join(self.lines(capsys, 'Epoch(train)')) == logged * 2

    def test_name_of_the_run(self, make_runner: Make, capsys: pytest.CaptureFixture[str]) -> None:
        logger = dict(type='LoggerHook', interval_exp_name=8)
        runner = make_runner(log_level='INFO', default_hooks=dict(logger=logger, checkpoint=None))
        runner.train()
        assert capsys.readouterr().out.count(f'Exp name: {runner.experiment_name}') == 3

    def test_scalars(self, make_runner: Make) -> None:
        runner = make_runner(train_cfg=dict(by_epoch=True, max_epochs=2),
                             default_hooks=dict(logger=dict(type='LoggerHook', interval=3), checkpoint=None))
        runner.train()
        folder = Path(runner.log_dir) / 'vis_data'
        rows = [json.loads(line) for line in (folder / 'scalars.json').read_text().splitlines()]
        assert rows == [json.loads(line) for line in (folder / f'{runner.timestamp}.json').read_text().splitlines()]
        assert [row['step'] for row in rows] == [3, 6, 1, 9, 12, 2]
        assert set(rows[0]) == {'lr', 'loss', 'time', 'data_time', 'epoch', 'iter', 'step'}
        assert set(rows[2]) == {'line/error', 'time', 'data_time', 'step'}
        loss = runner.message_hub.get_scalar('train/loss').data[0]
        assert rows[0]['loss'] == pytest.approx(sum(loss[:3]) / 3)

    def test_metrics_by_iteration(self, make_runner: Make) -> None:
        logger = dict(type='LoggerHook', log_metric_by_epoch=False)
        runner = make_runner(train_cfg=dict(by_epoch=False, max_iters=20, val_interval=10), param_scheduler=None,
                             log_processor=dict(by_epoch=False), default_hooks=dict(logger=logger, checkpoint=None))
        runner.train()
        file = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(row['step'], 'line/error' in row) for row in rows if row['step'] % 10 == 0] == [
            (10, False), (10, True), (20, False), (20, True)]

    def test_results_of_a_test(self, make_runner: Make) -> None:
        runner = make_runner(test_evaluator=[Table()])
        runner.test()
        results = json.loads((Path(runner.log_dir) / f'{runner.timestamp}.json').read_text())
        assert results.pop('time') > 0
        assert results.pop('data_time') > 0
        assert results == {'line/acc': 0.5, 'line/matrix': [[1, 0], [0, 1]], 'line/tensor': [1, 1],
                           'line/nested': dict(a=1)}

    @pytest.mark.parametrize('keep', [True, False])
    def test_copies(self, make_runner: Make, tmp_path: Path, keep: bool) -> None:
        logger = dict(type='LoggerHook', out_dir=str(tmp_path / 'out'), keep_local=keep)
        runner = make_runner(train_cfg=dict(by_epoch=True, max_epochs=1), default_hooks=dict(logger=logger))
        runner.train()
        local, copied = Path(runner.log_dir), tmp_path / 'out' / 'run'
        files = {f'{runner.timestamp}.log', 'vis_data/scalars.json', 'vis_data/config.py'}
        assert files <= {str(path.relative_to(copied)) for path in copied.rglob('*') if path.is_file()}
        assert [(local / name).exists() for name in files] == [keep] * 3
        assert (tmp_path / 'run' / 'epoch_1.pth').exists()

    @pytest.mark.parametrize(('options', 'error', 'words'), [
        (dict(interval=1.5), TypeError, 'interval must be'), (dict(interval=0), ValueError, 'interval must be'),
        (dict(ignore_last='yes'), TypeError, 'ignore_last must be'),
        (dict(interval_exp_name='x'), TypeError, 'interval_exp_name'),
        (dict(interval_exp_name=-1), ValueError, 'interval_exp_name'), (dict(out_suffix=[1]), TypeError, 'out_suffix'),
        (dict(out_dir=1), TypeError, 'out_dir must be'),
        (dict(file_client_args={}), ValueError, '`out_dir` is not specified'),
        (dict(out_dir='x', file_client_args={}, backend_args={}), ValueError, 'cannot be set at the same time')])
    def test_wrong_arguments(self, options: dict[str, Any], error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=re.escape(words)):
            LoggerHook(**options)

    def test_an_older_argument(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        logger = MMLogger.get_instance('test_an_older_argument')
        hook = LoggerHook(out_dir=tmp_path, file_client_args=dict(backend='disk'))
        assert hook.file_backend is hook.file_client
        assert '"file_client_args" will be deprecated' in capsys.readouterr().out
        logger.release()


def test_default_hooks_are_called_where_they_have_work_only() -> None:
    def iterations(hook: type[Hook]) -> set[str]:
        return {stage for stage in triggered_stages(hook()) if stage.endswith('train_iter')}

    assert iterations(DistSamplerSeedHook) == set()
    assert iterations(ParamSchedulerHook) == iterations(LoggerHook) == {'after_train_iter'}
    assert iterations(RuntimeInfoHook) == iterations(IterTimerHook) == {'before_train_iter', 'after_train_iter'}


def test_priorities_and_order(make_runner: Make) -> None:
    assert [(type(hook).__name__, hook.priority) for hook in make_runner().hooks] == [
        ('RuntimeInfoHook', 'VERY_HIGH'), ('IterTimerHook', 'NORMAL'), ('DistSamplerSeedHook', 'NORMAL'),
        ('LoggerHook', 'BELOW_NORMAL'), ('ParamSchedulerHook', 'LOW'), ('CheckpointHook', 'VERY_LOW')]
