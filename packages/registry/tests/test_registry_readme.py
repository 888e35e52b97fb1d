"""The examples of the README run as they are."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / 'README.md').read_text(encoding='utf-8')


def run(folder: Path, code: str, *args: str) -> str:
    done = subprocess.run([sys.executable, '-W', 'error', '-c', code, *args], cwd=folder, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example(tmp_path):
    (code,) = re.findall(r'```python\n(.*?)```', README, re.S)
    net, lab, *error = run(tmp_path, code).splitlines()
    assert f'print(net.depth, net.act(-1))  # {net}\n' in code
    assert f'MODELS))  # {lab}\n' in code
    assert "Net has no argument 'dpeth'. Did you mean 'depth'?" in '\n'.join(error)


@pytest.mark.parametrize('line', re.findall(r'^mmengine registry [^#\n]*', README, re.M))
def test_commands(tmp_path, line):
    pytest.importorskip('click', reason="needs the extra: pip install 'mmparts-registry[cli]'")
    shown = run(tmp_path, 'from mmengine.cli import main; main()', *line.split()[1:])
    assert ('MODELS  ' in shown) == (line.split()[-1] == 'ls')


def test_there_are_commands():
    assert len(re.findall(r'^mmengine registry ', README, re.M)) == 2
