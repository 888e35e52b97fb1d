"""A few of the trials of programs/soak_kill.py: runs that are killed, run out of room or find a damaged checkpoint."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / 'programs' / 'soak_kill.py'


@pytest.mark.skipif(sys.platform == 'win32', reason='needs fork and SIGKILL')
def test_some_trials_of_each_kind(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(PROGRAM), '--count', '10', '--seed', '4', '--folder', str(tmp_path)],
                          capture_output=True, text=True, check=False, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '10 runs disturbed and resumed: nothing unreadable, nothing different' in done.stdout
    for kind in ('kill', 'async', 'disk', 'flip', 'cut'):
        assert f'2 {kind}: equal at the end' in done.stdout
