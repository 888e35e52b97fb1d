"""Several validation and test sets in one run."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from mmengine.evaluator import BaseMetric, DumpResults, Evaluator
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, METRICS
from mmengine.runner import Runner, ValLoop
from mmengine.runner.eval_sets import LoaderSets

MakeRunner = Callable[..., Runner]


def loader(samples: int, **changes: Any) -> dict[str, Any]:
    return dict(batch_size=4, num_workers=0, dataset=dict(type='LinePoints', samples=samples),
                sampler=dict(type='DefaultSampler', shuffle=False), **changes)


class Count(BaseMetric):
    """The number of samples, to tell which set a metric has seen."""

    default_prefix = 'line'

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.extend(data_samples)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        return dict(count=len(results))


class Watch(Hook):
    """Notes what hooks are told of each batch."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        loop = runner.val_loop
        self.seen.append((batch_idx, loop.dataloader_idx, loop.set_name, len(outputs),
                          runner.visualizer.dataset_meta['classes']))


def seen_by_hooks(runner: Runner) -> list[tuple[Any, ...]]:
    return next(hook.seen for hook in runner.hooks if isinstance(hook, Watch))


@pytest.fixture(autouse=True)
def count_metric() -> Any:
    METRICS.register_module(module=Count, force=True)
    yield
    METRICS.module_dict.pop('Count', None)


def scalars_of(runner: Runner) -> list[dict[str, Any]]:
    file = Path(runner.log_dir) / 'vis_data' / 'scalars.json'
    return [json.loads(line) for line in file.read_text().splitlines()]


SETS = dict(day=loader(6), night=loader(10))


def test_an_evaluator_for_each_set(make_runner: MakeRunner) -> None:
    runner = make_runner(
        val_dataloader=SETS, val_evaluator=dict(day=dict(type='Count'), night=[Count(), dict(type='Error')]),
        custom_hooks=[Watch()])
    metrics = runner.val()
    seen = seen_by_hooks(runner)
    assert list(metrics) == ['day/line/count', 'night/line/count', 'night/line/error']
    assert (metrics['day/line/count'], metrics['night/line/count']) == (6, 10)
    assert runner.message_hub.get_scalar('val/night/line/count').current() == 10
    # Batches count over all sets, so that names made of them are unique and bars reach their end.
    assert [entry[0] for entry in seen] == [0, 1, 2, 3, 4]
    assert len(runner.val_dataloader) == 5
    assert [entry[1:4] for entry in seen] == [(0, 'day', 4), (0, 'day', 2), (1, 'night', 4), (1, 'night', 4),
                                                    (1, 'night', 2)]
    assert len(runner.val_dataloader.dataset) == 16
    assert runner.val() == metrics  # nothing of the first time is left


def test_values_are_those_of_each_set_alone(make_runner: MakeRunner) -> None:
    torch.manual_seed(0)
    runner = make_runner(val_dataloader=SETS, val_evaluator=dict(type='Error'))
    metrics = runner.val()
    for name, cfg in SETS.items():
        alone = make_runner(f'alone_{name}', model=runner.model, val_dataloader=cfg)
        assert alone.val() == {'line/error': metrics[f'{name}/line/error']}


def test_each_set_has_its_meta_information(make_runner: MakeRunner) -> None:
    class Other(DATASETS.get('LinePoints')):  # type: ignore[misc]  # the class of this task
        METAINFO = dict(classes=('other',))

    other = DataLoader(Other(samples=2), batch_size=2)
    runner = make_runner(val_dataloader=[loader(4), other], val_evaluator=[Count(), Count()], custom_hooks=[Watch()])
    assert list(runner.val()) == ['0/line/count', '1/line/count']
    assert [entry[4] for entry in seen_by_hooks(runner)] == [('line',), ('other',)]
    assert runner.val_evaluator['0'].metrics[0].dataset_meta == dict(classes=('line',))
    assert runner.val_evaluator['1'].dataset_meta == dict(classes=('other',))


@pytest.mark.parametrize('shared', [dict(type='Count'), [dict(type='Count')], dict(metrics=[dict(type='Count')]),
                                    dict(type='Evaluator', metrics=dict(type='Count'))])
def test_one_evaluator_for_all(make_runner: MakeRunner, shared: Any) -> None:
    assert make_runner(val_dataloader=SETS, val_evaluator=shared).val() == {'day/line/count': 6,
                                                                           'night/line/count': 10}


def test_one_object_for_all_is_copied(make_runner: MakeRunner) -> None:
    given = Evaluator(Count())
    runner = make_runner(test_dataloader=SETS, test_evaluator=given)
    assert runner.test() == {'day/line/count': 6, 'night/line/count': 10}
    assert given.metrics[0].dataset_meta is None
    runner.test_evaluator['day'].metrics.append(Count(prefix='more'))
    assert list(runner.test()) == ['day/line/count', 'day/more/count', 'night/line/count']
    assert len(runner.test_evaluator.metrics) == 3


def test_training_follows_one_set(make_runner: MakeRunner) -> None:
    runner = make_runner(
        val_dataloader=SETS, val_evaluator=dict(type='Error'), train_cfg=dict(by_epoch=True, max_epochs=3),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='night/line/error', rule='less')),
        custom_hooks=[dict(type='EarlyStoppingHook', monitor='day/line/error', rule='less', min_delta=100.,
                           patience=2)],
        param_scheduler=dict(type='ReduceOnPlateauLR', monitor='night/line/error', patience=0, threshold=1e6,
                             threshold_rule='abs'))
    runner.train()
    assert runner.epoch == 3  # the first validation is the best, and two come after it
    assert runner.train_loop.stop_training
    assert runner.param_schedulers[0].last_step == 2
    assert runner.optim_wrapper.get_lr()['lr'] == pytest.approx([0.05 * 0.1**2])
    best = [path.name for path in Path(runner.work_dir).glob('best_*')]
    assert len(best) == 1
    assert best[0].startswith('best_night_line_error_epoch_')
    written = [line for line in scalars_of(runner) if 'day/line/error' in line]
    assert [line['step'] for line in written] == [1, 2, 3]
    assert all('night/line/error' in line for line in written)


def test_a_name_says_the_rule_and_not_the_set(make_runner: MakeRunner) -> None:
    """`laptop` contains `top`, of which more would be better."""
    runner = make_runner(
        val_dataloader=dict(laptop=loader(4), desk=loader(4)), val_evaluator=[], val_cfg=dict(compute_loss=True),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='laptop/loss')))
    runner.train()
    assert next(hook for hook in runner.hooks if type(hook).__name__ == 'CheckpointHook').rules == ['less']
    assert list(Path(runner.work_dir).glob('best_laptop_loss_epoch_1.pth'))


def test_a_loop_of_the_users_own(make_runner: MakeRunner) -> None:
    class Own(ValLoop):
        def run(self) -> Any:
            self.runner.model.eval()
            for index, batch in enumerate(self.dataloader):
                self.evaluator.process(self.runner.model.val_step(batch), batch)
                assert index < len(self.dataloader)
            return self.evaluator.evaluate(len(self.dataloader.dataset))

    runner = make_runner(val_dataloader=SETS, val_evaluator=dict(type='Count'), val_cfg=dict(type=Own))
    assert runner.val_loop.run() == {'day/line/count': 6, 'night/line/count': 10}


def test_a_single_loader_stays_one(make_runner: MakeRunner) -> None:
    runner = make_runner(val_dataloader=loader(6), val_evaluator=[dict(type='Count'), dict(type='Error')])
    assert list(runner.val()) == ['line/count', 'line/error']
    assert isinstance(runner.val_dataloader, DataLoader)
    assert type(runner.val_evaluator) is Evaluator
    assert (runner.val_loop.set_name, runner.val_loop.dataloader_idx) == (None, 0)


@pytest.mark.parametrize(('changes', 'kind', 'message'), [
    (dict(val_evaluator=dict(day=dict(type='Count'))), ValueError, r"val_evaluator lacks the sets \['night'\]"),
    (dict(val_evaluator=dict(day=dict(type='Count'), nite=dict(type='Count'))), ValueError,
     r"lacks the sets \['night'\] and has the sets \['nite'\], which val_dataloader has not.*'night'"),
    (dict(val_dataloader=[loader(4), loader(4)], val_evaluator=[dict(type='Count')]), ValueError,
     r'2 data loaders in val_dataloader, but 1 items in val_evaluator.*metrics=\[\.\.\.\]'),
    (dict(val_dataloader=dict(day=loader(4), night=dict(batch_size=2))), TypeError,
     r"val_dataloader\['night'\] should be a data loader.*a dict with the keys \['batch_size'\]"),
    (dict(val_dataloader=[]), ValueError, 'val_dataloader is an empty list'),
    (dict(val_dataloader=[3]), TypeError, r"val_dataloader\['0'\].*<class 'int'>"),
    (dict(val_dataloader=dict(batch_size=4)), KeyError, 'needs the key "dataset"'),
])
def test_errors_name_the_set(make_runner: MakeRunner, changes: dict[str, Any], kind: Any, message: str) -> None:
    runner = make_runner(**{'val_dataloader': SETS, 'val_evaluator': dict(type='Count'), **changes})
    with pytest.raises(kind, match=message):
        runner.val()


def test_no_set_overwrites_the_results_of_another(make_runner: MakeRunner, tmp_path: Path) -> None:
    out = str(tmp_path / 'out.pkl')
    runner = make_runner(val_dataloader=SETS, val_evaluator=dict(type='DumpResults', out_file_path=out))
    with pytest.raises(ValueError, match="DumpResults of the set 'night' would overwrite"):
        runner.val()
    files = {name: str(tmp_path / f'{name}.pkl') for name in SETS}
    runner = make_runner(val_dataloader=SETS, val_evaluator={name: DumpResults(file) for name, file in files.items()})
    assert runner.val() == {}
    assert all(Path(file).exists() for file in files.values())


def test_predictions_offline_are_of_one_set(make_runner: MakeRunner) -> None:
    evaluator = make_runner(val_dataloader=SETS, val_evaluator=dict(type='Count')).val_loop.evaluator
    assert evaluator['day'].offline_evaluate([1, 2, 3]) == {'line/count': 3}
    with pytest.raises(NotImplementedError, match=r"evaluator\['day'\]"):
        evaluator.offline_evaluate([1, 2, 3])


def test_loaders_are_read_one_after_the_other() -> None:
    names = []
    sets = LoaderSets({name: DataLoader(range(count), batch_size=2) for name, count in (('a', 3), ('b', 2))})
    sets.on_set = names.append
    assert [(sets.name, batch.tolist()) for batch in sets] == [('a', [0, 1]), ('a', [2]), ('b', [0, 1])]
    assert (names, len(sets), len(sets.dataset)) == (['a', 'b'], 3, 5)
