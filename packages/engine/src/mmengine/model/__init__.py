"""Models: base classes, weight initialisation, preprocessing, averages and wrappers."""
from typing import TYPE_CHECKING, Any

from mmengine.model.averaged_model import BaseAveragedModel as BaseAveragedModel
from mmengine.model.averaged_model import ExponentialMovingAverage as ExponentialMovingAverage
from mmengine.model.averaged_model import MomentumAnnealingEMA as MomentumAnnealingEMA
from mmengine.model.averaged_model import StochasticWeightAverage as StochasticWeightAverage
from mmengine.model.base_model import BaseDataPreprocessor as BaseDataPreprocessor
from mmengine.model.base_model import BaseModel as BaseModel
from mmengine.model.base_model import ImgDataPreprocessor as ImgDataPreprocessor
from mmengine.model.base_module import BaseModule as BaseModule
from mmengine.model.base_module import ModuleDict as ModuleDict
from mmengine.model.base_module import ModuleList as ModuleList
from mmengine.model.base_module import Sequential as Sequential
from mmengine.model.test_time_aug import BaseTTAModel as BaseTTAModel
from mmengine.model.utils import convert_sync_batchnorm as convert_sync_batchnorm
from mmengine.model.utils import detect_anomalous_params as detect_anomalous_params
from mmengine.model.utils import merge_dict as merge_dict
from mmengine.model.utils import revert_sync_batchnorm as revert_sync_batchnorm
from mmengine.model.utils import stack_batch as stack_batch
from mmengine.model.weight_init import BaseInit as BaseInit
from mmengine.model.weight_init import Caffe2XavierInit as Caffe2XavierInit
from mmengine.model.weight_init import ConstantInit as ConstantInit
from mmengine.model.weight_init import KaimingInit as KaimingInit
from mmengine.model.weight_init import NormalInit as NormalInit
from mmengine.model.weight_init import PretrainedInit as PretrainedInit
from mmengine.model.weight_init import TruncNormalInit as TruncNormalInit
from mmengine.model.weight_init import UniformInit as UniformInit
from mmengine.model.weight_init import XavierInit as XavierInit
from mmengine.model.weight_init import bias_init_with_prob as bias_init_with_prob
from mmengine.model.weight_init import caffe2_xavier_init as caffe2_xavier_init
from mmengine.model.weight_init import constant_init as constant_init
from mmengine.model.weight_init import initialize as initialize
from mmengine.model.weight_init import kaiming_init as kaiming_init
from mmengine.model.weight_init import normal_init as normal_init
from mmengine.model.weight_init import trunc_normal_init as trunc_normal_init
from mmengine.model.weight_init import uniform_init as uniform_init
from mmengine.model.weight_init import update_init_info as update_init_info
from mmengine.model.weight_init import xavier_init as xavier_init
from mmengine.model.wrappers import MMDistributedDataParallel as MMDistributedDataParallel
from mmengine.model.wrappers import MMSeparateDistributedDataParallel as MMSeparateDistributedDataParallel
from mmengine.model.wrappers import is_model_wrapper as is_model_wrapper

if TYPE_CHECKING:
    from mmengine.model.wrappers.fully_sharded_distributed import (
        MMFullyShardedDataParallel as MMFullyShardedDataParallel,
    )


def __getattr__(name: str) -> Any:
    # On first use: it brings all of torch.distributed.fsdp along, which takes long.
    if name == 'MMFullyShardedDataParallel':
        from mmengine.model.wrappers.fully_sharded_distributed import MMFullyShardedDataParallel
        return MMFullyShardedDataParallel
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
