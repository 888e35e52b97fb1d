"""When a training ends because a metric has stopped to improve."""
from __future__ import annotations

import math
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from mmengine.evaluator import BaseMetric
from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.runner import Runner

Make = Callable[..., Runner]


class Scores(BaseMetric):
    """Gives one number after the other."""

    default_prefix = 'line'

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores, self.calls = scores, 0

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        self.calls += 1
        return dict(acc=self.scores[min(self.calls, len(self.scores)) - 1])


def train(make_runner: Make, scores: list[float], folder: str = 'run', hooks: Any = (), changes: Any = (),
          **options: Any) -> Runner:
    runner = make_runner(folder, train_cfg=dict(by_epoch=True, max_epochs=9), val_evaluator=[Scores(scores)],
                         custom_hooks=[dict(type='EarlyStoppingHook', monitor='line/acc', **options), *hooks],
                         **dict(changes))
    runner.train()
    return runner


@pytest.mark.parametrize(('scores', 'options', 'epochs'), [
    ([90, 91, 92, 88, 89, 90], dict(min_delta=1, patience=3), 6),
    ([1, 2, 3, 4, 5, 6, 7, 8, 9], dict(patience=1), 9),
    ([5, 5.05, 5.1, 5.15, 5.2], dict(patience=3), 7),  # the fourth is the first that is 0.1 better
    ([3, 2, 1, 1.5, 1.4], dict(rule='less', patience=2), 5),
    ([1, math.nan], {}, 2), ([1, math.inf], {}, 2), ([1, math.nan, math.nan], dict(check_finite=False, patience=2), 3),
    ([1, 2, 3, 4], dict(stopping_threshold=2.5), 3)])
def test_when(make_runner: Make, scores: list[float], options: dict[str, Any], epochs: int) -> None:
    assert train(make_runner, scores, **options).epoch == epochs


def test_says_why(make_runner: Make, capsys: pytest.CaptureFixture[str]) -> None:
    train(make_runner, [1, 1, 1], patience=2, changes=dict(log_level='INFO'))
    assert 'Early stopping ends the training: line/acc did not get better by 0.1' in capsys.readouterr().out


class Crash(Hook):
    priority = 'HIGHEST'

    def before_train_epoch(self, runner: Any) -> None:
        if runner.epoch == 3:
            raise InterruptedError


def test_a_resumed_run_ends_where_the_other_would_have(make_runner: Make) -> None:
    scores = [5, 1, 1, 1, 1, 1, 1]
    assert train(make_runner, scores, 'whole', patience=4).epoch == 5
    with pytest.raises(InterruptedError):
        train(make_runner, scores, patience=4, hooks=[Crash()])
    # The checkpoint of the third epoch is from before its validation.
    assert train(make_runner, scores[2:], patience=4, changes=dict(resume=True)).epoch == 5


def test_a_run_that_had_ended_does_not_go_on(make_runner: Make) -> None:
    checkpoint = dict(type='CheckpointHook', interval=1, save_best='line/acc')
    changes = dict(default_hooks=dict(checkpoint=checkpoint))
    assert train(make_runner, [1, 2, 9], stopping_threshold=5, changes=changes).epoch == 3
    assert train(make_runner, [0], stopping_threshold=5, changes=dict(changes, resume=True)).epoch == 3


@pytest.mark.parametrize('strict', [True, False])
def test_a_metric_that_is_missing(make_runner: Make, strict: bool) -> None:
    hook = dict(type='EarlyStoppingHook', monitor='line/ac', rule='greater', strict=strict)
    runner = make_runner(val_evaluator=[Scores([1])], custom_hooks=[hook], train_cfg=dict(by_epoch=True, max_epochs=1))
    words = "metric 'line/ac'.*Did you mean 'line/acc'"
    if strict:
        with pytest.raises(RuntimeError, match=words):
            runner.train()
    else:
        with pytest.warns(UserWarning, match=words):
            runner.train()


def test_rules_and_where_to_begin() -> None:
    assert (EarlyStoppingHook('acc').rule, EarlyStoppingHook('acc').best_score) == ('greater', -math.inf)
    assert (EarlyStoppingHook('val_loss').rule, EarlyStoppingHook('val_loss').best_score) == ('less', math.inf)
    with pytest.raises(ValueError, match='Cannot infer the rule'):
        EarlyStoppingHook('speed')
    with pytest.raises(ValueError, match=re.escape('`rule` must be either "greater" or "less"')):
        EarlyStoppingHook('acc', rule='more')


def test_a_loop_that_cannot_be_stopped(make_runner: Make) -> None:
    hook = EarlyStoppingHook('acc')
    with pytest.raises(AssertionError, match='stop_training'):
        hook.before_run(SimpleNamespace(_train_loop=object(), train_loop=object()))
    runner = make_runner(custom_hooks=[dict(type='EarlyStoppingHook', monitor='line/error', rule='less')])
    runner.val()  # by itself it has nothing to stop
    assert isinstance(runner._train_loop, dict)  # and does not build what it does not need
