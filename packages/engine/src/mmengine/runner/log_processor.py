"""Make of what a run recorded a line of the log, and numbers for the trackers."""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from mmengine.device import device_module, get_device, get_max_memory
from mmengine.registry import LOG_PROCESSORS
from mmengine.runner.log_text import SEPARATOR, duration, epoch_field, items
from mmengine.runner.log_window import (
    CustomCfg,
    check_custom_cfg,
    collect_others,
    collect_statistics,
    with_numbers,
)

_MODES = ('train', 'val', 'test')
_TIMES = ('time', 'data_time')


@LOG_PROCESSORS.register_module()
class LogProcessor:
    """Takes statistics of the scalars in the message hub, and writes them as a line.

    A line, and one after a validation::

        Epoch(train)  [2][ 2/20]  lr: 1.0000e-01  eta: 0:00:40  time: 1.0000  data_time: 1.0000  loss_cls: 1.0000
        Epoch(val) [2][10/10]    accuracy: 0.9000  data_time: 1.0000  time: 1.0000

    Args:
        window_size: Over how many iterations losses and times are averaged.
        by_epoch: Whether positions are those in an epoch, and not in the whole run.
        custom_cfg: Further statistics, each with `data_src` (the name of a scalar without `train/`), `method_name`
            ('mean', 'max', 'min', 'current' or a registered one), `window_size` (a number of iterations, 'epoch' or
            'global') and `log_name` (by default that of the source, whose statistic it then replaces).
        num_digits: Digits behind the point.
        log_with_hierarchy: Whether trackers get `train/loss` instead of `loss`.
        mean_pattern: What is averaged by default, a regular expression; of anything else the newest value is taken.
    """

    def __init__(self, window_size: int = 10, by_epoch: bool = True, custom_cfg: Sequence[CustomCfg] | None = None,
                 num_digits: int = 4, log_with_hierarchy: bool = False,
                 mean_pattern: str = r'.*(loss|time|data_time|grad_norm).*') -> None:
        self.window_size = window_size
        self.by_epoch = by_epoch
        self.custom_cfg = list(custom_cfg) if custom_cfg else []
        self.num_digits = num_digits
        self.log_with_hierarchy = log_with_hierarchy
        self.mean_pattern = re.compile(mean_pattern)
        check_custom_cfg(self.custom_cfg, by_epoch)

    def get_log_after_iter(self, runner: Any, batch_idx: int, mode: str) -> tuple[dict[str, Any], str]:
        """Give the scalars and the line of a running iteration.

        Args:
            runner: The runner.
            batch_idx: Index of the batch in its epoch, or of the iteration in a run without epochs.
            mode: 'train', 'val' or 'test'.
        """
        _check_mode(mode)
        hub, iteration = runner.message_hub, runner.iter
        custom_cfg = self._parse_windows_size(runner, batch_idx, self.custom_cfg)
        shown = self._collect_scalars(custom_cfg, runner, mode)
        tag: dict[str, Any] = self._collect_scalars(custom_cfg, runner, mode, True) if self.log_with_hierarchy \
            else OrderedDict(shown)
        rates = [f'{name}: {shown.pop(name):.{self.num_digits}e}' for name in list(shown) if name.endswith('lr')]
        parts = [self._position(runner, batch_idx, mode), ' '.join(rates)]
        if self.by_epoch and mode != 'test':
            tag['epoch'] = self._get_epoch(runner, mode)
        tag['iter'] = iteration + 1 if _is_training(runner) else 0
        if 'eta' in hub.runtime_info and 'time' in shown and 'data_time' in shown:
            times = [(name, float(shown.pop(name))) for name in _TIMES]
            parts += f'eta: {duration(hub.get_info("eta"))}', items(times, self.num_digits)
        if self._knows_memory:
            tag['memory'] = self._get_max_memory(runner)
            parts.append(f'memory: {tag["memory"]}')
        # What a validation found last time would look like a value of the running one.
        parts.append(items(shown.items(), self.num_digits) if mode == 'train' else '')
        return tag, SEPARATOR.join(parts)

    def get_log_after_epoch(self, runner: Any, batch_idx: int, mode: str,
                            with_non_scalar: bool = False) -> tuple[dict[str, Any], str]:
        """Give the scalars and the line of a finished pass over the data.

        A value of a validation that has the name of one in training, such as `loss`, keeps its mode in the name of the
        scalar, `val/loss`: else both would make one curve.

        Args:
            runner: The runner.
            batch_idx: Number of batches of the pass.
            mode: 'val' or 'test'.
            with_non_scalar: Whether the result holds what is no scalar as well, a confusion matrix for example.
        """
        _check_mode(mode, _MODES[1:])
        sources = {entry['data_src'].removeprefix(f'{mode}/') for entry in self.custom_cfg}
        averages = [dict(data_src=name, window_size='epoch', method_name='mean') for name in _TIMES
                    if name not in sources]
        custom_cfg = self._parse_windows_size(runner, batch_idx - 1, [*self.custom_cfg, *averages])
        scalars = self._collect_scalars(custom_cfg, runner, mode, self.log_with_hierarchy)
        others = self._collect_non_scalars(runner, mode)
        times = OrderedDict((name, scalars.pop(name)) for name in list(scalars)
                            if name.removeprefix(f'{mode}/') in _TIMES)

        size = self._get_dataloader_size(runner, mode)
        epoch = f'[{self._get_epoch(runner, mode)}]' if self.by_epoch and mode == 'val' else ''
        line = f'{self._unit(mode)} {epoch}[{size}/{size}]' + 2 * SEPARATOR + items(
            chain(scalars.items(), others.items(), times.items()), self.num_digits)
        if mode == 'val':
            trained = runner.message_hub.log_scalars
            scalars = OrderedDict((f'val/{name}' if f'train/{name}' in trained else name, value)
                                  for name, value in scalars.items())
        return {**scalars, **(others if with_non_scalar else {}), **times}, line

    # -- the position in a line -------------------------------------------------------------------------------------

    def _unit(self, mode: str) -> str:
        return f'{"Epoch" if self.by_epoch else "Iter"}({mode})'

    def _position(self, runner: Any, batch_idx: int, mode: str) -> str:
        if not self.by_epoch and mode == 'train':
            total, number = runner.max_iters, self._get_iter(runner, batch_idx)
        else:
            total, number = self._get_dataloader_size(runner, mode), batch_idx + 1
        place = f'[{number:{len(str(total))}}/{total}]'
        if not self.by_epoch or mode == 'test':
            return f'{self._unit(mode)} {place}'
        max_epochs = runner.max_epochs if _is_training(runner) else None
        return f'{self._unit(mode)}{epoch_field(self._get_epoch(runner, mode), max_epochs)}{place}'

    def _get_epoch(self, runner: Any, mode: str) -> int:
        """Give the number of the running epoch, or of the one that is validated."""
        if mode == 'train':
            return int(runner.epoch + 1)
        if mode == 'val':
            return int(runner.epoch) if _is_training(runner) else 0
        raise ValueError(f"runner mode should be 'train' or 'val', but got {mode!r}")

    def _get_iter(self, runner: Any, batch_idx: int | None = None) -> int:
        """Give the number of the running iteration: of its epoch where there are epochs, else of the run."""
        return int(runner.iter + 1) if batch_idx is None or not self.by_epoch else batch_idx + 1

    def _get_cur_loop(self, runner: Any, mode: str) -> Any:
        """Give the loop of a mode."""
        _check_mode(mode)
        return getattr(runner, f'{mode}_loop')

    def _get_dataloader_size(self, runner: Any, mode: str) -> int:
        """Give the batches of one pass over the data of a mode."""
        return len(self._get_cur_loop(runner, mode).dataloader)

    # -- values -----------------------------------------------------------------------------------------------------

    def _parse_windows_size(self, runner: Any, batch_idx: int,
                            custom_cfg: Sequence[CustomCfg] | None = None) -> list[CustomCfg]:
        """Copy entries of `custom_cfg` with numbers instead of 'epoch' and 'global'."""
        entries = self.custom_cfg if custom_cfg is None else custom_cfg
        return with_numbers(entries, batch_idx + 1, runner.iter + 1) if entries else []

    def _collect_scalars(self, custom_cfg: Sequence[CustomCfg], runner: Any, mode: str,
                         reserve_prefix: bool = False) -> OrderedDict[str, Any]:
        """Take the statistics of all scalars of a mode."""
        return collect_statistics(runner.message_hub.log_scalars, mode, self.window_size, self.mean_pattern, custom_cfg,
                                  reserve_prefix)

    def _collect_non_scalars(self, runner: Any, mode: str) -> OrderedDict[str, Any]:
        """Take what a mode recorded beside scalars."""
        return collect_others(runner.message_hub.runtime_info, mode, self.log_with_hierarchy)

    @cached_property
    def _knows_memory(self) -> bool:
        # Asking each time would search for the packages of all vendors at every line.
        kind = get_device()
        return kind != 'cpu' and hasattr(device_module(kind), 'max_memory_allocated')

    def _get_max_memory(self, runner: Any) -> int:
        """Give the peak of the accelerator's memory since the last line, in MB."""
        return get_max_memory(getattr(runner.model, 'output_device', None))


def _check_mode(mode: str, modes: tuple[str, ...] = _MODES) -> None:
    if mode not in modes:
        raise AssertionError(f'mode should be one of {modes}, but got {mode!r}')


def _is_training(runner: Any) -> bool:
    # A loop that is not built yet is still its config: asking the runner for it would build it.
    loop = getattr(runner, '_train_loop', None)
    return loop is not None and not isinstance(loop, dict)
