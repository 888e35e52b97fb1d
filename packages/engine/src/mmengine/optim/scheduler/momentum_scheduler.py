"""Schedules of the momentum, also of optimizers that call it the first of their betas."""
from __future__ import annotations

from typing import Any

from mmengine.optim.scheduler.cosine import CosineAnnealingParamScheduler, CosineRestartParamScheduler
from mmengine.optim.scheduler.decays import (
    ExponentialParamScheduler,
    MultiStepParamScheduler,
    PolyParamScheduler,
    StepParamScheduler,
)
from mmengine.optim.scheduler.factors import ConstantParamScheduler, LinearParamScheduler
from mmengine.optim.scheduler.plateau import ReduceOnPlateauParamScheduler
from mmengine.registry import PARAM_SCHEDULERS


class MomentumSchedulerMixin:
    """Turns a schedule of any parameter into one of the momentum; it comes first among the bases.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of the schedule.
        **kwargs: Further arguments of the schedule.

    Raises:
        ValueError: The optimizer has neither momentum nor betas.
    """

    def __init__(self, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        defaults = getattr(optimizer, 'defaults', {})
        self.use_betas = 'momentum' not in defaults
        if self.use_betas:
            if 'betas' not in defaults:
                raise ValueError('optimizer must support momentum when using momentum scheduler')
            for group in optimizer.param_groups:
                group['momentum'] = group['betas'][0]
        super().__init__(optimizer, 'momentum', *args, **kwargs)  # type: ignore[call-arg]  # of the schedule beside it

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Change the momentum, and the betas with it."""
        super().step(*args, **kwargs)  # type: ignore[misc]  # of the schedule beside it
        if self.use_betas:
            for group in self.optimizer.param_groups:  # type: ignore[attr-defined]  # of the schedule beside it
                group['betas'] = (group['momentum'], *group['betas'][1:])


@PARAM_SCHEDULERS.register_module()
class ConstantMomentum(MomentumSchedulerMixin, ConstantParamScheduler):
    """`ConstantParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `ConstantParamScheduler`.
        **kwargs: Further arguments of `ConstantParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class CosineAnnealingMomentum(MomentumSchedulerMixin, CosineAnnealingParamScheduler):
    """`CosineAnnealingParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `CosineAnnealingParamScheduler`.
        **kwargs: Further arguments of `CosineAnnealingParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class CosineRestartMomentum(MomentumSchedulerMixin, CosineRestartParamScheduler):
    """`CosineRestartParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `CosineRestartParamScheduler`.
        **kwargs: Further arguments of `CosineRestartParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class ExponentialMomentum(MomentumSchedulerMixin, ExponentialParamScheduler):
    """`ExponentialParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `ExponentialParamScheduler`.
        **kwargs: Further arguments of `ExponentialParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class LinearMomentum(MomentumSchedulerMixin, LinearParamScheduler):
    """`LinearParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `LinearParamScheduler`.
        **kwargs: Further arguments of `LinearParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class MultiStepMomentum(MomentumSchedulerMixin, MultiStepParamScheduler):
    """`MultiStepParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `MultiStepParamScheduler`.
        **kwargs: Further arguments of `MultiStepParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class PolyMomentum(MomentumSchedulerMixin, PolyParamScheduler):
    """`PolyParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `PolyParamScheduler`.
        **kwargs: Further arguments of `PolyParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class ReduceOnPlateauMomentum(MomentumSchedulerMixin, ReduceOnPlateauParamScheduler):
    """`ReduceOnPlateauParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `ReduceOnPlateauParamScheduler`.
        **kwargs: Further arguments of `ReduceOnPlateauParamScheduler`.
    """

    def step(self, metrics: dict[str, Any] | None = None) -> None:
        """Follow the metrics of a validation, and change the betas with the momentum.

        Args:
            metrics: Metrics of the validation by name; None at the start.
        """
        super().step(metrics)


@PARAM_SCHEDULERS.register_module()
class StepMomentum(MomentumSchedulerMixin, StepParamScheduler):
    """`StepParamScheduler` of the momentum.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `StepParamScheduler`.
        **kwargs: Further arguments of `StepParamScheduler`.
    """
