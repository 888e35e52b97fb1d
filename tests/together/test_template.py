"""The template for new trackers makes a package that works."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[2] / 'packages' / 'integrations' / '_template'


def test_package_of_the_template_passes_its_tests_from_its_wheel(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(TEMPLATE / 'check.py')], cwd=tmp_path, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert ' passed' in done.stdout
