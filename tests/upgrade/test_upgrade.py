"""Over an installed upstream mmengine, the lines of the README leave a whole installation of ours.

Runs in an environment of its own, which keeps torch from one run to the next; needs the built wheels, and `uv`.
"""
from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / '.nox' / 'upgraded'
BIN = TARGET / ('Scripts' if os.name == 'nt' else 'bin')
UPSTREAM = 'mmengine==0.10.7'


def run(command: list[str] | str, cwd: Path = ROOT, ok: bool = True) -> str:
    """Run a command as in the activated environment, and give what it printed."""
    path = os.pathsep.join([str(BIN), str(Path(sys.executable).parent), os.environ['PATH']])
    env = {**os.environ, 'VIRTUAL_ENV': str(TARGET), 'PATH': path, 'PIP_NO_COMPILE': '1',
           'UV_NO_CACHE': '1'}  # uv would take an older build of the same version out of its cache
    env.pop('UV_PYTHON', None)  # of the session's own environment
    done = subprocess.run(command, shell=isinstance(command, str), cwd=cwd, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode == 0) == ok, f'{command}\n{done.stdout}'
    return done.stdout


def python(code: str, tmp_path: Path, ok: bool = True) -> str:
    return run([str(BIN / 'python'), '-c', code], tmp_path, ok)


def readme_line(start: str) -> str:
    """Give the one line of the README that starts so: what users are told is what is tested."""
    found = re.findall(rf'^{re.escape(start)}.*$', (ROOT / 'README.md').read_text(encoding='utf-8'), re.MULTILINE)
    assert len(found) == 1, found
    return str(found[0])


def site_packages() -> Path:
    return Path(run([str(BIN / 'python'), '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))']).strip())


def damaged_files() -> list[str]:
    """Give what a RECORD of ours names, but is not there or has another content."""
    site = site_packages()
    records = [*site.glob('mmparts*.dist-info/RECORD'), *site.glob('mmengine-*.dist-info/RECORD')]
    assert len(records) >= 9, records
    damaged = []
    for record in records:
        for name, digest, _ in csv.reader(record.read_text(encoding='utf-8').splitlines()):
            file = site / name
            if digest and (not file.exists() or digest != 'sha256=' + base64.urlsafe_b64encode(
                    hashlib.sha256(file.read_bytes()).digest()).decode().rstrip('=')):
                damaged.append(name)
    return damaged


def install_upstream() -> None:
    """Bring the environment into the state of a user of upstream."""
    if not (BIN / 'python').exists():
        run([sys.executable, '-m', 'venv', str(TARGET)])
        run([str(BIN / 'pip'), 'install', '-q', '-c', 'constraints/torch.txt', 'torch', 'numpy'])
    names = re.findall(r'^(mmengine\S*|mmparts\S*|needs-mmengine)(?:==| @)', run('pip freeze'), re.MULTILINE)
    if names:
        run(['pip', 'uninstall', '-y', *names])
    run(['pip', 'install', '-q', UPSTREAM])
    assert (site_packages() / 'mmengine' / 'runner' / 'runner.py').read_text(encoding='utf-8')


@pytest.fixture(scope='module', params=['pip', 'uv'])
def installer(request: pytest.FixtureRequest) -> str:
    """Upgrade once by the README's line of one installer."""
    install_upstream()
    run(readme_line('pip uninstall -y mmengine' if request.param == 'pip' else 'uv pip uninstall mmengine'))
    return str(request.param)


def test_every_file_of_ours_is_there(installer: str) -> None:
    assert damaged_files() == []
    assert not list(site_packages().glob('mmengine-0.10*'))


def test_version_and_parts_import(installer: str, tmp_path: Path) -> None:
    code = 'import mmengine, mmengine.runner, mmengine.config; print(mmengine.__version__, mmengine.Config.__name__)'
    assert python(code, tmp_path).split() == ['0.12.0', 'Config']


def test_requirement_of_another_library_is_met(installer: str, tmp_path: Path) -> None:
    """A library that requires `mmengine>=0.7` installs without an index, and `pip check` has nothing to say."""
    info = 'needs_mmengine-1.0.dist-info'
    wheel = tmp_path / 'needs_mmengine-1.0-py3-none-any.whl'
    files = {
        'needs_mmengine.py': 'import mmengine\n',
        f'{info}/METADATA': 'Metadata-Version: 2.1\nName: needs-mmengine\nVersion: 1.0\nRequires-Dist: mmengine>=0.7\n',
        f'{info}/WHEEL': 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    }
    with zipfile.ZipFile(wheel, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f'{info}/RECORD', ''.join(f'{name},,\n' for name in [*files, f'{info}/RECORD']))
    run(['pip', 'install', '--no-index', str(wheel)])
    assert 'No broken requirements found' in run(['pip', 'check'])
    assert python('import needs_mmengine', tmp_path) == ''


def test_without_one_part_the_others_work(installer: str, tmp_path: Path) -> None:
    run(['pip', 'uninstall', '-y', 'mmparts-config'])
    try:
        python('import mmengine.registry, mmengine.fileio, mmengine.visualization, mmengine.dist', tmp_path)
        for code in ('import mmengine.config', 'from mmengine import Config'):
            printed = python(code, tmp_path, ok=False)
            assert 'mmparts-config' in printed
            assert 'pip install mmparts-config' in printed
    finally:
        run(['pip', 'install', '--no-index', '--no-deps', '--find-links', 'dist', 'mmparts-config'])
    assert damaged_files() == []


def test_forgotten_removal_is_mended_by_the_readme(tmp_path: Path) -> None:
    """pip removes upstream's files after ours are written; one line brings ours back."""
    install_upstream()
    run('pip install -q --find-links dist "mmengine>=0.12"')
    assert damaged_files(), 'pip no longer takes our files away: the README need not warn of it'
    run(readme_line('pip install --force-reinstall'))
    assert damaged_files() == []
    assert python('import mmengine; print(mmengine.__version__)', tmp_path).strip() == '0.12.0'
