"""The example without a config, as its README runs it."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path


def test_a_run_without_a_config(run_example: Callable[..., str], tmp_path: Path) -> None:
    said = re.search(r'([\d.]+) % of 150 examinations', run_example('plain_python/train.py'))
    assert said is not None
    assert float(said[1]) > 90
    work_dir = tmp_path / 'work_dirs' / 'plain_python'
    assert (work_dir / 'last_checkpoint').read_text().endswith('.pth')
    file, = work_dir.rglob('scalars.json')
    losses = [row['loss'] for row in map(json.loads, file.read_text().splitlines()) if 'loss' in row]
    assert losses[-1] < losses[0] / 2
