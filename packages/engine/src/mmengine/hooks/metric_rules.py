"""Whether more or less of a metric is better, by what it is called or by what the user says."""
from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from mmengine.utils.suggest import did_you_mean

#: Parts of names of which more is better, and of which less is.
GREATER_KEYS = ('acc', 'top', 'AR@', 'auc', 'precision', 'mAP', 'mDice', 'mIoU', 'mAcc', 'aAcc')
LESS_KEYS = ('loss',)
#: Rule -> whether a value is better than another; none is that is not a number.
BETTER: dict[str, Callable[[Any, Any], bool]] = {'greater': operator.gt, 'less': operator.lt}
#: Rule -> what every value is better than.
WORST = {'greater': -math.inf, 'less': math.inf}


class RuleError(ValueError, KeyError):
    """A rule that there is not, or a metric whose name says nothing about its rule."""

    def __str__(self) -> str:
        return str(self.args[0])


def check_rule(rule: str | None) -> None:
    """Check that a rule is 'greater', 'less' or None."""
    if rule is not None and rule not in BETTER:
        raise RuleError(f'rule must be greater, less or None, but got {rule!r}.{did_you_mean(str(rule), BETTER)}')


def infer_rule(metric: str, greater_keys: Sequence[str] = GREATER_KEYS, less_keys: Sequence[str] = LESS_KEYS) -> str:
    """Tell the rule of a metric from its name: a whole name goes before a part of one, upper and lower case alike.

    Raises:
        RuleError: The name says nothing.
    """
    greater, less = [key.lower() for key in greater_keys], [key.lower() for key in less_keys]
    # What is in front of the last '/' is a prefix, or the name of a data set, which may be anything.
    for name in (metric.lower().rpartition('/')[2], metric.lower()):
        for rule, keys in zip(BETTER, (greater, less), strict=True):
            if name in keys:
                return rule
        for rule, keys in zip(BETTER, (greater, less), strict=True):
            if any(key in name for key in keys):
                return rule
    raise RuleError(f"Cannot infer the rule for the metric {metric!r}, thus a specific rule must be given: "
                    f"rule='greater' if more of it is better, rule='less' if less is")


def is_scalar(value: Any) -> bool:
    """Tell whether a value is a number, or an array or tensor of one element."""
    if isinstance(value, torch.Tensor):
        return value.numel() == 1
    return isinstance(value, (int, float, np.number)) or (isinstance(value, np.ndarray) and value.size == 1)


def as_number(value: Any) -> Any:
    """Make a plain number of an array or tensor of one element, for records that outlive the run."""
    return value.item() if hasattr(value, 'item') else value
