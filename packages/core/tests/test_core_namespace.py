"""The top of the namespace: light imports, lazy names, and what is said when a part is not whole."""
from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mmengine
from mmengine._parts import DISTRIBUTIONS, NAMES
from mmengine.version import parse_version_info

OWN_MODULES = ['_lazy', '_parts', 'version']
OWN_PACKAGES = ['interfaces', 'utils', 'logging']


def run_python(code: str, *options: str) -> str:
    done = subprocess.run([sys.executable, *options, '-c', code], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def core_alone(tmp_path: Path) -> Path:
    """Core's own files in a folder of their own, as one finds them after `pip install mmparts-core` alone.

    They are copied from where they are imported from, so it does not matter how core is installed here.
    """
    top = tmp_path / 'mmengine'
    top.mkdir()
    shutil.copy(str(mmengine.__file__), top / '__init__.py')
    for name in OWN_MODULES:
        shutil.copy(str(importlib.import_module(f'mmengine.{name}').__file__), top)
    for name in OWN_PACKAGES:
        origin = importlib.import_module(f'mmengine.{name}').__file__
        shutil.copytree(Path(str(origin)).parent, top / name, ignore=shutil.ignore_patterns('__pycache__', 'dl_utils'))
    return tmp_path


def error_of(statement: str, folder: Path) -> str:
    """Run a statement where only the standard library (-I -S: no site-packages) and `folder` can be imported."""
    return run_python(f'import sys; sys.path.insert(0, {str(folder)!r})\n'
                      f'try:\n    {statement}\n'
                      f'except ImportError as e:\n    print(type(e).__name__, e.name, e, sep="|")', '-I', '-S')


def test_imports_load_nothing_heavy():
    found = run_python('import sys, mmengine, mmengine.utils, mmengine.logging\n'
                       'print(*(m for m in ("torch", "matplotlib", "cv2", "numpy", "rich") if m in sys.modules))')
    assert found.split() == []


def test_import_of_the_top_loads_no_part():
    found = run_python('import sys, mmengine\nprint(*(m for m in sys.modules if m.startswith("mmengine.")))')
    assert set(found.split()) == {'mmengine.version', 'mmengine._lazy', 'mmengine._parts'}


@pytest.mark.parametrize('part', ['utils', 'logging'])
def test_top_level_names_are_those_of_their_part(part: str):
    module = importlib.import_module(f'mmengine.{part}')
    for name in NAMES[part]:
        assert getattr(mmengine, name) is getattr(module, name)
        assert name in dir(mmengine)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'mmengine' has no attribute 'nonsense'"):
        mmengine.nonsense  # noqa: B018
    assert not hasattr(mmengine, 'nonsense')


def test_version_is_in_the_range_that_released_libraries_assert():
    assert (0, 8, 3) <= mmengine.version_info < (1, 0, 0)
    assert mmengine.version_info == parse_version_info(mmengine.__version__)
    assert parse_version_info('0.13.0rc1+local') == (0, 13, 0, 'rc1')


@pytest.mark.parametrize('statement', ['from mmengine import Config', 'import mmengine.config',
                                       'from mmengine.config import Config', 'import mmengine; mmengine.config'])
def test_missing_part_names_what_to_install(core_alone: Path, statement: str):
    kind, name, text = error_of(statement, core_alone).strip().split('|')
    assert kind == 'ModuleNotFoundError'
    assert name == 'mmengine.config'
    assert text == ("mmengine.config is in the distribution 'mmparts-config', which is not installed: "
                    'pip install mmparts-config')


@pytest.mark.parametrize('part', sorted(set(DISTRIBUTIONS) - {*OWN_PACKAGES, *OWN_MODULES}))
def test_every_missing_part_is_explained(core_alone: Path, part: str):
    assert f'pip install {DISTRIBUTIONS[part]}\n' in error_of(f'import mmengine.{part}', core_alone)


def test_core_alone_lists_only_its_own_names(core_alone: Path):
    listed = run_python(f'import sys; sys.path.insert(0, {str(core_alone)!r}); import mmengine; print(*dir(mmengine))',
                        '-I', '-S').split()
    assert {'__version__', 'utils', 'logging', 'MMLogger', 'digit_version'} <= set(listed)
    assert not {'Config', 'config', 'Registry', 'load'} & set(listed)


def test_unknown_submodule_is_an_ordinary_error(core_alone: Path):
    assert error_of('import mmengine.nonsense', core_alone).strip() == (
        "ModuleNotFoundError|mmengine.nonsense|No module named 'mmengine.nonsense'")


@pytest.mark.parametrize('leftover', ['config/__pycache__', 'config', None])
def test_damaged_part_names_the_line_that_mends_it(core_alone: Path, leftover: str | None):
    """The distribution is there by its metadata, its files went with another package: at most bare folders are left."""
    if leftover is not None:
        (core_alone / 'mmengine' / leftover).mkdir(parents=True)
    info = core_alone / 'mmparts_config-0.12.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmparts-config\nVersion: 0.12.0\n')
    for statement in ('from mmengine import Config', 'import mmengine.config'):
        text = error_of(statement, core_alone)
        assert "'mmparts-config', which is installed, but its files are gone" in text
        assert 'pip install --force-reinstall --no-deps mmparts-config' in text


def test_bare_folder_without_metadata_is_a_missing_part(core_alone: Path):
    (core_alone / 'mmengine' / 'config' / '__pycache__').mkdir(parents=True)
    assert 'which is not installed: pip install mmparts-config' in error_of('import mmengine.config', core_alone)
