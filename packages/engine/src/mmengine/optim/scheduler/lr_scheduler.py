"""Schedules of the learning rate."""
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
from mmengine.optim.scheduler.onecycle import OneCycleParamScheduler
from mmengine.optim.scheduler.plateau import ReduceOnPlateauParamScheduler
from mmengine.registry import PARAM_SCHEDULERS


class LRSchedulerMixin:
    """Turns a schedule of any parameter into one of the learning rate; it comes first among the bases.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of the schedule.
        **kwargs: Further arguments of the schedule.
    """

    def __init__(self, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(optimizer, 'lr', *args, **kwargs)  # type: ignore[call-arg]  # of the schedule beside it


@PARAM_SCHEDULERS.register_module()
class ConstantLR(LRSchedulerMixin, ConstantParamScheduler):
    """`ConstantParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `ConstantParamScheduler`.
        **kwargs: Further arguments of `ConstantParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class CosineAnnealingLR(LRSchedulerMixin, CosineAnnealingParamScheduler):
    """`CosineAnnealingParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `CosineAnnealingParamScheduler`.
        **kwargs: Further arguments of `CosineAnnealingParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class CosineRestartLR(LRSchedulerMixin, CosineRestartParamScheduler):
    """`CosineRestartParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `CosineRestartParamScheduler`.
        **kwargs: Further arguments of `CosineRestartParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class ExponentialLR(LRSchedulerMixin, ExponentialParamScheduler):
    """`ExponentialParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `ExponentialParamScheduler`.
        **kwargs: Further arguments of `ExponentialParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class LinearLR(LRSchedulerMixin, LinearParamScheduler):
    """`LinearParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `LinearParamScheduler`.
        **kwargs: Further arguments of `LinearParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class MultiStepLR(LRSchedulerMixin, MultiStepParamScheduler):
    """`MultiStepParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `MultiStepParamScheduler`.
        **kwargs: Further arguments of `MultiStepParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class OneCycleLR(LRSchedulerMixin, OneCycleParamScheduler):
    """`OneCycleParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `OneCycleParamScheduler`.
        **kwargs: Further arguments of `OneCycleParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class PolyLR(LRSchedulerMixin, PolyParamScheduler):
    """`PolyParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `PolyParamScheduler`.
        **kwargs: Further arguments of `PolyParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class ReduceOnPlateauLR(LRSchedulerMixin, ReduceOnPlateauParamScheduler):
    """`ReduceOnPlateauParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `ReduceOnPlateauParamScheduler`.
        **kwargs: Further arguments of `ReduceOnPlateauParamScheduler`.
    """


@PARAM_SCHEDULERS.register_module()
class StepLR(LRSchedulerMixin, StepParamScheduler):
    """`StepParamScheduler` of the learning rate.

    Args:
        optimizer: The optimizer, or its wrapper.
        *args: Further arguments of `StepParamScheduler`.
        **kwargs: Further arguments of `StepParamScheduler`.
    """
