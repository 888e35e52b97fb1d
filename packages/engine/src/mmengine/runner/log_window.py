"""Which statistics of the recorded scalars a log line shows, and over how many iterations they are taken."""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

#: One entry of `LogProcessor.custom_cfg`.
CustomCfg = dict[str, Any]


def check_custom_cfg(custom_cfg: Sequence[CustomCfg], by_epoch: bool) -> None:
    """Check the entries against each other before a run starts.

    Raises:
        AssertionError: An entry has no `data_src`, two have the same name, or one counts epochs where there are none.
    """
    names: set[str] = set()
    for entry in custom_cfg:
        if 'data_src' not in entry:
            raise AssertionError(f'Each entry of custom_cfg needs the key `data_src`, but got {entry!r}')
        if not by_epoch and entry.get('window_size') == 'epoch':
            raise AssertionError(f"window_size cannot be 'epoch' if by_epoch is False, but got {entry!r}")
        source = entry['data_src']
        name = str(entry.get('log_name', source))
        if name in names:
            raise AssertionError(f'Found duplicate {name!r} for {source!r} in custom_cfg of the log processor: each '
                                 f'entry needs a `log_name` of its own, only one may replace the name of its source')
        names.add(name)


def with_numbers(custom_cfg: Sequence[CustomCfg], epoch_iters: int, run_iters: int) -> list[CustomCfg]:
    """Copy the entries with windows of a number of iterations instead of 'epoch' and 'global'.

    Args:
        custom_cfg: The entries.
        epoch_iters: Iterations of the running epoch so far.
        run_iters: Iterations of the run so far.

    Raises:
        TypeError: A window is neither a number nor one of the two words.
    """
    words = {'epoch': epoch_iters, 'global': run_iters}
    copies = [dict(entry) for entry in custom_cfg]
    for entry in copies:
        window = entry.get('window_size')
        if isinstance(window, str) and window in words:
            entry['window_size'] = words[window]
        elif window is not None and not isinstance(window, int):
            raise TypeError(f"window_size should be int, 'epoch' or 'global', but got invalid {window!r} in {entry!r}")
    return copies


def collect_statistics(scalars: Mapping[str, Any], mode: str, window_size: int, mean_of: re.Pattern[str],
                       custom_cfg: Sequence[CustomCfg], keep_prefix: bool) -> OrderedDict[str, Any]:
    """Take a statistic of each scalar of a mode; losses that are still tensors are read here and not before.

    Args:
        scalars: Histories by name, such as `train/loss`.
        mode: 'train', 'val' or 'test'.
        window_size: Over how many iterations means are taken.
        mean_of: What is averaged; of everything else the newest value is taken, and of a loss of a validation or
            test too, which is an average already.
        custom_cfg: Further statistics, with windows that are numbers.
        keep_prefix: Whether names keep the mode in front.
    """
    tag: OrderedDict[str, Any] = OrderedDict()
    for key, history in scalars.items():
        name, averaged = _shown_as(key, mode, mean_of, keep_prefix)
        if name is not None:
            tag[name] = history.mean(window_size) if averaged else history.current()
    if custom_cfg:
        histories = {_name(key, mode, keep_prefix): history for key, history in scalars.items()
                     if key.startswith(f'{mode}/')}
    for entry in custom_cfg:
        options = dict(entry)
        source = options.pop('data_src')
        name = options.pop('log_name', source)
        if keep_prefix:
            source, name = f'{mode}/{source}', f'{mode}/{name}'
        if source in histories:
            tag[name] = histories[source].statistics(options.pop('method_name', 'mean'), **options)
    return tag


def collect_others(infos: Mapping[str, Any], mode: str, keep_prefix: bool) -> OrderedDict[str, Any]:
    """Take what a mode recorded beside scalars, a confusion matrix for example."""
    return OrderedDict((_name(key, mode, keep_prefix), value) for key, value in infos.items()
                       if key.startswith(f'{mode}/'))


@lru_cache(1000)  # the same few scalars at every line
def _shown_as(key: str, mode: str, mean_of: re.Pattern[str], keep_prefix: bool) -> tuple[str | None, bool]:
    """Give the name of a scalar in the line, None if it is of another mode, and whether its mean is taken."""
    if not key.startswith(f'{mode}/'):
        return None, False
    name = _name(key, mode, keep_prefix)
    return name, bool(mean_of.search(name)) and (mode == 'train' or name.endswith('time'))


def _name(key: str, mode: str, keep_prefix: bool) -> str:
    return key if keep_prefix else key.removeprefix(f'{mode}/')
