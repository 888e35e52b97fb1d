"""Running: the runner with its loops, what it logs and when."""
from mmengine.checkpoint import CheckpointLoader as CheckpointLoader
from mmengine.checkpoint import find_latest_checkpoint as find_latest_checkpoint
from mmengine.checkpoint import get_state_dict as get_state_dict
from mmengine.checkpoint import load_checkpoint as load_checkpoint
from mmengine.checkpoint import load_state_dict as load_state_dict
from mmengine.checkpoint import weights_to_cpu as weights_to_cpu
from mmengine.runner._flexible_runner import FlexibleRunner as FlexibleRunner
from mmengine.runner.activation_checkpointing import (
    turn_on_activation_checkpointing as turn_on_activation_checkpointing,
)
from mmengine.runner.amp import autocast as autocast
from mmengine.runner.base_loop import BaseLoop as BaseLoop
from mmengine.runner.checkpoint import get_deprecated_model_names as get_deprecated_model_names
from mmengine.runner.checkpoint import get_external_models as get_external_models
from mmengine.runner.checkpoint import get_mmcls_models as get_mmcls_models
from mmengine.runner.checkpoint import get_torchvision_models as get_torchvision_models
from mmengine.runner.checkpoint import save_checkpoint as save_checkpoint
from mmengine.runner.eval_loops import TestLoop as TestLoop
from mmengine.runner.eval_loops import ValLoop as ValLoop
from mmengine.runner.log_processor import LogProcessor as LogProcessor
from mmengine.runner.priority import Priority as Priority
from mmengine.runner.priority import get_priority as get_priority
from mmengine.runner.runner import Runner as Runner
from mmengine.runner.train_loops import EpochBasedTrainLoop as EpochBasedTrainLoop
from mmengine.runner.train_loops import IterBasedTrainLoop as IterBasedTrainLoop
from mmengine.runner.utils import set_random_seed as set_random_seed
