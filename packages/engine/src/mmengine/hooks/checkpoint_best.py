"""Which checkpoint was the best one, by one metric or by several."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.hooks.metric_rules import BETTER, GREATER_KEYS, LESS_KEYS, WORST, as_number, check_rule, infer_rule
from mmengine.utils.suggest import did_you_mean

AUTO = 'auto'


class BestKeeper:
    """Compares metrics with the best so far, which the message hub remembers over a resume.

    Args:
        save_best: The metric or metrics; 'auto' takes the first one of the first validation.
        rule: 'greater' or 'less', for all of them or for each; None infers it from the names.
        greater_keys: Parts of names of which more is better.
        less_keys: Parts of names of which less is better.

    Raises:
        AssertionError: An argument has the wrong form.
        ValueError: A rule is unknown, or can't be inferred.
    """

    def __init__(self, save_best: str | list[str], rule: str | list[str] | None = None,
                 greater_keys: str | Sequence[str] | None = None, less_keys: str | Sequence[str] | None = None) -> None:
        self.key_indicators: list[str] = [save_best] if isinstance(save_best, str) else list(save_best)
        self.greater_keys = _as_names('greater_keys', greater_keys, GREATER_KEYS)
        self.less_keys = _as_names('less_keys', less_keys, LESS_KEYS)
        rules: list[Any] = list(rule) if isinstance(rule, list) else [rule] * len(self.key_indicators)
        if isinstance(rule, list) and len(rule) == 1:
            rules = rule * len(self.key_indicators)
        if len(rules) != len(self.key_indicators):
            raise AssertionError(f'Number of "rule" must be 1 or the same as number of "save_best", but got '
                                 f'{len(rules)} for {self.key_indicators}')
        if AUTO in self.key_indicators and len(self.key_indicators) > 1:
            raise AssertionError(f'Only support one "save_best" when it is "auto", but got {self.key_indicators}')
        for item in rules:
            check_rule(item)
        self.rules: list[Any] = [self._complete(name, own) for name, own in
                                 zip(self.key_indicators, rules, strict=True)]

    def _complete(self, name: str, rule: str | None) -> str | None:
        return rule if rule is not None or name == AUTO else infer_rule(name, self.greater_keys, self.less_keys)

    @property
    def is_single(self) -> bool:
        """Whether there is one metric: its records have no metric in their names."""
        return len(self.key_indicators) == 1

    def score_key(self, name: str) -> str:
        """Give the name under which the message hub has the best value of a metric."""
        return 'best_score' if self.is_single else f'best_score_{name}'

    def path_key(self, name: str) -> str:
        """Give the name under which the message hub has the best checkpoint by a metric."""
        return 'best_ckpt' if self.is_single else f'best_ckpt_{name}'

    def improved(self, hub: Any, metrics: dict[str, Any]) -> list[tuple[str, Any]]:
        """List the metrics that are better than ever, with their values.

        Args:
            hub: The message hub.
            metrics: The metrics of a validation.

        Raises:
            KeyError: A metric to follow is not among them.
        """
        if self.key_indicators == [AUTO]:
            self.key_indicators = [next(iter(metrics))]
            self.rules = [self._complete(self.key_indicators[0], self.rules[0])]
        found = []
        for name, rule in zip(self.key_indicators, self.rules, strict=True):
            if name not in metrics:
                raise KeyError(f'save_best={name!r} is not among the metrics of the validation.'
                               f'{did_you_mean(name, metrics)} There are {", ".join(map(repr, metrics))}')
            score = as_number(metrics[name])
            if score is not None and BETTER[rule](score, hub.get_info(self.score_key(name), WORST[rule])):
                found.append((name, score))
        return found


def _as_names(argument: str, names: str | Sequence[str] | None, default: Sequence[str]) -> Sequence[str]:
    if names is None:
        return default
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise AssertionError(f'"{argument}" should be a str or a sequence of str or None, but got {names!r}')
    return names
