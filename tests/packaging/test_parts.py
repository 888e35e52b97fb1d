"""What the sessions go by: the parts as their project files describe them."""
from __future__ import annotations

from pathlib import Path

import pytest
from parts import ROOT, Part, load_parts

PYTHON = 'Programming Language :: Python :: '


@pytest.mark.parametrize(('requires', 'classifiers', 'supported'), [
    ('>=3.10', ['3.10', '3.11', '3.12', '3.13'], ['3.10', '3.11', '3.12', '3.13']),
    ('>=3.10', ['3.10', '3.11', '3.12'], ['3.10', '3.11', '3.12']),
    ('>=3.10,<3.12', ['3.10', '3.11', '3.12'], ['3.10', '3.11']),
    ('>=3.10', [], []),
])
def test_pythons_are_those_that_a_part_declares(requires: str, classifiers: list[str], supported: list[str]) -> None:
    project = {'requires-python': requires, 'classifiers': [f'{PYTHON}{one}' for one in classifiers]}
    part = Part('one', Path(), project)
    assert [python for python in ('3.9', '3.10', '3.11', '3.12', '3.13') if part.supports(python)] == supported


def test_no_part_goes_untested_for_want_of_a_classifier() -> None:
    for name, part in load_parts(ROOT).items():
        assert not part.tests.is_dir() or part.supports('3.11'), name


def test_groups_of_requirements(tmp_path: Path) -> None:
    folder = tmp_path / 'packages' / 'one'
    folder.mkdir(parents=True)
    (folder / 'pyproject.toml').write_text(
        '[project]\nname = "mmparts-one"\n[dependency-groups]\ntest = ["pytest"]\nstores = ["adlfs", "gcsfs"]\n')
    part = load_parts(tmp_path)['one']
    assert part.test_requires == ('pytest',)
    assert part.groups['stores'] == ['adlfs', 'gcsfs']
