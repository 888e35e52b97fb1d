"""Draw the curves of a training: the loss, and each metric of its validations."""
from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mmengine.hooks.hook import Hook
from mmengine.hooks.metric_rules import RuleError, as_number, infer_rule, is_scalar
from mmengine.logging import print_log
from mmengine.registry import HOOKS

if TYPE_CHECKING:
    from mmengine.hooks.curve_plot import Curve


@HOOKS.register_module()
class CurvePlotHook(Hook):
    """Draws `curves.png` into the log folder when the training is over, on rank 0.

    Losses come from the message hub and metrics from the validations themselves, so that the curves of a resumed run
    begin where its training began.

    Args:
        filename: Name of the picture in the log folder.
        losses: The losses to draw, as in the log.
    """

    priority = 'NORMAL'

    def __init__(self, filename: str = 'curves.png', losses: Sequence[str] = ('loss',)) -> None:
        self.filename = filename
        self.losses = list(losses)
        self._validations: dict[str, list[tuple[int, float]]] = {}

    def state_dict(self) -> dict[str, Any]:
        """Give the metrics so far."""
        return {'validations': {name: [list(point) for point in points]
                                for name, points in self._validations.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the metrics of the run that goes on."""
        self._validations = {name: [(int(step), float(value)) for step, value in points]
                             for name, points in state['validations'].items()}

    def before_train(self, runner: Any) -> None:
        """Look for what draws: if that is not there, it is better known now than at the end.

        Raises:
            ImportError: matplotlib is not installed.
        """
        if runner.rank == 0 and find_spec('matplotlib') is None:  # not imported yet: the first iteration comes sooner
            raise ImportError('CurvePlotHook draws with matplotlib, which is not installed: pip install matplotlib',
                              name='matplotlib')

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        """Remember the metrics."""
        for name, value in (metrics or {}).items():
            if is_scalar(value):
                points = self._validations.setdefault(name, [])
                if points and points[-1][0] == runner.iter:  # validated again, after a resume for example
                    points.pop()
                points.append((runner.iter, float(as_number(value))))

    def after_train(self, runner: Any) -> None:
        """Draw the curves; a training does not fail because that does."""
        if runner.rank != 0:
            return
        target = os.path.join(runner.log_dir, self.filename)
        try:
            from mmengine.hooks.curve_plot import draw_curves
            curves = self._curves(runner)
            if curves:
                draw_curves(target, curves, self._epoch_length(runner), runner.experiment_name)
        except Exception as error:
            print_log(f'The curves could not be drawn to {target}: {type(error).__name__}: {error}', logger='current',
                      level=logging.WARNING)

    def _curves(self, runner: Any) -> list[Curve]:
        from mmengine.hooks.curve_plot import Curve
        curves = []
        for name in self.losses:
            history = runner.message_hub.log_scalars.get(f'train/{name}')
            if history is not None and len(values := history.data[0]):
                # The history may have lost its beginning: it ends at the last iteration.
                steps = range(runner.iter - len(values) + 1, runner.iter + 1)
                curves.append(Curve(name, list(zip(steps, values, strict=True)), is_dense=True))
        return curves + [Curve(name, points, best=_best(name, points)) for name, points in self._validations.items()]

    @staticmethod
    def _epoch_length(runner: Any) -> float | None:
        return runner.max_iters / runner.max_epochs if (runner.max_epochs or 1) > 1 else None


def _best(name: str, points: Sequence[tuple[int, float]]) -> tuple[int, float] | None:
    try:
        rule = infer_rule(name)
    except RuleError:
        return None
    finite = [point for point in points if point[1] == point[1]]
    if not finite:
        return None
    return (max if rule == 'greater' else min)(finite, key=lambda point: point[1])
