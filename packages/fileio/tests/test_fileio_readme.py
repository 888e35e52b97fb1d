"""The example of the README runs."""
import re
import subprocess
import sys
from pathlib import Path


def test_example(tmp_path):
    readme = Path(__file__).parents[1] / 'README.md'
    code = re.findall(r'```python\n(.*?)```', readme.read_text(encoding='utf-8'), re.S)
    assert len(code) == 1
    done = subprocess.run([sys.executable, '-W', 'error', '-c', code[0]],
                          cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "{'a.png': '0', 'b.png': '1'}" in done.stdout
    assert done.stdout.endswith('in memory\n')
    assert (tmp_path / 'data/weights.bin').stat().st_size == 16
