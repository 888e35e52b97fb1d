"""Random generators of a run: seeded, taken into a checkpoint, and put back."""
from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
import torch

from mmengine.dist import get_rank, sync_random_seed
from mmengine.logging import print_log


def set_random_seed(seed: int | None = None, deterministic: bool = False, diff_rank_seed: bool = False) -> int:
    """Seed Python's, NumPy's and torch's generators on all devices.

    Args:
        seed: The seed; by default one is drawn and shared by all ranks.
        deterministic: Whether torch uses deterministic algorithms only, and cuDNN no benchmark.
        diff_rank_seed: Whether rank r is seeded with `seed + r`.

    Returns:
        The seed, the same on all ranks also with `diff_rank_seed`.
    """
    if seed is None:
        seed = sync_random_seed()
    own = seed + get_rank() if diff_rank_seed else seed
    random.seed(own)
    np.random.seed(own)
    torch.manual_seed(own)  # seeds the accelerators as well
    os.environ['PYTHONHASHSEED'] = str(own)
    if deterministic:
        _use_deterministic_algorithms()
    return seed


def _use_deterministic_algorithms() -> None:
    if torch.backends.cudnn.benchmark:
        print_log('torch.backends.cudnn.benchmark is going to be set as `False` to cause cuDNN to deterministically '
                  'select an algorithm', logger='current')
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # what cuBLAS needs to be deterministic
    torch.use_deterministic_algorithms(True)


def random_state() -> dict[str, Any]:
    """Take the state of every random generator of this process, as plain containers and tensors."""
    legacy: Any = np.random.get_state()
    name, keys, position, has_gauss, gauss = legacy
    version, numbers, gauss_next = random.getstate()
    state: dict[str, Any] = {
        'python': [version, torch.tensor(numbers, dtype=torch.int64), gauss_next],
        'numpy': [name, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)],
        'torch': torch.get_rng_state(),
    }
    if torch.accelerator.is_available():
        module = torch.get_device_module(torch.accelerator.current_accelerator())
        if hasattr(module, 'get_rng_state'):
            state['accelerator'] = module.get_rng_state().cpu()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Put every random generator of this process into a state that `random_state` took."""
    version, numbers, gauss_next = state['python']
    random.setstate((version, tuple(numbers.tolist()), gauss_next))
    name, keys, position, has_gauss, gauss = state['numpy']
    np.random.set_state((name, keys.cpu().numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state['torch'].cpu())
    if 'accelerator' in state and torch.accelerator.is_available():
        torch.get_device_module(torch.accelerator.current_accelerator()).set_rng_state(state['accelerator'].cpu())
