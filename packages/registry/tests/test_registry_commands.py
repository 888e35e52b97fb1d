"""The command `mmengine registry`."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
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
