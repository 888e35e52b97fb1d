"""Make a package of the template in a temporary folder, build its wheel, and run its tests against the wheel.

Needs the visualization part, hatchling and pytest in the environment; goes to no network.
"""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from instantiate import TEMPLATE, instantiate

ROOT = TEMPLATE.parents[2]


def main() -> int:
    """Give the exit status of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        package = instantiate('sampletracker', 'SampleTracker', Path(folder, 'package'))
        left = [path for path in package.rglob('*') if path.is_file() and '__NAME__' in path.read_text() + path.name]
        assert not left, f'placeholders are left in {left}'
        subprocess.run([sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps', '--no-build-isolation',
                        '--no-index', '-w', folder, str(package)], check=True)
        wheel, = Path(folder).glob('mmparts_sampletracker-*.whl')
        site = Path(folder, 'site')
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            archive.extractall(site)
        assert 'mmengine/__init__.py' not in names, 'the top of the namespace belongs to mmparts-core'
        assert 'mmengine/integrations/__init__.py' not in names, 'mmengine.integrations is shared by all trackers'
        assert 'mmengine/integrations/sampletracker/py.typed' in names
        tests = shutil.copytree(package / 'tests', Path(folder, 'tests'))
        shutil.rmtree(package)
        path = os.pathsep.join(filter(None, [str(site), os.environ.get('PYTHONPATH')]))
        return subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-W', 'error',
                               '-c', str(ROOT / 'pyproject.toml'), '--rootdir', folder, str(tests)],
                              check=False, cwd=folder, env={**os.environ, 'PYTHONPATH': path}).returncode


if __name__ == '__main__':
    sys.exit(main())
