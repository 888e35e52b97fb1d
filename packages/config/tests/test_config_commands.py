"""The command `mmengine config`."""
from __future__ import annotations

import sys
from importlib.metadata import entry_points

import pytest
from click.testing import CliRunner, Result

from mmengine.cli.commands import program


def run(*args: str) -> Result:
    return CliRunner().invoke(program, ['config', *args])


@pytest.fixture
def path(write) -> str:
    write('base.py', "model = dict(depth=50, items=[1])\nname = 'x'\n")
    return write('a.py', "_base_ = './base.py'\nmodel = dict(depth=101)\n")


def test_show(path):
    result = run('show', path, '-o', 'model.items.0=(2,x)', '--cfg-options', 'lr=0.1', '--allow-new')
    assert (result.exit_code, result.output) == (
        0, "lr = 0.1\nmodel = dict(depth=101, items=[(2, 'x')])\nname = 'x'\n")


def test_diff(path, write):
    result = run('diff', write('b.py', "name = 'x'\n"), path)
    assert result.exit_code == 1
    assert result.output.splitlines()[2:] == ['@@ -1 +1,2 @@', '+model = dict(depth=101, items=[1])', " name = 'x'"]
    assert (run('diff', path, path).exit_code, run('diff', path, path).output) == (0, '')


def test_tree(path):
    lines = run('tree', path).output.splitlines()
    assert lines == [path, f'    {path.replace("a.py", "./base.py")}'] or lines == [
        path, f'    {path.replace("a.py", "base.py")}']


def test_explain(path):
    result = run('explain', path, 'model.depth', '-o', 'model.depth=18')
    assert [line.rpartition('/')[2] for line in result.output.splitlines()] == [
        'base.py:1: model.depth = 50', 'a.py:2: model.depth = 101', '--cfg-options: model.depth = 18']


@pytest.mark.parametrize(('args', 'text'), [
    (('explain', 'model.dpth'), "Did you mean 'model.depth'"), (('show', '-o', 'a'), 'not of the form KEY=VALUE'),
    (('show', '-o', 'model.depth.x=1'), 'cannot be merged into 101'), (('show', '-o', 'a=[1'), 'Imbalanced brackets'),
])
def test_what_is_wrong_is_one_message(path, args, text):
    result = run(args[0], path, *args[1:])
    assert result.exit_code == 2
    assert text in result.output
    assert 'Traceback' not in result.output


def test_a_config_that_is_wrong(write):
    path = write('a.py', 'a = (\n')
    result = run('show', path)
    assert result.exit_code == 2
    assert f"{path}:1: '(' was never closed" in result.output
    assert run('show', 'no such file').exit_code == 2


@pytest.mark.parametrize('command', [('show',), ('explain', 'model')])
def test_an_option_that_is_not_there_is_an_error_unless_it_may_be_new(path, command):
    name, *args = command
    result = run(name, path, *args, '-o', 'model.itmes=1')
    assert result.exit_code == 2
    base = path.replace('a.py', 'base.py')
    assert (f"Error: The option 'model.itmes' sets 'model.itmes', which the config does not have. "
            f"Did you mean 'model.items'? 'model.items' is at {base}:1.") in result.output
    result = run(name, path, *args, '-o', 'model.itmes=1', '--allow-new')
    assert result.exit_code == 0
    assert (f"Warning: The option 'model.itmes' adds 'model.itmes' beside 'model.items': is that meant? "
            f"'model.items' is at {base}:1.") in result.output
    assert run(name, path, *args, '-o', 'other=1').exit_code == 2
    assert 'Warning' not in run(name, path, *args, '-o', 'other=1', '--allow-new').output


def test_check_asks_what_is_installed(path, tmp_path, monkeypatch):
    info = tmp_path / 'site' / 'checker-1.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: checker\nVersion: 1\n')
    (info / 'entry_points.txt').write_text('[mmengine.config_checks]\nmine = a_checker_of_a_test:check\n')
    (tmp_path / 'site' / 'a_checker_of_a_test.py').write_text('def check(cfg):\n'
                                                           '    return [f"depth {cfg.model.depth}"]\n')
    monkeypatch.syspath_prepend(str(tmp_path / 'site'))
    result = run('check', path)
    assert result.exit_code == 1
    assert 'depth 101\n' in result.output
    assert f'1 finding in {path}' in result.output
    assert run('check', path, '-o', 'other=1').exit_code == 2
    assert run('check', path, '-o', 'other=1', '--allow-new').exit_code == 1
    sys.modules.pop('a_checker_of_a_test')


def test_check_imports_from_the_current_folder(write, tmp_path, monkeypatch):
    path = write('a.py', "custom_imports = dict(imports=['beside_the_config_of_a_test'])\n")
    write('beside_the_config_of_a_test.py', 'x = 1\n')
    info = tmp_path / 'site' / 'checker-1.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: checker\nVersion: 1\n')
    (info / 'entry_points.txt').write_text('[mmengine.config_checks]\nmine = builtins:list\n')
    monkeypatch.syspath_prepend(str(tmp_path / 'site'))
    assert 'No module named' in run('check', path).output
    monkeypatch.chdir(tmp_path)
    assert run('check', path).output.startswith('custom_imports')  # what `list` finds in a config: its keys
    sys.modules.pop('beside_the_config_of_a_test')


@pytest.mark.skipif(bool(entry_points(group='mmengine.config_checks')), reason='something installed checks configs')
def test_check_without_a_checker(path):
    result = run('check', path)
    assert result.exit_code == 2
    assert 'pip install mmparts-registry' in result.output


@pytest.mark.parametrize('command', ['show', 'diff', 'tree', 'explain', 'check'])
def test_help_has_an_example(command):
    result = run(command, '--help')
    assert result.exit_code == 0
    assert f'mmengine config {command} configs/' in result.output
