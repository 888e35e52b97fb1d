"""Helpers that need torch; the rest of `mmengine.utils` does not."""
from mmengine.utils.dl_utils.collect_env import collect_env as collect_env
from mmengine.utils.dl_utils.hub import load_url as load_url
from mmengine.utils.dl_utils.misc import has_batch_norm as has_batch_norm
from mmengine.utils.dl_utils.misc import is_norm as is_norm
from mmengine.utils.dl_utils.misc import mmcv_full_available as mmcv_full_available
from mmengine.utils.dl_utils.misc import tensor2imgs as tensor2imgs
from mmengine.utils.dl_utils.parrots_wrapper import TORCH_VERSION as TORCH_VERSION
from mmengine.utils.dl_utils.setup_env import set_multi_processing as set_multi_processing
from mmengine.utils.dl_utils.time_counter import TimeCounter as TimeCounter
from mmengine.utils.dl_utils.torch_ops import torch_meshgrid as torch_meshgrid
from mmengine.utils.dl_utils.trace import is_jit_tracing as is_jit_tracing
