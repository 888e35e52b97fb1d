"""The example of the README runs as it is."""
from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_example(tmp_path: Path):
    readme = (Path(__file__).parents[1] / 'README.md').read_text(encoding='utf-8')
    (code,) = re.findall(r'```python\n(.*?)```', readme, re.S)
    done = subprocess.run([sys.executable, '-W', 'error', '-c', code], cwd=tmp_path, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert 'last 0.01, mean of ten 0.0105' in done.stdout
    assert done.stdout.endswith("Unknown argument. Did you mean 'momentum'?\n")
    assert (tmp_path / 'logs' / 'run.log').read_text(encoding='utf-8').count('\n') == 2
