"""The settings of processes that load data and train."""
from __future__ import annotations

import logging
import os
import platform
from importlib import import_module

import torch.multiprocessing as mp

from mmengine.logging import print_log


def set_multi_processing(mp_start_method: str = 'fork', opencv_num_threads: int = 0,
                         distributed: bool = False) -> None:
    """Set how processes start, and how many threads each may use.

    Args:
        mp_start_method: How processes start: 'fork', 'spawn' or 'forkserver'; Windows has 'spawn' only.
        opencv_num_threads: Number of OpenCV's threads; 0 switches its threads off.
        distributed: Whether several processes train, each of which then gets one thread for OpenMP and MKL, unless
            the environment says otherwise.
    """
    if platform.system() != 'Windows':
        current = mp.get_start_method(allow_none=True)
        if current is not None and current != mp_start_method:
            print_log(f'Multi-processing start method `{mp_start_method}` is different from the previous setting '
                      f'`{current}`. It will be force set to `{mp_start_method}`.',
                      logger='current', level=logging.WARNING)
        mp.set_start_method(mp_start_method, force=True)
    _set_opencv_threads(opencv_num_threads)
    if distributed:
        for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
            if name not in os.environ:
                os.environ[name] = '1'
                print_log(f'Setting {name} environment variable for each process to be 1 in default, to avoid your '
                          f'system being overloaded; please set it to tune performance.',
                          logger='current', level=logging.WARNING)


def _set_opencv_threads(count: int) -> None:
    try:
        cv2 = import_module('cv2')
    except ImportError:
        return
    # Threads of OpenCV in forked workers of a data loader can deadlock.
    cv2.setNumThreads(count)
