"""The memory of a run, as it is logged and recorded."""
from __future__ import annotations

import gc
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.hooks import Hook, MemoryProfilerHook
from mmengine.runner import Runner

Make = Callable[..., Runner]


class Hoards(Hook):
    """Takes 32 MB at each iteration."""

    def __init__(self) -> None:
        self.kept: list[torch.Tensor] = []

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.kept.append(torch.ones(8 * 1024 ** 2))


def test_a_leak_shows(make_runner: Make) -> None:
    gc.collect()  # what other tests have left is not to be freed in between
    runner = make_runner(custom_hooks=[dict(type='MemoryProfilerHook', interval=3), Hoards()], log_level='INFO',
                         train_cfg=dict(by_epoch=True, max_epochs=2))
    runner.train()
    scalars = next(Path(runner.log_dir).rglob('scalars.json')).read_text(encoding='utf-8')
    lines = [line for line in map(json.loads, scalars.splitlines()) if 'memory/process' in line]
    assert [line['step'] for line in lines] == [3, 6, 9, 12]
    held = [line['memory/process'] for line in lines]
    assert 200 < held[-1] - held[0] < 400  # nine iterations
    assert all(line['memory/available'] > 0 for line in lines)
    log = next(Path(runner.log_dir).glob('*.log')).read_text(encoding='utf-8')
    line = r'Memory: process \d+ MB, workers \d+ MB, available \d+ MB, swap used \d+ MB, \d+ % of'
    assert len(re.findall(line, log)) == 4 + 2 * 2  # of each validation as well


def test_workers_are_counted(make_runner: Make, make_cfg: Any) -> None:
    loader = dict(make_cfg()['train_dataloader'], num_workers=1, persistent_workers=True)
    runner = make_runner(custom_hooks=[dict(type='MemoryProfilerHook', interval=5)], train_dataloader=loader,
                         train_cfg=dict(by_epoch=True, max_epochs=1))
    runner.train()
    scalars = next(Path(runner.log_dir).rglob('scalars.json')).read_text(encoding='utf-8')
    line = next(line for line in map(json.loads, scalars.splitlines()) if 'memory/process' in line)
    assert line['memory/workers'] > 1


def test_without_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'psutil', None)
    with pytest.raises(ImportError, match=r'mmparts-engine\[memory\]'):
        MemoryProfilerHook()


def test_bad_interval() -> None:
    with pytest.raises(ValueError, match='interval should be a positive integer, but got 0'):
        MemoryProfilerHook(interval=0)
