"""The start of the group of all processes."""
from __future__ import annotations

import importlib
import os
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as torch_dist
from torch.distributed.constants import default_pg_timeout

from mmengine.device.utils import get_device
from mmengine.dist.launchers import launcher_environment
from mmengine.dist.watch import start_watch, time_of_the_backend


def init_dist(launcher: str, backend: str | None = None, init_backend: str = 'torch', **kwargs: Any) -> None:
    """Start the group of all processes.

    The backend is that of the machine's device: NCCL for CUDA, HCCL for Ascend NPU, CNCL for MLU, MCCL for MUSA, gloo
    for the CPU, and what any other accelerator registered with PyTorch. `backend='nccl'`, which was the
    default once and is in many configs, means the same: NCCL where there is CUDA, else the device's own backend. Any other
    name is taken as it is.

    Args:
        launcher: What started the processes: 'pytorch' (torchrun), 'mpi' or 'slurm'; 'none' does nothing.
        backend: The backend; by default that of the device.
        init_backend: Who starts the group: 'torch', 'deepspeed' or 'colossalai'.
        **kwargs: Arguments of `torch.distributed.init_process_group`. `timeout` is in seconds (or a timedelta): when it
            ends, every process that waits has an error that names who is missing, so the backend gets a little less.
            `port` is the port of process 0 with the launcher 'slurm'.
    """
    if launcher == 'none':
        return
    start = _starter(init_backend)
    timeout = _timedelta(kwargs.pop('timeout', None))
    os.environ.update(launcher_environment(launcher, kwargs.pop('port', None)))
    device = get_device()
    backend = choose_backend(backend, device)
    if timeout is None and start is _start_torch and backend == 'gloo':
        timeout = default_pg_timeout
    is_watched = kwargs.get('store') is None and kwargs.get('init_method') in (None, 'env://')
    if timeout is not None:
        kwargs['timeout'] = time_of_the_backend(timeout) if is_watched else timeout
    _use_device(device, int(os.environ['LOCAL_RANK']))
    start(backend, kwargs)
    if is_watched:
        start_watch(timeout)


def choose_backend(backend: str | None, device: str) -> str:
    """Give the backend for a type of device; 'nccl' and None leave the choice to the device."""
    if backend is not None and backend != 'nccl':
        return backend
    if device == 'cuda' and torch_dist.is_nccl_available():
        return 'nccl'
    own = torch_dist.Backend.default_device_backend_map.get(device, 'gloo')
    return 'gloo' if own == 'nccl' else own


def _use_device(device: str, local_rank: int) -> None:
    """Give each process of a machine an accelerator of its own, as far as they go."""
    if device not in ('cpu', 'mps') and torch.accelerator.device_count() > 0:
        torch.accelerator.set_device_index(local_rank % torch.accelerator.device_count())


def _timedelta(timeout: Any) -> timedelta | None:
    if timeout is None or isinstance(timeout, timedelta):
        return timeout
    try:
        return timedelta(seconds=timeout)
    except TypeError as error:
        raise TypeError('timeout of init_dist should be a number of seconds, '
                        f'but got {timeout!r} of type {type(timeout).__name__}') from error


def _start_torch(backend: str, kwargs: dict[str, Any]) -> None:
    torch_dist.init_process_group(backend=backend, **kwargs)


def _start_deepspeed(backend: str, kwargs: dict[str, Any]) -> None:
    importlib.import_module('deepspeed').init_distributed(dist_backend=backend, **kwargs)


def _start_colossalai(backend: str, kwargs: dict[str, Any]) -> None:
    importlib.import_module('colossalai').launch_from_torch(backend=backend, **kwargs)


_STARTERS = {'torch': _start_torch, 'deepspeed': _start_deepspeed, 'colossalai': _start_colossalai}


def _starter(init_backend: str) -> Any:
    if init_backend not in _STARTERS:
        raise ValueError(f'init_backend should be one of {list(_STARTERS)}, but got {init_backend!r}')
    return _STARTERS[init_backend]
