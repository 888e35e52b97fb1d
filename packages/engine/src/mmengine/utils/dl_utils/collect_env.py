"""A description of the machine and of what is installed, for logs and bug reports."""
from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict, defaultdict
from importlib import import_module, metadata
from typing import Any

import torch

from mmengine.utils.dl_utils.parrots_wrapper import TORCH_VERSION, _get_cuda_home, get_build_config
from mmengine.version import __version__


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version_of(*distributions: str) -> str | None:
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _opencv_version() -> str:
    """Give the version that `cv2` calls its own: that of its distribution has the number of the build behind it."""
    packaged = _version_of('opencv-python-headless', 'opencv-python', 'opencv-contrib-python-headless',
                           'opencv-contrib-python')
    if packaged is not None:
        return '.'.join(packaged.split('.')[:3])
    try:  # from another source
        return str(import_module('cv2').__version__)
    except ImportError:
        return 'not installed'


def _gpus() -> dict[str, str]:
    by_name: dict[str, list[str]] = defaultdict(list)
    for index in range(torch.cuda.device_count()):
        by_name[torch.cuda.get_device_name(index)].append(str(index))
    return {f'GPU {",".join(indices)}': name for name, indices in by_name.items()}


def _cuda() -> dict[str, str]:
    home = _get_cuda_home()
    found = {**_gpus(), 'CUDA_HOME': str(home)}
    if home is not None:
        answer = _output(os.path.join(home, 'bin', 'nvcc'), '-V')
        found['NVCC'] = answer.splitlines()[-1] if answer else 'Not Available'
    return found


def collect_env() -> dict[str, Any]:
    """Collect what is worth knowing about the machine and what is installed.

    Returns:
        Versions and settings by name: 'sys.platform', 'Python', 'CUDA available', GPUs, 'CUDA_HOME' and 'NVCC' where
        there is CUDA, 'GCC', 'PyTorch', 'PyTorch compiling details', 'TorchVision' where installed, 'OpenCV',
        'MMEngine'.
    """
    env: OrderedDict[str, Any] = OrderedDict()
    env['sys.platform'] = sys.platform
    env['Python'] = sys.version.replace('\n', '')
    available = torch.cuda.is_available()
    env['CUDA available'] = available
    if available:
        env.update(_cuda())
    env['GCC'] = (_output('gcc', '--version') or 'n/a').splitlines()[0]
    env['PyTorch'] = TORCH_VERSION
    env['PyTorch compiling details'] = get_build_config()
    torchvision = _version_of('torchvision')
    if torchvision is not None:
        env['TorchVision'] = torchvision
    env['OpenCV'] = _opencv_version()
    env['MMEngine'] = __version__
    return env
