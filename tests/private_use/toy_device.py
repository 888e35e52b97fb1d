"""Build the device 'toy' and register it with PyTorch, as the package of a vendor does it for its chips."""
from __future__ import annotations

import contextlib
import types
from pathlib import Path
from typing import Any

import torch
from torch.utils import cpp_extension


def register(folder: Path) -> Any:
    """Build it in a folder, in about a minute, or take what is there, and give its module, `torch.toy`."""
    folder.mkdir(parents=True, exist_ok=True)
    cpp_extension.load('toy_device', [str(Path(__file__).with_name('toy_device.cpp'))], extra_cflags=['-O0', '-g0'],
                       build_directory=str(folder), is_python_module=False)
    torch.utils.rename_privateuse1_backend('toy')
    module: Any = types.ModuleType('torch.toy')
    module._is_in_bad_fork = lambda: False
    module.manual_seed_all = module.manual_seed = lambda seed: None  # random numbers are those of the CPU
    module.is_available = lambda: True
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module.device = contextlib.nullcontext  # the context of the one device that there is
    module.get_amp_supported_dtype = lambda: [torch.float16, torch.bfloat16]
    module.max_memory_allocated = lambda device=None: torch.ops.toy.peak_of_memory(False)
    module.reset_peak_memory_stats = lambda device=None: torch.ops.toy.peak_of_memory(True) and None
    torch._register_device_module('toy', module)
    torch.utils.generate_methods_for_privateuse1_backend()
    return module
