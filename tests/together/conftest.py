"""The example is the vehicle: its folder is the path that it runs with."""
from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmengine.runner import Runner

EXAMPLE = Path(__file__).resolve().parents[2] / 'examples' / 'digits'
sys.path.insert(0, str(EXAMPLE))

Build = Callable[..., Runner]


@pytest.fixture
def example() -> Path:
    """Folder of the example."""
    return EXAMPLE


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Build the example's runner with some keys overridden (dots as double underscores), with the digits."""
    from train import read_config

    def make(work_dir: str = 'work', **options: Any) -> Runner:
        options = {key.replace('__', '.'): value for key, value in options.items()}
        plain = {'train_cfg.max_epochs': 2, 'default_hooks.progress': None, 'default_hooks.curves': None}
        cfg = read_config({'work_dir': str(tmp_path / work_dir), **plain})
        cfg.merge_from_dict(options)
        return Runner.from_cfg(cfg)

    return make
