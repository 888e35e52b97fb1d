"""Which accelerator there is, by one mechanism for all of them."""
from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

import torch

#: Accelerators of which support for PyTorch comes from a package of the vendor.
_VENDOR_PACKAGES = {'npu': 'torch_npu', 'mlu': 'torch_mlu', 'musa': 'torch_musa', 'dipu': 'torch_dipu'}

#: What is taken first where a machine has several; any other accelerator that PyTorch knows comes after them.
_PRECEDENCE = ('npu', 'cuda', 'mlu', 'mps', 'musa')

#: The generation of Ascend chips that computes in full precision.
_FULL_PRECISION_SOC = 220


def device_module(device_type: str) -> Any | None:
    """Give `torch.cuda`, `torch.npu` and their like, or None where this PyTorch has none.

    A vendor's package is imported only where it is installed and PyTorch has not loaded it by itself.
    """
    module = getattr(torch, device_type, None)
    if module is None:
        package = _VENDOR_PACKAGES.get(device_type)
        if package is not None and importlib.util.find_spec(package) is not None:
            importlib.import_module(package)
            module = getattr(torch, device_type, None)
    return module


def is_available(device_type: str) -> bool:
    """Tell whether a device of this type can be used, for example `is_available('npu')`."""
    if device_type == 'cpu':
        return True
    if device_type == 'mps':
        return torch.backends.mps.is_available()
    module = device_module(device_type)
    probe = getattr(module, 'is_available', None)
    return bool(probe()) if callable(probe) else False


def is_cuda_available() -> bool:
    """Tell whether there is a CUDA (or ROCm) device."""
    return is_available('cuda')


def is_npu_available() -> bool:
    """Tell whether there is an Ascend NPU."""
    return is_available('npu')


def is_mlu_available() -> bool:
    """Tell whether there is a Cambricon MLU."""
    return is_available('mlu')


def is_mps_available() -> bool:
    """Tell whether there is an Apple GPU."""
    return is_available('mps')


def is_musa_available() -> bool:
    """Tell whether there is a Moore Threads GPU."""
    return is_available('musa')


def is_dipu_available() -> bool:
    """Tell whether the package `torch_dipu` is there, under which other chips appear as CUDA devices."""
    package = _VENDOR_PACKAGES['dipu']
    if importlib.util.find_spec(package) is None:
        return False
    importlib.import_module(package)
    return True


def is_npu_support_full_precision() -> bool:
    """Tell whether there is an Ascend NPU that computes in full precision."""
    module = device_module('npu')
    return module is not None and is_npu_available() and module.utils.get_soc_version() >= _FULL_PRECISION_SOC


def get_device() -> str:
    """Give the type of the device to compute on: an accelerator where there is one, else 'cpu'."""
    for device_type in _PRECEDENCE:
        if is_available(device_type):
            return device_type
    accelerator = torch.accelerator.current_accelerator()
    if accelerator is not None and torch.accelerator.is_available():
        return accelerator.type
    return 'cpu'


def get_max_memory(device: torch.device | str | int | None = None) -> int:
    """Give the peak of the memory that tensors took on a device since the last call, in MB, and start anew.

    Args:
        device: The device; by default the current one of `get_device()`.

    Returns:
        The peak, 0 on a device that keeps no such figure, the CPU for one.
    """
    device_type = get_device() if device is None or isinstance(device, int) else torch.device(device).type
    module = None if device_type == 'cpu' else device_module(device_type)
    if module is None or not hasattr(module, 'max_memory_allocated') or not is_available(device_type):
        return 0
    return _read_and_reset(module, device)


def get_max_cuda_memory(device: torch.device | None = None) -> int:
    """Give the peak of the memory on a CUDA device since the last call, in MB; 0 where there is none."""
    return _read_and_reset(torch.cuda, device) if is_cuda_available() else 0


def get_max_musa_memory(device: torch.device | None = None) -> int:
    """Give the peak of the memory on a MUSA device since the last call, in MB; 0 where there is none."""
    module = device_module('musa')
    return _read_and_reset(module, device) if module is not None and is_musa_available() else 0


def _read_and_reset(module: ModuleType | Any, device: torch.device | str | int | None) -> int:
    peak = int(module.max_memory_allocated(device)) // (1024 * 1024)
    module.reset_peak_memory_stats(device)
    return peak
