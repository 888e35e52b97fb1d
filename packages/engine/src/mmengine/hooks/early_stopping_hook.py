"""End a training when a metric has stopped to improve."""
from __future__ import annotations

import math
import warnings
from typing import Any

from mmengine.hooks.hook import Hook
from mmengine.hooks.metric_rules import BETTER, WORST, RuleError, as_number, infer_rule
from mmengine.registry import HOOKS
from mmengine.utils.suggest import did_you_mean


@HOOKS.register_module()
class EarlyStoppingHook(Hook):
    """Ends the training after a number of validations without improvement.

    Args:
        monitor: The metric.
        rule: Whether 'greater' or 'less' is better; None infers it from the name.
        min_delta: By how much a value has to be better than the best so far.
        strict: Whether a validation without the metric is an error, and not only warned of.
        check_finite: Whether the training ends when the metric is infinite or not a number.
        patience: After how many validations in a row without improvement the training ends.
        stopping_threshold: The training ends when the metric is better than this.

    Raises:
        ValueError: The rule is unknown, or can't be inferred.
    """

    priority = 'LOWEST'
    rule_map = BETTER

    def __init__(self, monitor: str, rule: str | None = None, min_delta: float = 0.1, strict: bool = False,
                 check_finite: bool = True, patience: int = 5, stopping_threshold: float | None = None) -> None:
        if rule is not None and rule not in BETTER:
            raise RuleError(f'`rule` must be either "greater" or "less", but got {rule!r}')
        self.monitor = monitor
        self.rule = rule or infer_rule(monitor)
        self.min_delta = abs(min_delta) if self.rule == 'greater' else -abs(min_delta)
        self.strict = strict
        self.check_finite = check_finite
        self.patience = patience
        self.stopping_threshold = stopping_threshold
        self.wait_count = 0
        self.best_score: float = WORST[self.rule]
        self._has_stopped = False

    def state_dict(self) -> dict[str, Any]:
        """Give what a resumed run has to know."""
        return {'wait_count': self.wait_count, 'best_score': self.best_score, 'has_stopped': self._has_stopped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on as `state_dict` says."""
        self.wait_count, self.best_score = state['wait_count'], state['best_score']
        self._has_stopped = state['has_stopped']

    def before_run(self, runner: Any) -> None:
        """Check that the training loop can be stopped.

        Raises:
            AssertionError: It can't.
        """
        loop = getattr(runner, '_train_loop', None)
        if loop is None or isinstance(loop, dict):  # a validation or test by itself
            return
        if not hasattr(runner.train_loop, 'stop_training'):
            raise AssertionError('`train_loop` should contain the attribute `stop_training` for early stopping, but '
                                 f'{type(runner.train_loop).__name__} has not')

    def before_train(self, runner: Any) -> None:
        """End a resumed training at once that had ended when it was saved."""
        if self._has_stopped:
            runner.logger.info(f'This training was ended by early stopping of {self.monitor!r} already')
            runner.train_loop.stop_training = True

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Look at the metric, and end the training if it is time.

        Raises:
            RuntimeError: The metric is missing and `strict` is set.
        """
        loop = getattr(runner, '_train_loop', None)
        if loop is None or isinstance(loop, dict):
            return
        metrics = metrics or {}
        if self.monitor not in metrics:
            message = (f'Early stopping conditioned on metric {self.monitor!r}, which is not among those of the '
                       f'validation: {list(metrics)}.{did_you_mean(self.monitor, metrics)}')
            if self.strict:
                raise RuntimeError(message)
            warnings.warn(message, stacklevel=2)
            return
        reason = self._reason_to_stop(as_number(metrics[self.monitor]))
        if reason:
            self._has_stopped = True
            runner.train_loop.stop_training = True
            runner.logger.info(f'Early stopping ends the training: {reason}')

    def _reason_to_stop(self, score: float) -> str:
        """Take note of a value; tell why to stop, an empty text to go on."""
        if self.check_finite and not math.isfinite(score):
            return f'{self.monitor} = {score} is not finite. The best was {self.best_score:.3f}.'
        is_better = BETTER[self.rule]
        if self.stopping_threshold is not None and is_better(score, self.stopping_threshold):
            self.best_score = score
            return f'{self.monitor} = {score} is beyond the threshold of {self.stopping_threshold}.'
        if is_better(score - self.min_delta, self.best_score):
            self.wait_count, self.best_score = 0, score
            return ''
        self.wait_count += 1
        if self.wait_count < self.patience:
            return ''
        return (f'{self.monitor} did not get better by {abs(self.min_delta)} in the last {self.wait_count} '
                f'validations. The best was {self.best_score:.3f}.')
