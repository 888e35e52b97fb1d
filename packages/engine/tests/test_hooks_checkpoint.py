"""Which checkpoints are on the disk after a run, what they know of each other, and what is left after it is killed."""
from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.checkpoint import find_latest_checkpoint
from mmengine.evaluator import BaseMetric
from mmengine.fileio import FileClient, LocalBackend
from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner

Make = Callable[..., Runner]
BY_ITER = dict(by_epoch=False, max_iters=24, val_interval=6)
#: Metrics of four validations.
SCORES = [0.2, 0.9, 0.5, 0.95]


@pytest.fixture(autouse=True, scope='module')
def one_thread() -> Iterator[None]:
    """Many small runs on a machine that does other things as well are slow with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Scores(BaseMetric):
    """Gives one number after the other; several of them under several names."""

    def __init__(self, names: tuple[str, ...] = ('acc',), scores: list[Any] = SCORES) -> None:
        super().__init__(prefix='line')
        self.names, self.scores, self.calls = names, scores, 0

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        score = self.scores[min(self.calls, len(self.scores) - 1)]
        self.calls += 1
        return dict(zip(self.names, score if isinstance(score, tuple) else (score,), strict=True))


class StopAfter(Hook):
    """Ends a training after an epoch as a crash would, once everything of the epoch is done."""

    priority = 'LOWEST'

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def before_train_epoch(self, runner: Any) -> None:
        if runner.epoch == self.epoch:
            raise InterruptedError


def run(make_runner: Make, folder: str = 'run', metric: Any = None, hooks: Any = (), **options: Any) -> Runner:
    """Train with a checkpoint hook of these options."""
    changes = {name: options.pop(name) for name in ('train_cfg', 'load_from', 'resume', 'param_scheduler')
               if name in options}
    runner = make_runner(folder, default_hooks=dict(checkpoint=dict(type='CheckpointHook', **options)),
                         val_evaluator=[metric or Scores()], custom_hooks=list(hooks), **changes)
    runner.train()
    return runner


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob('*.pth'))


def load(path: Path | str) -> dict[str, Any]:
    from mmengine.checkpoint.files import read_checkpoint
    checkpoint: dict[str, Any] = read_checkpoint(str(path))
    return checkpoint


def hook_of(runner: Runner) -> CheckpointHook:
    return next(hook for hook in runner.hooks if isinstance(hook, CheckpointHook))


class TestRegular:

    @pytest.mark.parametrize(('options', 'saved'), [
        (dict(interval=1), [1, 2, 3, 4]), (dict(interval=2), [2, 4]), (dict(interval=3), [3, 4]), ({}, [4]),
        (dict(interval=3, save_last=False), [3]), (dict(save_last=False), []),
        (dict(interval=2, save_begin=1, save_last=False), [1, 3]), (dict(interval=1, save_begin=3), [3, 4]),
        (dict(interval=1, max_keep_ckpts=2), [3, 4]), (dict(interval=1, max_keep_ckpts=1), [4])])
    def test_epochs(self, make_runner: Make, tmp_path: Path, options: dict[str, Any], saved: list[int]) -> None:
        run(make_runner, **options)
        assert names(tmp_path / 'run') == [f'epoch_{number}.pth' for number in saved]
        last = tmp_path / 'run' / 'last_checkpoint'
        assert last.exists() == bool(saved)
        if saved:
            assert last.read_text() == str(tmp_path / 'run' / f'epoch_{saved[-1]}.pth')

    @pytest.mark.parametrize(('options', 'saved'), [
        (dict(interval=8), [8, 16, 24]), (dict(interval=10), [10, 20, 24]),
        (dict(interval=7, max_keep_ckpts=2), [21, 24]),
        (dict(interval=10, save_begin=5, save_last=False), [5, 15])])
    @pytest.mark.parametrize('by_epoch', [True, False])
    def test_iterations(self, make_runner: Make, tmp_path: Path, by_epoch: bool, options: dict[str, Any],
                        saved: list[int]) -> None:
        train_cfg = dict(by_epoch=True, max_epochs=4) if by_epoch else BY_ITER
        run(make_runner, by_epoch=False, train_cfg=train_cfg, **options)
        assert names(tmp_path / 'run') == sorted(f'iter_{number}.pth' for number in saved)

    def test_positions(self, make_runner: Make, tmp_path: Path) -> None:
        """Finished epochs and iterations in `meta`, the running ones in the message hub."""
        run(make_runner, interval=3)
        checkpoint = load(tmp_path / 'run' / 'epoch_3.pth')
        assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (3, 18)
        infos = checkpoint['message_hub']['runtime_info']
        assert (infos['epoch'], infos['iter']) == (2, 17)
        assert infos['last_ckpt'] == str(tmp_path / 'run' / 'epoch_3.pth')

    def test_positions_by_iteration(self, make_runner: Make, tmp_path: Path) -> None:
        run(make_runner, by_epoch=False, interval=9, train_cfg=BY_ITER)
        checkpoint = load(tmp_path / 'run' / 'iter_9.pth')
        assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (0, 9)
        assert checkpoint['message_hub']['runtime_info']['iter'] == 8

    def test_what_is_left_out(self, make_runner: Make, tmp_path: Path) -> None:
        run(make_runner, save_optimizer=False, save_param_scheduler=False)
        checkpoint = load(tmp_path / 'run' / 'epoch_4.pth')
        assert 'optimizer' not in checkpoint
        assert 'param_schedulers' not in checkpoint

    def test_a_name_of_ones_own(self, make_runner: Make, tmp_path: Path) -> None:
        run(make_runner, interval=2, filename_tmpl='line_{}.pth', save_best='line/acc')
        assert names(tmp_path / 'run') == ['best_line_acc_line_4.pth', 'line_2.pth', 'line_4.pth']

    def test_one_name_for_all(self, make_runner: Make, tmp_path: Path) -> None:
        run(make_runner, interval=1, filename_tmpl='newest.pth', max_keep_ckpts=1)
        assert names(tmp_path / 'run') == ['newest.pth']
        assert load(tmp_path / 'run' / 'newest.pth')['meta']['epoch'] == 4

    @pytest.mark.parametrize('client', [dict(backend_args=dict(backend='local')),
                                        dict(file_client_args=dict(backend='disk'))])
    def test_another_folder(self, make_runner: Make, tmp_path: Path, client: dict[str, Any]) -> None:
        runner = run(make_runner, out_dir=str(tmp_path / 'out'), interval=1, max_keep_ckpts=1, save_best='line/acc',
                     **client)
        folder = tmp_path / 'out' / 'run'
        assert names(folder) == ['best_line_acc_epoch_4.pth', 'epoch_4.pth']
        assert names(tmp_path / 'run') == []
        assert (tmp_path / 'run' / 'last_checkpoint').read_text() == str(folder / 'epoch_4.pth')
        hook = hook_of(runner)
        assert hook.out_dir == str(folder)
        assert isinstance(hook.file_client, FileClient)
        assert (hook.file_backend is hook.file_client) == ('file_client_args' in client)
        hook.before_train(runner)  # a second training does not nest the folders
        assert hook.out_dir == str(folder)
        hook.close()

    def test_a_training_that_ends_early_saves_its_end(self, make_runner: Make, tmp_path: Path) -> None:
        stop = EarlyStoppingHook('line/acc', min_delta=0.5, patience=2)  # 0.2, 0.9, 0.5, 0.95
        runner = run(make_runner, metric=Scores(scores=[0.2, 0.2, 0.2, 0.2]), hooks=[stop], interval=2,
                     train_cfg=dict(by_epoch=True, max_epochs=9))
        assert runner.epoch == 3
        assert names(tmp_path / 'run') == ['epoch_2.pth', 'epoch_3.pth']
        assert load(tmp_path / 'run' / 'epoch_3.pth')['meta']['epoch'] == 3


class TestBest:

    def test_one_metric(self, make_runner: Make, tmp_path: Path) -> None:
        runner = run(make_runner, interval=1, save_best='line/acc')
        best = tmp_path / 'run' / 'best_line_acc_epoch_4.pth'
        assert names(tmp_path / 'run') == [best.name, *(f'epoch_{number}.pth' for number in (1, 2, 3, 4))]
        hook = hook_of(runner)
        assert hook.best_ckpt_path == str(best)
        assert not hasattr(hook, 'best_ckpt_path_dict')
        assert (hook.key_indicators, hook.rules) == (['line/acc'], ['greater'])
        assert runner.message_hub.get_info('best_score') == 0.95
        assert runner.message_hub.get_info('best_ckpt') == str(best)
        assert 'optimizer' not in load(best)
        assert (tmp_path / 'run' / 'last_checkpoint').read_text().endswith('epoch_4.pth')

    @pytest.mark.parametrize(('scores', 'rule', 'best'), [
        (SCORES, None, 4), (SCORES, 'less', 1), ([0.5, 0.5, 0.5, 0.5], None, 1),
        ([float('nan'), 0.1, float('nan'), 0.05], None, 2), ([0.5, 0.7, 0.6, torch.tensor(0.8)], None, 4)])
    def test_rules(self, make_runner: Make, tmp_path: Path, scores: list[Any], rule: str | None, best: int) -> None:
        run(make_runner, metric=Scores(scores=scores), save_best='auto', rule=rule)
        assert names(tmp_path / 'run') == [f'best_line_acc_epoch_{best}.pth', 'epoch_4.pth']

    def test_the_checkpoint_of_the_step_knows_the_best(self, make_runner: Make, tmp_path: Path) -> None:
        """With an interval of 2 and the best at 3 the regular one of 3 is there as well."""
        run(make_runner, metric=Scores(scores=[0.1, 0.2, 0.9, 0.3]), interval=2, save_best='line/acc')
        folder = tmp_path / 'run'
        assert names(folder) == ['best_line_acc_epoch_3.pth', 'epoch_2.pth', 'epoch_3.pth', 'epoch_4.pth']
        regular, best = load(folder / 'epoch_3.pth'), load(folder / 'best_line_acc_epoch_3.pth')
        assert regular['message_hub']['runtime_info']['best_ckpt'] == str(folder / 'best_line_acc_epoch_3.pth')
        for checkpoint in (regular, best):
            assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (3, 18)
        assert load(folder / 'epoch_2.pth')['message_hub']['runtime_info']['best_score'] == 0.2
        assert 'optimizer' in regular

    def test_by_iteration(self, make_runner: Make, tmp_path: Path) -> None:
        run(make_runner, metric=Scores(scores=[0.1, 0.9, 0.3]), by_epoch=False, interval=6, save_best='line/acc',
            train_cfg=dict(by_epoch=False, max_iters=15, val_interval=5))
        folder = tmp_path / 'run'
        assert names(folder) == ['best_line_acc_iter_10.pth', 'iter_10.pth', 'iter_12.pth', 'iter_15.pth', 'iter_6.pth']
        for name in ('best_line_acc_iter_10.pth', 'iter_10.pth'):
            meta = load(folder / name)['meta']
            assert (meta['epoch'], meta['iter']) == (0, 10)

    def test_several_metrics(self, make_runner: Make, tmp_path: Path) -> None:
        metric = Scores(('acc', 'loss'), [(0.1, 3.0), (0.9, 1.0), (0.3, 2.0), (0.95, 5.0)])
        runner = run(make_runner, metric=metric, save_best=['line/acc', 'line/loss'])
        folder = tmp_path / 'run'
        assert names(folder) == ['best_line_acc_epoch_4.pth', 'best_line_loss_epoch_2.pth', 'epoch_4.pth']
        hook, hub = hook_of(runner), runner.message_hub
        assert hook.rules == ['greater', 'less']
        assert not hasattr(hook, 'best_ckpt_path')
        assert hook.best_ckpt_path_dict == {'line/acc': str(folder / 'best_line_acc_epoch_4.pth'),
                                            'line/loss': str(folder / 'best_line_loss_epoch_2.pth')}
        assert (hub.get_info('best_score_line/acc'), hub.get_info('best_score_line/loss')) == (0.95, 1.0)
        assert hub.get_info('best_ckpt_line/loss') == hook.best_ckpt_path_dict['line/loss']

    def test_without_metrics_there_is_a_warning(self, make_runner: Make, capsys: pytest.CaptureFixture[str]) -> None:
        class Nothing(Scores):
            def compute_metrics(self, results: list[Any]) -> dict[str, float]:
                return {}

        run(make_runner, metric=Nothing(), save_best='auto')
        assert 'Since `metrics` is an empty dict' in capsys.readouterr().out

    def test_a_misspelt_metric_is_named(self, make_runner: Make) -> None:
        with pytest.raises(KeyError, match="save_best='line/ac'.*Did you mean 'line/acc'"):
            run(make_runner, save_best='line/ac', rule='greater')

    def test_a_validation_by_itself_saves_nothing(self, make_runner: Make, tmp_path: Path) -> None:
        make_runner(default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='auto', rule='less'))).val()
        assert names(tmp_path / 'run') == []


class TestResume:

    def stopped(self, make_runner: Make, epoch: int, **options: Any) -> None:
        with pytest.raises(InterruptedError):
            run(make_runner, hooks=[StopAfter(epoch)], **options)

    @pytest.mark.parametrize('keep', [1, 2])
    def test_keeps_as_many_as_before_or_fewer(self, make_runner: Make, tmp_path: Path, keep: int) -> None:
        self.stopped(make_runner, 3, interval=1, max_keep_ckpts=2)
        assert names(tmp_path / 'run') == ['epoch_2.pth', 'epoch_3.pth']
        runner = run(make_runner, interval=1, max_keep_ckpts=keep, resume=True)
        assert names(tmp_path / 'run') == [f'epoch_{number}.pth' for number in range(5 - keep, 5)]
        assert runner.message_hub.get_info('keep_ckpt_ids') == list(range(5 - keep, 5))
        assert list(hook_of(runner).keep_ckpt_ids) == list(range(5 - keep, 5))

    def test_knows_the_best(self, make_runner: Make, tmp_path: Path) -> None:
        scores = [0.9, 0.2, 0.3, 0.95]
        self.stopped(make_runner, 2, interval=1, save_best='line/acc', metric=Scores(scores=scores))
        # The checkpoint of the second epoch is from before its validation, which is done again.
        run(make_runner, interval=1, save_best='line/acc', metric=Scores(scores=scores[1:]), resume=True)
        assert [name for name in names(tmp_path / 'run') if 'best' in name] == ['best_line_acc_epoch_4.pth']

    def test_leaves_the_checkpoints_of_the_other_run_alone(self, make_runner: Make, tmp_path: Path) -> None:
        self.stopped(make_runner, 2, interval=1, save_best='line/acc', max_keep_ckpts=1)
        before = names(tmp_path / 'run')
        run(make_runner, 'other', interval=1, save_best='line/acc', max_keep_ckpts=1,
            metric=Scores(scores=[0.95, 0.99]), load_from=str(tmp_path / 'run' / 'epoch_2.pth'), resume=True)
        assert names(tmp_path / 'run') == before == ['best_line_acc_epoch_2.pth', 'epoch_2.pth']
        assert names(tmp_path / 'other') == ['best_line_acc_epoch_4.pth', 'epoch_4.pth']

    def test_a_folder_that_was_moved(self, make_runner: Make, tmp_path: Path) -> None:
        self.stopped(make_runner, 2, interval=1, save_best='line/acc', max_keep_ckpts=1)
        (tmp_path / 'run').rename(tmp_path / 'moved')
        run(make_runner, 'moved', interval=1, save_best='line/acc', max_keep_ckpts=1,
            metric=Scores(scores=[0.95, 0.99]), resume=True)
        assert names(tmp_path / 'moved') == ['best_line_acc_epoch_4.pth', 'epoch_4.pth']

    def test_validates_no_epoch_twice(self, make_runner: Make, tmp_path: Path) -> None:
        """The checkpoint that was written again after its validation, and one that was not."""
        whole = run(make_runner, 'whole', interval=1, save_best='line/acc', metric=Scores(scores=[0.1, 0.9, 0.5, 0.6]))
        values = list(whole.message_hub.get_scalar('val/line/acc').data[0])
        assert values == [0.1, 0.9, 0.5, 0.6]
        for epoch, left in ((2, [0.5, 0.6]), (3, [0.5, 0.6])):
            ours = run(make_runner, f'from_{epoch}', interval=1, save_best='line/acc', metric=Scores(scores=left),
                       load_from=str(tmp_path / 'whole' / f'epoch_{epoch}.pth'), resume=True)
            assert list(ours.message_hub.get_scalar('val/line/acc').data[0]) == values

    def test_the_end_of_a_finished_run_is_not_saved_again(self, make_runner: Make, tmp_path: Path) -> None:
        run(make_runner, interval=1)
        written = (tmp_path / 'run' / 'epoch_4.pth').stat().st_mtime_ns
        run(make_runner, interval=1, resume=True)
        assert (tmp_path / 'run' / 'epoch_4.pth').stat().st_mtime_ns == written


class Killed(BaseException):
    """Ends a process at once, as far as a test can do that from within."""


class TestNoCheckpointIsLostBeforeTheNextIsWhole:
    """The run is killed right before and right after each call that changes files."""

    @pytest.mark.parametrize('keep', [1, 2])
    def test_killed_at_each_change_of_files(self, make_runner: Make, tmp_path: Path, keep: int,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
        whole = self.attempt(make_runner, 'whole', keep)
        assert whole is not None
        expected = names(tmp_path / 'whole')
        moments = 0
        for moment in range(100):
            folder = f'run_{moment}'
            with monkeypatch.context() as patch:
                count = self.kill_at(patch, moment)
                runner = self.attempt(make_runner, folder, keep)
            if runner is not None:
                assert count() <= moment
                break
            moments += 1
            last = find_latest_checkpoint(str(tmp_path / folder))
            if last is not None:
                load(last)  # is whole
            for name in names(tmp_path / folder):
                load(tmp_path / folder / name)
            again = self.attempt(make_runner, folder, keep, resume=True)
            assert again is not None
            assert names(tmp_path / folder) == expected
            for ours, theirs in zip(again.model.state_dict().values(), whole.model.state_dict().values(), strict=True):
                assert torch.equal(ours, theirs)
        assert moments >= 12

    def attempt(self, make_runner: Make, folder: str, keep: int, **changes: Any) -> Runner | None:
        runner = make_runner(
            folder, default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=keep,
                                                       save_best='line/error', rule='less'), logger=None),
            train_cfg=dict(by_epoch=True, max_epochs=3), log_level='ERROR', randomness=dict(seed=0), **changes)
        try:
            runner.train()
        except Killed:
            return None
        return runner

    def kill_at(self, patch: pytest.MonkeyPatch, moment: int) -> Callable[[], int]:
        calls = 0

        def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                nonlocal calls
                if not any(str(argument).endswith(('.pth', 'last_checkpoint')) for argument in args):
                    return function(*args, **kwargs)
                calls += 1
                if calls > moment:
                    raise Killed
                result = function(*args, **kwargs)
                calls += 1
                if calls > moment:
                    raise Killed
                return result
            return wrapped

        import mmengine._strategy.base as strategy
        patch.setattr(strategy, 'write_checkpoint', wrap(strategy.write_checkpoint))
        for name in ('put_text', 'remove'):
            patch.setattr(LocalBackend, name, wrap(getattr(LocalBackend, name)))
        return lambda: calls

    def test_a_removal_that_fails_does_not_end_the_run(self, make_runner: Make, tmp_path: Path, capsys: Any,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(self: Any, path: Any) -> None:
            raise PermissionError(13, 'not yours', str(path))

        monkeypatch.setattr(LocalBackend, 'remove', refuse)
        run(make_runner, interval=1, max_keep_ckpts=1)
        assert len(names(tmp_path / 'run')) == 4
        assert 'could not be removed' in capsys.readouterr().out


class TestPublish:

    @pytest.mark.parametrize('keys', ['state_dict', ['meta', 'state_dict']])
    def test_some_items_with_a_hash(self, make_runner: Make, tmp_path: Path, keys: Any) -> None:
        run(make_runner, save_best='line/acc', published_keys=keys)
        for stem in ('epoch_4', 'best_line_acc_epoch_4'):
            published, = (tmp_path / 'run').glob(f'{stem}-*.pth')
            assert re.fullmatch(rf'{stem}-[0-9a-f]{{8}}\.pth', published.name)
            assert hashlib.sha256(published.read_bytes()).hexdigest().startswith(published.stem[-8:])
            assert set(load(published)) == ({keys} if isinstance(keys, str) else set(keys))


@pytest.mark.parametrize(('options', 'error', 'words'), [
    (dict(file_client_args={}, backend_args={}), ValueError,
     '"file_client_args" and "backend_args" cannot be set at the same time'),
    (dict(save_best=1), AssertionError, '"save_best" should be'), (dict(save_best=['a', 1]), AssertionError,
                                                                   '"save_best" should be'),
    (dict(save_best=['auto', 'acc']), AssertionError, 'Only support one'),
    (dict(save_best='acc', rule=1), AssertionError, '"rule" should be a str'),
    (dict(save_best=['acc', 'loss'], rule=['greater'] * 3), AssertionError, 'Number of "rule" must be'),
    (dict(save_best='acc', rule='graeter'), KeyError, "Did you mean 'greater'"),
    (dict(save_best='acc', rule='graeter'), ValueError, 'rule must be greater, less or None'),
    (dict(save_best='speed'), ValueError, "Cannot infer the rule for the metric 'speed'"),
    (dict(save_best='acc', greater_keys=1), AssertionError, '"greater_keys" should be'),
    (dict(published_keys=1), TypeError, 'published_keys should be'), (dict(save_begin=-1), ValueError, 'save_begin')])
def test_wrong_arguments(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        CheckpointHook(**options)


def test_keys_of_rules() -> None:
    assert CheckpointHook(save_best='speed', greater_keys='speed').greater_keys == ('speed',)
    hook = CheckpointHook(save_best=['Speed_fps', 'delay', 'coco/bbox_mAP'], greater_keys=['speed', 'map'],
                          less_keys=['delay'])
    assert hook.greater_keys == ['speed', 'map']
    assert hook.rules == ['greater', 'less', 'greater']


def test_a_misspelt_argument_is_named_before_the_first_epoch(make_runner: Make, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unexpected argument 'intervall'.*Did you mean 'interval'"):
        run(make_runner, intervall=1)
    assert names(tmp_path / 'run') == []
