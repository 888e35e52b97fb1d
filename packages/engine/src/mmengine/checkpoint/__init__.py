"""Checkpoints: files written whole and read safely, state dicts, and where they come from."""
from mmengine.checkpoint.discovery import LAST_CHECKPOINT as LAST_CHECKPOINT
from mmengine.checkpoint.discovery import find_latest_checkpoint as find_latest_checkpoint
from mmengine.checkpoint.discovery import find_whole_checkpoint as find_whole_checkpoint
from mmengine.checkpoint.discovery import older_checkpoints as older_checkpoints
from mmengine.checkpoint.files import BrokenCheckpointError as BrokenCheckpointError
from mmengine.checkpoint.files import check_checkpoint as check_checkpoint
from mmengine.checkpoint.files import read_checkpoint as read_checkpoint
from mmengine.checkpoint.files import write_checkpoint as write_checkpoint
from mmengine.checkpoint.loader import CheckpointLoader as CheckpointLoader
from mmengine.checkpoint.loader import load_checkpoint as load_checkpoint
from mmengine.checkpoint.model_zoo import UnknownWeightsError as UnknownWeightsError
from mmengine.checkpoint.safety import UnsafeCheckpointError as UnsafeCheckpointError
from mmengine.checkpoint.state_dict import get_state_dict as get_state_dict
from mmengine.checkpoint.state_dict import load_state_dict as load_state_dict
from mmengine.checkpoint.state_dict import weights_to_cpu as weights_to_cpu
from mmengine.checkpoint.wrappers import is_model_wrapper as is_model_wrapper
from mmengine.checkpoint.wrappers import unwrap as unwrap
