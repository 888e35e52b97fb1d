"""Trace where a run spends its time and memory."""
from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from mmengine.dist import master_only
from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS


def check_kineto() -> bool:
    """Tell whether this PyTorch can trace."""
    return bool(torch.profiler.supported_activities())  # type: ignore[no-untyped-call]  # torch says no types here


@HOOKS.register_module()
class ProfilerHook(Hook):
    """Runs the profiler of PyTorch over the first epochs or iterations, on rank 0.

    Args:
        by_epoch: Whether `profile_times` counts epochs.
        profile_times: Profile so many epochs or iterations from the start.
        activity_with_cpu: Whether the CPU's work is traced.
        activity_with_cuda: Whether CUDA's work is traced.
        schedule: Arguments of `torch.profiler.schedule`: `wait`, `warmup`, `active`, `repeat`.
        on_trace_ready: What is done with a trace: a function of the profiler; `dict(type='log_trace', ...)` to print a
            table (`sort_by`, `row_limit`); `dict(type='tb_trace', dir_name=...)` to write it for TensorBoard.
        record_shapes: Whether shapes of inputs are recorded.
        profile_memory: Whether memory is recorded.
        with_stack: Whether lines of the source are recorded.
        with_flops: Whether operations are counted.
        json_trace_path: File that gets the trace in Chrome's format.

    Raises:
        ValueError: A number or a type of trace is wrong.
        TypeError: `schedule` is empty or no dict.
    """

    priority = 'VERY_LOW'

    def __init__(self, *, by_epoch: bool = True, profile_times: int = 1, activity_with_cpu: bool = True,
                 activity_with_cuda: bool = False, schedule: dict[str, Any] | None = None,
                 on_trace_ready: Callable[..., Any] | dict[str, Any] | None = None, record_shapes: bool = False,
                 profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False,
                 json_trace_path: str | None = None) -> None:
        if profile_times < 1:
            raise ValueError(f'profile_times should be at least 1, but got {profile_times}')
        if schedule is not None and (not isinstance(schedule, dict) or not schedule):
            raise TypeError(f'schedule should be a dict with the arguments of torch.profiler.schedule, but got '
                            f'{schedule!r}')
        self.by_epoch = by_epoch
        self.profile_times = profile_times
        self.activities = _activities(activity_with_cpu, activity_with_cuda)
        self.schedule = torch.profiler.schedule(**schedule) if schedule is not None else None
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_flops = with_flops
        self.json_trace_path = json_trace_path
        self.profiler: Any = None
        self._closed = False

    @master_only
    def before_run(self, runner: Any) -> None:
        """Start the profiler.

        Raises:
            ValueError: The run is shorter than what is to be profiled.
        """
        total = runner.max_epochs if self.by_epoch else runner.max_iters
        if total is not None and total < self.profile_times:
            raise ValueError(f'profile_times should not be greater than {total}, the '
                             f'{"epochs" if self.by_epoch else "iterations"} of the run, but got {self.profile_times}')
        self.profiler = torch.profiler.profile(
            activities=self.activities, schedule=self.schedule, on_trace_ready=self._parse_trace_config(runner),
            record_shapes=self.record_shapes, profile_memory=self.profile_memory, with_stack=self.with_stack,
            with_flops=self.with_flops)
        self._closed = False
        self.profiler.__enter__()
        runner.logger.info('The profiler is on: the run is slower than it would be without')

    @master_only
    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Close a step of the profiler."""
        if self._closed or self.profiler is None:
            return
        self.profiler.step()
        if not self.by_epoch and runner.iter + 1 >= self.profile_times:
            self._export_chrome_trace(runner)

    @master_only
    def after_train_epoch(self, runner: Any) -> None:
        """Stop after the last epoch to profile."""
        if not self._closed and self.by_epoch and runner.epoch + 1 >= self.profile_times:
            self._export_chrome_trace(runner)

    @master_only
    def after_run(self, runner: Any) -> None:
        """Stop the profiler of a run that ended early."""
        if not self._closed and self.profiler is not None:
            self._export_chrome_trace(runner)

    def _export_chrome_trace(self, runner: Any) -> None:
        """Stop the profiler and write the trace."""
        runner.logger.info('The profiler stops')
        self._closed = True
        self.profiler.__exit__(None, None, None)
        if self.json_trace_path is not None:
            self.profiler.export_chrome_trace(self.json_trace_path)

    def _parse_trace_config(self, runner: Any) -> Callable[..., Any] | None:
        """Make a function of what is to be done with a trace."""
        wanted = self.on_trace_ready
        if wanted is None or callable(wanted):
            return wanted
        if not isinstance(wanted, dict):
            raise ValueError(f'on_trace_ready should be a handler of type function, dict or None, but got {wanted!r}')
        options = dict(wanted)
        kind = options.pop('type', None)
        if kind == 'log_trace':
            return partial(_log_trace, **options)
        if kind == 'tb_trace':
            return self._trace_for_tensorboard(runner, **options)
        raise ValueError(f"trace_type of on_trace_ready should be 'log_trace' or 'tb_trace', but got {kind!r}")

    @staticmethod
    def _trace_for_tensorboard(runner: Any, dir_name: str | None = None, **options: Any) -> Callable[..., Any]:
        if importlib.util.find_spec('torch_tb_profiler') is None:
            raise ImportError('TensorBoard shows traces with a plugin: pip install torch-tb-profiler')
        folder = os.path.join(runner.log_dir, 'tf_tracing_logs') if dir_name is None \
            else os.path.join(runner.work_dir, dir_name)
        handler: Callable[..., Any] = torch.profiler.tensorboard_trace_handler(folder, **options)
        return handler


def _activities(cpu: bool, cuda: bool) -> list[Any]:
    kinds = torch.profiler.ProfilerActivity
    found = [kinds.CPU] if cpu else []
    return [*found, kinds.CUDA] if cuda else found


def _log_trace(profiler: Any, sort_by: str = 'self_cpu_time_total', row_limit: int = 10) -> None:
    sys.stdout.write(profiler.key_averages().table(sort_by=sort_by, row_limit=row_limit) + '\n')


@HOOKS.register_module()
class NPUProfilerHook(Hook):
    """Runs the profiler of Ascend's PyTorch over some iterations, on rank 0.

    Args:
        begin: First iteration to profile.
        end: The iteration before which profiling stops.
        result_path: Folder of the result, by default in the log folder.
        exit_after_profiling: Whether the run ends with the profiling.
        use_e2e_profiler: Whether PyTorch's and the device's work are traced together.
        ge_profiling_to_std_out: Whether the device's own messages are printed.
    """

    priority = 'VERY_LOW'

    def __init__(self, *, begin: int = 0, end: int = 1, result_path: str = 'cann_profiling',
                 exit_after_profiling: bool = True, use_e2e_profiler: bool = False,
                 ge_profiling_to_std_out: bool = True) -> None:
        if begin >= end:
            raise ValueError(f'begin should be smaller than end, but got {begin} and {end}')
        missing = [name for name in ('torch_npu', 'acl') if importlib.util.find_spec(name) is None]
        if missing:
            raise ImportError(f'NPUProfilerHook needs an Ascend NPU with the packages torch_npu and acl, but '
                              f'{" and ".join(missing)} is not installed')
        self._npu: Any = importlib.import_module('torch_npu').npu
        self.begin = begin
        self.end = end
        self.result_path = result_path
        self.exit_after_profiling = exit_after_profiling
        self.use_e2e_profiler = use_e2e_profiler
        if ge_profiling_to_std_out:
            os.environ['GE_PROFILING_TO_STD_OUT'] = '1'

    @master_only
    def before_run(self, runner: Any) -> None:
        """Make the profiler.

        Raises:
            ValueError: The run is shorter than what is to be profiled.
        """
        if runner.max_iters is not None and self.end > runner.max_iters:
            raise ValueError(f'end should not be greater than {runner.max_iters}, the iterations of the run, but got '
                             f'{self.end}')
        path = os.path.join(runner.log_dir, self.result_path)
        self.profiler: Any = self._npu.profile(path, use_e2e_profiler=self.use_e2e_profiler)

    @master_only
    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None) -> None:
        """Start with the first iteration to profile."""
        if runner.iter == self.begin:
            self.profiler.__enter__()
            runner.logger.info('The NPU profiler is on')

    @master_only
    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                         outputs: dict[str, Any] | None = None) -> None:
        """Stop with the last."""
        if runner.iter == self.end - 1:
            runner.logger.info('The NPU profiler stops')
            self.profiler.__exit__(None, None, None)
            if self.exit_after_profiling:
                sys.exit()
