"""Local paths, installed packages, versions and commits."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import mmengine
from mmengine.utils import (
    call_command,
    check_file_exist,
    digit_version,
    fopen,
    get_git_hash,
    get_installed_path,
    install_package,
    is_abs,
    is_filepath,
    is_installed,
    mkdir_or_exist,
    scandir,
    symlink,
)
from mmengine.utils.package_utils import package2module


def test_kinds_of_paths():
    assert is_filepath('a')
    assert is_filepath(Path('a'))
    assert not is_filepath(0)
    assert is_abs(os.path.abspath('a'))
    assert is_abs('s3://bucket/a')
    assert is_abs('https://host/a')
    assert not is_abs('a/b')


def test_fopen(tmp_path: Path):
    with fopen(tmp_path / 'a.txt', 'w') as file:
        file.write('text')
    with fopen(str(tmp_path / 'a.txt')) as file:
        assert file.read() == 'text'
    with pytest.raises(ValueError, match='filepath must be a string or a Path, got 0 of type int'):
        fopen(0)  # type: ignore[arg-type]  # what the test is about


def test_check_file_exist(tmp_path: Path):
    (tmp_path / 'a').touch()
    check_file_exist(tmp_path / 'a')
    with pytest.raises(FileNotFoundError, match=r'no .*nope'):
        check_file_exist(tmp_path / 'nope', msg_tmpl='no {}')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        check_file_exist(tmp_path)


def test_mkdir_or_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    mkdir_or_exist(tmp_path / 'a' / 'b')
    mkdir_or_exist(str(tmp_path / 'a' / 'b'))
    mkdir_or_exist('')
    monkeypatch.setenv('HOME', str(tmp_path))
    mkdir_or_exist('~/home')
    assert (tmp_path / 'a' / 'b').is_dir()
    assert (tmp_path / 'home').is_dir()


def test_symlink(tmp_path: Path):
    (tmp_path / 'one').write_text('1')
    (tmp_path / 'two').write_text('2')
    link = tmp_path / 'link'
    symlink(tmp_path / 'one', link)
    symlink(tmp_path / 'two', link)
    assert link.read_text() == '2'
    with pytest.raises(FileExistsError):
        symlink(tmp_path / 'one', link, overwrite=False)
    (tmp_path / 'two').unlink()
    symlink(tmp_path / 'one', link)  # over a link that leads nowhere
    assert link.read_text() == '1'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ('b.txt', 'a.TXT', 'c.bin', '.hidden.txt', 'sub/d.txt', 'sub/deep/e.json'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_scandir(tree: Path):
    assert list(scandir(tree)) == ['a.TXT', 'b.txt', 'c.bin']
    assert list(scandir(str(tree), '.txt')) == ['b.txt']
    assert list(scandir(tree, ('.TXT', '.bin'))) == ['a.TXT', 'c.bin']
    assert list(scandir(tree, '.Txt', case_sensitive=False)) == ['a.TXT', 'b.txt']
    assert list(scandir(tree, ('.txt', '.json'), recursive=True)) == [
        'b.txt', os.path.join('sub', 'd.txt'), os.path.join('sub', 'deep', 'e.json')]


def test_scandir_may_be_left_early(tree: Path):
    names = scandir(tree, recursive=True)
    assert next(names) == 'a.TXT'
    del names  # an open folder would be a ResourceWarning, and an error here


def test_scandir_complains_before_it_is_iterated(tree: Path):
    with pytest.raises(TypeError, match='dir_path must be a string or a Path, got 1'):
        scandir(1)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(TypeError, match='suffix must be a string or a tuple of strings, got 1'):
        scandir(tree, 1)  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize('name', ['os', 'sys', 'json.decoder', 'packaging', 'mmengine', 'mmparts-core', 'pytest'])
def test_what_is_installed(name: str):
    assert is_installed(name)


@pytest.mark.parametrize('name', ['surely_not_installed', 'surely.not.installed', 'json.nope', '', '-'])
def test_what_is_not_installed(name: str):
    assert not is_installed(name)


def test_bare_folder_is_not_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / 'left_by_a_tracker').mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_installed('left_by_a_tracker')
    with pytest.raises(metadata.PackageNotFoundError):
        get_installed_path('left_by_a_tracker')


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution whose name differs from what it is imported as."""
    (tmp_path / 'cow_pillow').mkdir()
    (tmp_path / 'cow_pillow' / '__init__.py').touch()
    info = tmp_path / 'soft_cushion-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: soft-cushion\nVersion: 1.0\n')
    (info / 'RECORD').write_text('cow_pillow/__init__.py,,\nsoft_cushion-1.0.dist-info/METADATA,,\n')
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_distribution_and_module_have_different_names(distribution: Path):
    assert is_installed('soft-cushion')
    assert is_installed('cow_pillow')
    assert get_installed_path('soft-cushion') == str(distribution / 'cow_pillow')
    assert get_installed_path('cow_pillow') == str(distribution / 'cow_pillow')
    assert package2module('soft-cushion') == 'cow_pillow'
    with pytest.raises(ValueError, match="under which 'surely-not-installed' is imported"):
        package2module('surely-not-installed')


def test_installed_path():
    assert get_installed_path('mmengine') == os.path.dirname(str(mmengine.__file__))
    assert get_installed_path('pytest') == os.path.dirname(pytest.__file__)
    for name in ('surely_not_installed', 'sys'):
        with pytest.raises(metadata.PackageNotFoundError):
            get_installed_path(name)


def test_commands():
    call_command([sys.executable, '-c', 'pass'])
    with pytest.raises(subprocess.CalledProcessError):
        call_command([sys.executable, '-c', 'raise SystemExit(3)'])


def test_install_package_leaves_alone_what_is_there(capsys: pytest.CaptureFixture[str]):
    install_package('pytest')
    assert capsys.readouterr().out == ''


def test_install_package_shows_what_it_runs(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.delenv('PIP_FIND_LINKS', raising=False)
    with pytest.raises(subprocess.CalledProcessError):
        install_package('surely-not-installed')
    assert capfd.readouterr().out.startswith(f'Running {sys.executable} -m pip install surely-not-installed\n')


@pytest.mark.parametrize(('version', 'digits'), [
    ('0.2.16', (0, 2, 16, 0, 0, 0)),
    ('1.2.3rc1', (1, 2, 3, 0, -1, 1)),
    ('1.0b2', (1, 0, 0, 0, -2, 2)),
    ('1.0a0', (1, 0, 0, 0, -3, 0)),
    ('1.0.0dev', (1, 0, 0, 0, -4, 0)),
    ('1.0.post3', (1, 0, 0, 0, 1, 3)),
    ('1.5.0+cuda90_cudnn7.6.3_lms', (1, 5, 0, 0, 0, 0)),
    ('1.2.3.4.5', (1, 2, 3, 4, 0, 0)),
])
def test_digit_version(version: str, digits: tuple[int, ...]):
    assert digit_version(version) == digits


def test_digit_versions_are_ordered_like_versions():
    ordered = ['1.0.0dev', '1.0.0a0', '1.0.0a1', '1.0.0b0', '1.0.0rc1', '1.0.0', '1.0.0post', '1.0.1', '1.1', '2']
    shuffled = ordered[5:] + ordered[:5]
    assert sorted(shuffled, key=digit_version) == ordered
    assert digit_version('1.0') == digit_version('1.0.0')
    assert digit_version('1.2.3', length=2) == (1, 2, 0, 0)
    with pytest.raises(AssertionError, match="'abc' is not a version"):
        digit_version('abc')


def test_git_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('GIT_CEILING_DIRECTORIES', str(tmp_path.parent))
    assert get_git_hash() == 'unknown'
    assert get_git_hash(fallback='none') == 'none'
    with pytest.raises(TypeError, match="digits must be None or an integer, got '7'"):
        get_git_hash(digits='7')  # type: ignore[arg-type]  # what the test is about
    monkeypatch.setenv('PATH', str(tmp_path))  # no git there
    assert get_git_hash(fallback='no git') == 'no git'


@pytest.mark.skipif(shutil.which('git') is None, reason='needs git')
def test_git_hash_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    identity = ['-c', 'user.name=n', '-c', 'user.email=e']
    subprocess.run(['git', 'init', '-q'], check=True)
    subprocess.run(['git', *identity, 'commit', '-q', '--allow-empty', '-m', 'm'], check=True)
    found = get_git_hash()
    assert len(found) == 40
    assert get_git_hash(digits=7) == found[:7]
