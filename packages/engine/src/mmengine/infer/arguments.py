"""Which step of an inferencer takes which keyword argument."""
from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator
from typing import Any

from mmengine.utils.suggest import did_you_mean

STEPS = ('preprocess', 'forward', 'visualize', 'postprocess')


class InferencerMeta(ABCMeta):
    """Checks, when a class of inferencers is made, that no two of its steps take the same argument."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(name, bases, namespace, **kwargs)
        taken: dict[str, str] = {}
        for step, argument in taken_arguments(cls):
            if argument in taken:
                raise AssertionError(
                    f'Class define error! {name}.{step}_kwargs and {name}.{taken[argument]}_kwargs both have '
                    f'{argument!r}, but an argument goes to one step only')
            taken[argument] = step


def taken_arguments(inferencer: Any) -> Iterator[tuple[str, str]]:
    """Give each step, and each argument that it takes."""
    for step in STEPS:
        for argument in sorted(getattr(inferencer, f'{step}_kwargs')):
            yield step, argument


def dispatch(inferencer: Any, kwargs: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Sort keyword arguments by the step that takes them.

    Args:
        inferencer: The inferencer, whose class names the arguments of each step.
        kwargs: The arguments.

    Raises:
        ValueError: No step takes an argument.
    """
    step_of = {argument: step for step, argument in taken_arguments(inferencer)}
    unknown = [name for name in kwargs if name not in step_of]
    if unknown:
        hints = ''.join(f' {name!r}:{did_you_mean(name, step_of)}' for name in unknown if did_you_mean(name, step_of))
        takes = '; '.join(f'`{step}` takes {", ".join(sorted(getattr(inferencer, f"{step}_kwargs"))) or "none"}'
                          for step in STEPS)
        raise ValueError(f'unknown argument {", ".join(map(repr, unknown))} of {type(inferencer).__name__}.{hints} '
                         f'Its steps: {takes}')
    return tuple({name: value for name, value in kwargs.items() if step_of[name] == step} for step in STEPS)
