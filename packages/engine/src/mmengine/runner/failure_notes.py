"""What an error of a run is told to have come from: the hook and its stage, or the metric, and the place in the run."""
from __future__ import annotations

from typing import Any

from mmengine.evaluator import BaseMetric

#: The methods of a metric that an evaluator calls.
_METRIC_METHODS = frozenset({'process', 'compute_metrics'})


def add_note(error: BaseException, text: str) -> None:
    """Add a line to what Python shows below an error."""
    if hasattr(error, 'add_note'):
        error.add_note(text)
    else:  # before Python 3.11
        setattr(error, '__notes__', [*getattr(error, '__notes__', []), text])  # noqa: B010  # unknown to its types


def place_of(runner: Any) -> str:
    """Tell where in its training a run is; nothing where it does not train."""
    if not runner.max_iters:
        return ''
    return f', in epoch {runner.epoch + 1} after {runner.iter} of {runner.max_iters} finished iterations'


def note_hook(error: BaseException, runner: Any, hook: Any, stage: str, arguments: dict[str, Any]) -> None:
    """Say which hook raised an error, and what it was called with."""
    batch = f'(batch_idx={arguments["batch_idx"]})' if 'batch_idx' in arguments else ''
    add_note(error, f'raised in {type(hook).__name__}.{stage}{batch}{place_of(runner)}')


def note_metric(error: BaseException, runner: Any) -> None:
    """Say which metric raised an error, if one did: evaluators may be anybody's, so that the traceback is asked."""
    found = None
    traceback = error.__traceback__
    while traceback is not None:
        owner = traceback.tb_frame.f_locals.get('self')
        if isinstance(owner, BaseMetric) and traceback.tb_frame.f_code.co_name in _METRIC_METHODS:
            found = f'raised in {type(owner).__name__}.{traceback.tb_frame.f_code.co_name}'
            if owner.prefix:
                found += f' (prefix={owner.prefix!r})'
        traceback = traceback.tb_next
    if found is not None:
        add_note(error, f'{found}{place_of(runner)}')
