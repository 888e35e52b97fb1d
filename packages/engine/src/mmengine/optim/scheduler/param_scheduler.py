"""Upstream's path of all schedules."""
from mmengine.optim.scheduler.base import INF as INF
from mmengine.optim.scheduler.base import OptimizerType as OptimizerType
from mmengine.optim.scheduler.base import _ParamScheduler as _ParamScheduler
from mmengine.optim.scheduler.cosine import CosineAnnealingParamScheduler as CosineAnnealingParamScheduler
from mmengine.optim.scheduler.cosine import CosineRestartParamScheduler as CosineRestartParamScheduler
from mmengine.optim.scheduler.decays import ExponentialParamScheduler as ExponentialParamScheduler
from mmengine.optim.scheduler.decays import MultiStepParamScheduler as MultiStepParamScheduler
from mmengine.optim.scheduler.decays import PolyParamScheduler as PolyParamScheduler
from mmengine.optim.scheduler.decays import StepParamScheduler as StepParamScheduler
from mmengine.optim.scheduler.factors import ConstantParamScheduler as ConstantParamScheduler
from mmengine.optim.scheduler.factors import LinearParamScheduler as LinearParamScheduler
from mmengine.optim.scheduler.onecycle import OneCycleParamScheduler as OneCycleParamScheduler
from mmengine.optim.scheduler.plateau import ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler
