"""The checks of the built wheels find what they are for."""
from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from check_wheels import check
from parts import Part


def make(root: Path, wheels: dict[str, list[str]]) -> list[str]:
    dist = root / 'dist'
    dist.mkdir()
    parts = {}
    for name, files in wheels.items():
        folder = root / name
        (folder / 'src').mkdir(parents=True)
        if not files:
            (folder / 'src').rmdir()
        parts[name] = Part(name, folder, {'name': f'mmparts-{name}'})
        with zipfile.ZipFile(dist / f'mmparts_{name}-0.12.0-py3-none-any.whl', 'w') as archive:
            for file in [*files, f'mmparts_{name}-0.12.0.dist-info/METADATA']:
                archive.writestr(file, '')
    return check(parts, dist)


CORE = ['mmengine/__init__.py', 'mmengine/py.typed', 'mmengine/utils/__init__.py']


def test_good_wheels_have_no_problem(tmp_path: Path) -> None:
    config = ['mmengine/config/__init__.py', 'mmengine/config/py.typed', 'mmengine/config/deep/x.py']
    assert make(tmp_path, {'core': CORE, 'config': config, 'all': []}) == []


@pytest.mark.parametrize(('files', 'expected'), [
    (['mmengine/__init__.py', 'mmengine/py.typed'], 'must not hold mmengine/__init__.py'),
    (['mmengine/utils/__init__.py', 'mmengine/utils/py.typed'],
     'mmengine/utils/__init__.py is in mmparts-core and in mmparts-config'),
    (['mmengine/config/__init__.py'], 'no py.typed in mmengine/config'),
    (['tests/test_config.py', 'tests/py.typed'], 'installs tests/test_config.py, which is outside the namespace'),
])
def test_planted_fault_is_found(tmp_path: Path, files: list[str], expected: str) -> None:
    problems = make(tmp_path, {'core': CORE, 'config': files})
    assert any(expected in problem for problem in problems), problems


def test_missing_wheel_is_said(tmp_path: Path) -> None:
    part = Part('config', tmp_path, {'name': 'mmparts-config'})
    assert check({'config': part}, tmp_path) == [f'mmparts-config: no wheel in {tmp_path}']
