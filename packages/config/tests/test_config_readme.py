"""The examples of the README run as they are."""
from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

MAIN = 'from mmengine.cli import main; main()'
README = (Path(__file__).parents[1] / 'README.md').read_text(encoding='utf-8')


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-W', 'error', *args], cwd=folder, capture_output=True, text=True,
                          timeout=60, check=False)


@pytest.fixture(scope='module')
def example(tmp_path_factory) -> tuple[Path, str]:
    """Give the folder in which the Python example ran, and what it printed."""
    folder = tmp_path_factory.mktemp('readme')
    (code,) = re.findall(r'```python\n(.*?)```', README, re.S)
    done = run(folder, '-c', code)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_example(example):
    shown = re.findall(r'^# (.*)$', README[:README.index('print(cfg.model.depth')], re.M)[1:]
    assert shown[0] == 'lr = 0.1'
    assert [re.sub(r'/\S*/', '.../', line) for line in example[1].splitlines() if line] == [
        *shown, '101 .../mine.py:2', '.../base.py:1', '.../base.py:1 50', '.../mine.py:2 101']


def commands() -> list[list[str]]:
    return [line.partition('#')[0].split() for line in README.splitlines() if line.startswith('mmengine config ')]


def test_every_command_has_an_example():
    assert [command[2] for command in commands()] == ['show', 'diff', 'tree', 'explain', 'check']


@pytest.mark.parametrize('command', commands(), ids=lambda command: command[2])
def test_commands(example, command):
    done = run(example[0], '-c', MAIN, *command[1:])
    expected = {
        'show': (0, "model = dict(depth=18, type='ResNet')"),
        'diff': (1, '+steps = [30, 60]'),
        'tree': (0, 'base.py'),
        'explain': (0, 'mine.py:2: model.depth = 101'),
        'check': (1, "base.py:1: model: no registry has 'ResNet'"),
    }
    code, text = expected[command[2]]
    if command[2] == 'check' and not entry_points(group='mmengine.config_checks'):
        code, text = 2, 'pip install mmparts-registry'
    assert done.returncode == code, done.stderr
    assert text in done.stdout + done.stderr


def test_strict_options(example):
    refused = run(example[0], '-c', MAIN, 'config', 'show', 'mine.py', '-o', 'model.dpth=18')
    assert refused.returncode == 2
    assert "'model.depth' is at" in refused.stderr
    allowed = run(example[0], '-c', MAIN, 'config', 'show', 'mine.py', '-o', 'model.dpth=18', '--allow-new')
    assert allowed.returncode == 0
    assert 'dpth=18' in allowed.stdout
