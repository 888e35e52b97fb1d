"""A release: version, changelog, ranges of the parts that stand on it, commit and tag; and support by what ran."""
from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version
from parts import ROOT, load_parts
from release import next_minor, read_version, with_range
from support import library_table, python_table, read_runs

GIT = {'GIT_AUTHOR_NAME': 'a', 'GIT_AUTHOR_EMAIL': 'a@b', 'GIT_COMMITTER_NAME': 'a', 'GIT_COMMITTER_EMAIL': 'a@b'}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two parts, of which one stands on the other."""
    for name, value in GIT.items():
        monkeypatch.setenv(name, value)
    for folder in ('tools', 'packages/core', 'packages/registry'):
        left_out = shutil.ignore_patterns('__pycache__', 'tests', 'changes')
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=left_out)
    (tmp_path / '.gitignore').write_text('__pycache__/\n')
    git(tmp_path, 'init', '-q')
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(['git', *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder: Path) -> None:
    git(folder, 'add', '-A')
    git(folder, 'commit', '-q', '-m', 'all')


def release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(folder / 'tools' / 'release.py'), *arguments], capture_output=True,
                          text=True)


def fragment(folder: Path, part: str, name: str, text: str) -> None:
    changes = folder / 'packages' / part / 'changes'
    changes.mkdir(exist_ok=True)
    (changes / name).write_text(text)
    commit(folder)


def test_a_release_of_a_part_that_others_stand_on(checkout: Path) -> None:
    fragment(checkout, 'core', '+ring.feature.md', 'A ring of histories.')
    fragment(checkout, 'core', '7.fix.md', 'Nothing is lost.')
    planned = release(checkout, 'core', '0.13.0', '--dry-run')
    assert planned.returncode == 0, planned.stderr
    assert 'takes mmparts-core>=0.13.0,<0.14' in planned.stdout
    assert not git(checkout, 'status', '--porcelain')
    done = release(checkout, 'core', '0.13.0')
    assert done.returncode == 0, done.stderr
    parts = load_parts(checkout)
    assert read_version(parts['core']) == Version('0.13.0')
    assert 'mmparts-core>=0.13.0,<0.14' in parts['registry'].requires
    changelog = (checkout / 'packages/core/CHANGELOG.md').read_text()
    assert changelog.startswith('# Changelog of mmparts-core\n\n<!-- releases -->\n\n## 0.13.0\n\n')
    assert '\n- A ring of histories.\n' in changelog
    assert '\n- Mended: Nothing is lost. (#7)\n' in changelog
    assert changelog.index('## 0.13.0') < changelog.index('## 0.12.0')
    assert not list((checkout / 'packages/core/changes').glob('*.md'))
    assert git(checkout, 'tag').split() == ['mmparts-core-v0.13.0']
    assert not git(checkout, 'status', '--porcelain')


def test_the_first_release_was_written_by_hand(checkout: Path) -> None:
    assert release(checkout, 'registry', '0.12.0').returncode == 0
    assert git(checkout, 'tag').split() == ['mmparts-registry-v0.12.0']
    assert 'larger than that' in release(checkout, 'registry', '0.12.0').stderr


@pytest.mark.parametrize(('arguments', 'message'), [
    (['core', '0.13.0'], 'has no fragment'), (['core', '0.11.0'], 'larger than that'),
    (['core', 'next'], 'no version such as'), (['cores', '0.13.0'], 'invalid choice'),
])
def test_what_is_no_release(checkout: Path, arguments: list[str], message: str) -> None:
    done = release(checkout, *arguments)
    assert done.returncode
    assert message in done.stderr


def test_unrelated_work_is_not_taken_along(checkout: Path) -> None:
    fragment(checkout, 'core', '+ring.feature.md', 'A ring of histories.')
    (checkout / 'note.txt').write_text('mine')
    assert 'note.txt' in release(checkout, 'core', '0.13.0').stderr


def test_ranges() -> None:
    assert next_minor(Version('0.12.3')) == '0.13'
    assert next_minor(Version('1.4.0')) == '2'
    assert with_range('mmparts-core[cli]>=0.12,<0.13; python_version < "3.13"', Version('0.13.0')) == (
        'mmparts-core[cli]>=0.13.0,<0.14; python_version < "3.13"')
    assert with_range('mmparts-core>=0.12,<0.13', Version('0.12.5')) == 'mmparts-core>=0.12,<0.13'


def test_every_changelog_has_a_place_for_releases() -> None:
    for name, part in load_parts(ROOT).items():
        assert '\n\n<!-- releases -->\n\n## ' in (part.path / 'CHANGELOG.md').read_text(encoding='utf-8'), name


def test_the_page_of_support_says_what_ran(tmp_path: Path) -> None:
    for python, failures, numpy in (('3.10', 0, '1.26.0'), ('3.12', 0, '2.3.1'), ('3.13', 1, '2.4.0')):
        stem = tmp_path / f'isolated(core-py{python})'
        stem.with_name(f'{stem.name}.xml').write_text(
            f'<testsuites><testsuite tests="9" failures="{failures}" errors="0" skipped="2"/></testsuites>')
        stem.with_name(f'{stem.name}.json').write_text(json.dumps({'numpy': numpy, 'other': '1'}))
    outcomes, versions = read_runs(tmp_path)
    parts = load_parts(ROOT)
    assert python_table(parts, outcomes) == [
        '| part | Python 3.10 | Python 3.12 | Python 3.13 |', '| --- | --- | --- | --- |',
        '| mmparts-core | 7 passed, 2 skipped | 7 passed, 2 skipped | **1 failed**, 6 passed, 2 skipped |']
    assert '| mmparts-core | `numpy>=1.26` | 1.26.0 to 2.3.1 |' in library_table(parts, versions)
