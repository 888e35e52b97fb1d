"""Optimizers, what drives them, and the schedules of their parameters."""
from typing import TYPE_CHECKING, Any

from mmengine.optim.optimizer import OPTIM_WRAPPER_CONSTRUCTORS as OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.optim.optimizer import OPTIMIZERS as OPTIMIZERS
from mmengine.optim.optimizer import AmpOptimWrapper as AmpOptimWrapper
from mmengine.optim.optimizer import ApexOptimWrapper as ApexOptimWrapper
from mmengine.optim.optimizer import BaseOptimWrapper as BaseOptimWrapper
from mmengine.optim.optimizer import DefaultOptimWrapperConstructor as DefaultOptimWrapperConstructor
from mmengine.optim.optimizer import OptimWrapper as OptimWrapper
from mmengine.optim.optimizer import OptimWrapperDict as OptimWrapperDict
from mmengine.optim.optimizer import build_optim_wrapper as build_optim_wrapper
from mmengine.optim.scheduler import ConstantLR as ConstantLR
from mmengine.optim.scheduler import ConstantMomentum as ConstantMomentum
from mmengine.optim.scheduler import ConstantParamScheduler as ConstantParamScheduler
from mmengine.optim.scheduler import CosineAnnealingLR as CosineAnnealingLR
from mmengine.optim.scheduler import CosineAnnealingMomentum as CosineAnnealingMomentum
from mmengine.optim.scheduler import CosineAnnealingParamScheduler as CosineAnnealingParamScheduler
from mmengine.optim.scheduler import CosineRestartLR as CosineRestartLR
from mmengine.optim.scheduler import CosineRestartMomentum as CosineRestartMomentum
from mmengine.optim.scheduler import CosineRestartParamScheduler as CosineRestartParamScheduler
from mmengine.optim.scheduler import ExponentialLR as ExponentialLR
from mmengine.optim.scheduler import ExponentialMomentum as ExponentialMomentum
from mmengine.optim.scheduler import ExponentialParamScheduler as ExponentialParamScheduler
from mmengine.optim.scheduler import LinearLR as LinearLR
from mmengine.optim.scheduler import LinearMomentum as LinearMomentum
from mmengine.optim.scheduler import LinearParamScheduler as LinearParamScheduler
from mmengine.optim.scheduler import MultiStepLR as MultiStepLR
from mmengine.optim.scheduler import MultiStepMomentum as MultiStepMomentum
from mmengine.optim.scheduler import MultiStepParamScheduler as MultiStepParamScheduler
from mmengine.optim.scheduler import OneCycleLR as OneCycleLR
from mmengine.optim.scheduler import OneCycleParamScheduler as OneCycleParamScheduler
from mmengine.optim.scheduler import PolyLR as PolyLR
from mmengine.optim.scheduler import PolyMomentum as PolyMomentum
from mmengine.optim.scheduler import PolyParamScheduler as PolyParamScheduler
from mmengine.optim.scheduler import ReduceOnPlateauLR as ReduceOnPlateauLR
from mmengine.optim.scheduler import ReduceOnPlateauMomentum as ReduceOnPlateauMomentum
from mmengine.optim.scheduler import ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler
from mmengine.optim.scheduler import StepLR as StepLR
from mmengine.optim.scheduler import StepMomentum as StepMomentum
from mmengine.optim.scheduler import StepParamScheduler as StepParamScheduler
from mmengine.optim.scheduler import _ParamScheduler as _ParamScheduler

if TYPE_CHECKING:
    from mmengine.optim.optimizer.zero_optimizer import ZeroRedundancyOptimizer as ZeroRedundancyOptimizer


def __getattr__(name: str) -> Any:
    # On first use: it brings all of torch.distributed.optim along, which takes long.
    if name == 'ZeroRedundancyOptimizer':
        from mmengine.optim.optimizer.zero_optimizer import ZeroRedundancyOptimizer
        return ZeroRedundancyOptimizer
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
