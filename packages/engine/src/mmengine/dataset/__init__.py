"""Data sets, their wrappers, samplers, and the collation of batches."""
from mmengine.dataset.base_dataset import BaseDataset as BaseDataset
from mmengine.dataset.base_dataset import Compose as Compose
from mmengine.dataset.base_dataset import force_full_init as force_full_init
from mmengine.dataset.dataset_wrapper import ClassBalancedDataset as ClassBalancedDataset
from mmengine.dataset.dataset_wrapper import ConcatDataset as ConcatDataset
from mmengine.dataset.dataset_wrapper import RepeatDataset as RepeatDataset
from mmengine.dataset.sampler import DefaultSampler as DefaultSampler
from mmengine.dataset.sampler import InfiniteSampler as InfiniteSampler
from mmengine.dataset.utils import COLLATE_FUNCTIONS as COLLATE_FUNCTIONS
from mmengine.dataset.utils import default_collate as default_collate
from mmengine.dataset.utils import pseudo_collate as pseudo_collate
from mmengine.dataset.utils import worker_init_fn as worker_init_fn
