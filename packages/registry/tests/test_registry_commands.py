"""The command `mmengine registry`."""
from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mmengine.cli.commands import program
from mmengine.registry import HOOKS, Registry, root


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ['registry', *args])


@pytest.fixture
def hooks(make_package: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Have a registry of hooks in the place of the root one, with a member in a module of its own."""
    registry = Registry('hook', scope='zoo', locations=['zoo_of_ls.hooks'], entry_points='mmengine.hooks_of_a_test')
    monkeypatch.setattr(root, 'HOOKS', registry)
    make_package('zoo_of_ls', hooks='from mmengine.registry import root\n'
                                    '@root.HOOKS.register_module()\nclass Feeding: ...\n')
    return registry


def test_it_is_offered() -> None:
    assert 'registry' in {entry.name for entry in entry_points(group='mmengine.commands')}


def test_the_registries() -> None:
    result = run('ls')
    assert result.exit_code == 0
    assert 'HOOKS ' in result.output
    assert f'{HOOKS.name} (mmengine' in result.output
    assert len(result.output.splitlines()) == sum(isinstance(value, Registry) for value in vars(root).values())


def test_the_names_of_one(hooks: Registry, offer: Any) -> None:
    Registry('hook', parent=hooks, scope='lab').register_module(name='Watching', module=dict)
    offer('mmengine.hooks_of_a_test', 'Offered', 'nobody_has_this.hooks:Offered')
    hooks.register_lazy('Promised', lambda: dict)
    run('ls')
    assert 'zoo_of_ls.hooks' not in sys.modules
    for name in ('HOOKS', 'hook'):
        result = run('ls', name)
        assert [line.split(maxsplit=1) for line in result.output.splitlines()] == [
            ['Feeding', 'zoo_of_ls.hooks.Feeding'], ['Offered', 'nobody_has_this.hooks:Offered (not imported yet)'],
            ['Promised', 'when it is named (not imported yet)'], ['lab.Watching', 'builtins.dict']]
    assert run('ls', 'HOOKS', '--scope', 'lab').output == 'lab.Watching  builtins.dict\n'


def test_the_registries_of_a_library_are_imported_first(hooks: Registry, make_package: Any) -> None:
    make_package('lab_of_ls', registry='from mmengine.registry import root, Registry\n'
                                       'LAB = Registry("hook", parent=root.HOOKS)\nLAB.register_module(module=set)\n')
    assert run('ls', 'HOOKS', '-s', 'lab_of_ls').output == 'lab_of_ls.set  builtins.set\n'


def test_what_is_not_there() -> None:
    result = run('ls', 'HOKS')
    assert result.exit_code == 1
    assert "There is no registry 'HOKS'. Did you mean 'HOOKS'?" in result.output
    result = run('ls', 'HOOKS', '--scope', 'mmtrack')
    assert result.exit_code == 1
    assert "The scope 'mmtrack' cannot be asked: there is no package 'mmtrack': pip install mmtrack" in result.output


def test_find_tells_file_line_and_distribution(hooks: Registry, offer: Any) -> None:
    offer('mmengine.hooks_of_a_test', 'FeedingOffer', 'nobody_has_this.hooks:Offered')
    result = run('find', 'feed', '--json')
    assert result.exit_code == 0
    found = {row['name']: row for row in json.loads(result.output)}
    assert found.keys() == {'Feeding', 'FeedingOffer'}
    row = found['Feeding']
    assert (row['registry'], row['target'], row['line'], row['distribution']) == (
        'HOOKS', 'zoo_of_ls.hooks.Feeding', 2, None)
    assert row['file'].endswith('zoo_of_ls/hooks.py')
    assert not found['FeedingOffer']['imported']
    plain = run('find', 'FEEDING').output.splitlines()
    assert plain[0].split() == ['registry', 'name', 'stands', 'for', 'file', 'distribution']
    assert plain[1].split() == ['HOOKS', 'Feeding', 'zoo_of_ls.hooks.Feeding', f'{row["file"]}:2', '-']


def test_find_in_our_parts_and_in_another_distribution(hooks: Registry) -> None:
    hooks.register_module(name='OfClick', module=CliRunner)
    hooks.register_module(name='OfClickToo', module=Registry)
    rows = json.loads(run('find', 'ofclick', '--json').output)
    assert [(row['name'], row['distribution']) for row in rows] == [
        ('OfClick', 'click'), ('OfClickToo', 'mmparts-registry')]  # the very name first


def test_find_what_is_not_there(hooks: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    (tmp_path / 'own_of_find.py').write_text('from mmengine.registry import root\n@root.HOOKS.register_module()\n'
                                             'class NotImported: ...\n')
    result = run('find', 'Feedding')
    assert result.exit_code == 1
    assert "No registry has 'Feedding'. Did you mean 'Feeding'?" in result.output
    result = run('find', 'NotImported')
    assert result.exit_code == 1
    assert 'own_of_find.py:3 defines it, which is not imported: --import own_of_find' in result.output
    assert run('find', 'NotImported', '--import', 'own_of_find').exit_code == 0
    result = run('find', 'NotImported', '-i', 'nowhere_of_find')
    assert result.exit_code == 2
    assert '--import nowhere_of_find: ModuleNotFoundError' in result.output
    assert json.loads(run('ls', '--json').output)[0].keys() == {'registry', 'name', 'scopes'}
    assert {row['name'] for row in json.loads(run('ls', 'HOOKS', '--json').output)} >= {'Feeding', 'NotImported'}
    sys.modules.pop('own_of_find')
