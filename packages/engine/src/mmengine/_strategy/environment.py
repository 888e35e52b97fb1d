"""The process around a run: launcher, start method of workers, limits, and the run's folder."""
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch

from mmengine.dist import broadcast_object_list, init_dist, is_distributed, is_main_process
from mmengine.utils.dl_utils import set_multi_processing

#: The timestamps of this process's runs: their loggers and hubs are named after them, whatever their folders are.
_claimed: set[str] = set()


def set_up_process(launcher: str = 'none', cudnn_benchmark: bool = False, mp_cfg: dict[str, Any] | None = None,
                   dist_cfg: dict[str, Any] | None = None, resource_limit: int = 4096) -> None:
    """Start distribution and set what holds for the whole process.

    Args:
        launcher: What started the ranks: `'none'`, `'pytorch'`, `'slurm'` or `'mpi'`.
        cudnn_benchmark: Whether cuDNN tries its algorithms out.
        mp_cfg: Arguments of `set_multi_processing`: start method of workers, threads of OpenCV.
        dist_cfg: Arguments of `init_dist`: backend and time limit for example.
        resource_limit: How many files may be open at least, as far as the system allows; 0 leaves it as it is.
    """
    if cudnn_benchmark:
        torch.backends.cudnn.benchmark = True
    distributed = launcher != 'none'
    set_multi_processing(**(mp_cfg or {}), distributed=distributed)
    if distributed and not is_distributed():
        init_dist(launcher, **(dist_cfg or {}))
    if resource_limit:
        _raise_open_files(resource_limit)


def _raise_open_files(wanted: int) -> None:
    try:
        import resource  # POSIX only
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def claim_timestamp(work_dir: str) -> str:
    """Make the folder of a run and tell its name, the time of its start, on all ranks.

    A second run that starts within the same second, in this process or another, gets the next free second, so that
    two runs never share their folder, their log or their names.

    Args:
        work_dir: Folder of all runs; it is made if it is not there.

    Returns:
        The start as `YYYYMMDD_HHMMSS`.

    Raises:
        OSError: The folder can't be written.
    """
    claimed: list[Any] = [_claim(work_dir) if is_main_process() else None]
    broadcast_object_list(claimed)
    if isinstance(claimed[0], OSError):
        raise claimed[0]
    return str(claimed[0])


def _claim(work_dir: str) -> str | OSError:
    now = time.time()
    while True:
        stamp = time.strftime('%Y%m%d_%H%M%S', time.localtime(now))
        try:
            os.makedirs(work_dir, exist_ok=True)
            if stamp not in _claimed:
                Path(work_dir, stamp).mkdir()
                _claimed.add(stamp)
                return stamp
        except FileExistsError as error:
            if not os.path.isdir(work_dir):
                return _unwritable(work_dir, error)
        except OSError as error:
            return _unwritable(work_dir, error)
        now += 1


def _unwritable(work_dir: str, error: OSError) -> OSError:
    # The other ranks wait for an answer: they get the error as well.
    return type(error)(error.errno, f'work_dir {work_dir!r} cannot be written ({error.strerror}); '
                                    f'choose another folder: work_dir=... in the config or in Runner(...)')
