"""The cells of the notebook, one after the other in one program."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path


def test_the_cells_run(example: Path, tmp_path: Path) -> None:
    notebook = json.loads((example.parent / 'notebook' / 'iris.ipynb').read_text(encoding='utf-8'))
    cells = [''.join(cell['source']) for cell in notebook['cells'] if cell['cell_type'] == 'code']
    (tmp_path / 'cells.py').write_text('\n\n'.join(cells), encoding='utf-8')
    done = subprocess.run([sys.executable, 'cells.py'], capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, 'MPLBACKEND': 'agg'})
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r'after 1 epoch (\d+) %, after 30 epochs (\d+) %', done.stdout)
    assert said is not None
    assert int(said[1]) < int(said[2])
    assert int(said[2]) > 90
