"""Upstream's path of torch's version, layers and build settings."""
from __future__ import annotations

import os
import shutil

import torch
from torch.nn.modules.batchnorm import SyncBatchNorm as SyncBatchNorm
from torch.nn.modules.batchnorm import _BatchNorm as _BatchNorm
from torch.nn.modules.conv import _ConvNd as _ConvNd
from torch.nn.modules.conv import _ConvTransposeNd as _ConvTransposeMixin  # upstream's name
from torch.nn.modules.instancenorm import _InstanceNorm as _InstanceNorm
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd as _AdaptiveAvgPoolNd
from torch.nn.modules.pooling import _AdaptiveMaxPoolNd as _AdaptiveMaxPoolNd
from torch.nn.modules.pooling import _AvgPoolNd as _AvgPoolNd
from torch.nn.modules.pooling import _MaxPoolNd as _MaxPoolNd
from torch.utils.data import DataLoader as DataLoader
from torch.utils.data.dataloader import default_collate as default_collate

SyncBatchNorm_ = SyncBatchNorm
PoolDataLoader = DataLoader

#: torch's version; upstream said 'parrots' for the framework of that name.
TORCH_VERSION: str = torch.__version__


def is_rocm_pytorch() -> bool:
    """Tell whether torch was built for ROCm, and ROCm is installed."""
    return torch.version.hip is not None and _get_rocm_home() is not None


def _get_rocm_home() -> str | None:
    for folder in (os.environ.get('ROCM_HOME'), os.environ.get('ROCM_PATH'), '/opt/rocm'):
        if folder and os.path.isdir(folder):
            return folder
    return None


def _get_cuda_home() -> str | None:
    """Find the folder of the CUDA (or ROCm) toolkit, None without one."""
    if is_rocm_pytorch():
        return _get_rocm_home()
    compiler = shutil.which('nvcc')
    found = os.path.dirname(os.path.dirname(compiler)) if compiler else '/usr/local/cuda'
    home = os.environ.get('CUDA_HOME') or os.environ.get('CUDA_PATH') or found
    # As torch's own helper: without a device, a toolkit is of no use.
    return home if os.path.isdir(home) and torch.cuda.is_available() else None


def get_build_config() -> str:
    """Describe how torch was built."""
    return torch.__config__.show()


def _get_conv() -> tuple[type, type]:
    return _ConvNd, _ConvTransposeMixin


def _get_norm() -> tuple[type, type, type]:
    return _BatchNorm, _InstanceNorm, SyncBatchNorm


def _get_pool() -> tuple[type, type, type, type]:
    return _AdaptiveAvgPoolNd, _AdaptiveMaxPoolNd, _AvgPoolNd, _MaxPoolNd
