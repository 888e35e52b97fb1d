"""The example is the vehicle: its folder is the path that it runs with."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmengine.runner import Runner

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / 'examples'
EXAMPLE = EXAMPLES / 'digits'
INTEGRATIONS = ROOT / 'packages' / 'integrations'
sys.path.insert(0, str(EXAMPLE))

Build = Callable[..., Runner]
RunExample = Callable[..., str]


@pytest.fixture
def example() -> Path:
    """Folder of the example."""
    return EXAMPLE


@pytest.fixture
def run_example(tmp_path: Path) -> RunExample:
    """Run a program of an example in the folder of the test, as its README says, and give what it printed."""
    def run(program: str, *arguments: str) -> str:
        command = [sys.executable, str(EXAMPLES / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, encoding='utf-8', cwd=tmp_path,
                              env={**os.environ, 'PYTHONUTF8': '1'})
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


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


@pytest.fixture
def integrations() -> Path:
    """Folder of the integrations."""
    return INTEGRATIONS


@pytest.fixture(scope='session')
def tests_of() -> Callable[[str], Any]:
    """Give the module of tests of an integration, which knows how its tracker is kept offline and read."""
    def load(name: str) -> Any:
        path = INTEGRATIONS / name / 'tests' / f'test_{name}_backend.py'
        spec = importlib.util.spec_from_file_location(f'{name}_backend_tests', path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load
