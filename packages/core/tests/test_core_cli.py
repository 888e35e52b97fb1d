"""The program `mmengine` and the commands that it collects."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mmengine.cli import main
from mmengine.cli.commands import program
from mmengine.version import __version__

COMMANDS = '''
import click

@click.command()
@click.argument('who')
def hello(who):
    """Greet someone."""
    click.echo(f'hello {who}')

nothing = 1
'''


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a distribution on the path that offers commands, two of which do not work."""
    info = tmp_path / 'greeter-1.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Metadata-Version: 2.1\nName: greeter\nVersion: 1\n')
    (info / 'entry_points.txt').write_text(
        '[mmengine.commands]\nhello = commands_of_a_test:hello\nbroken = no_such_module_mmparts:x\n'
        'nothing = commands_of_a_test:nothing\n')
    (tmp_path / 'commands_of_a_test.py').write_text(COMMANDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, 'commands_of_a_test', raising=False)


def test_commands_are_found_by_entry_point(commands):
    result = CliRunner().invoke(program, ['hello', 'you'])
    assert (result.exit_code, result.output) == (0, 'hello you\n')
    sys.modules.pop('commands_of_a_test')


def test_help_lists_them_without_breaking(commands):
    result = CliRunner().invoke(program, ['--help'])
    assert result.exit_code == 0
    assert 'Greet someone.' in result.output
    assert 'broken, of greeter, does not import' in ' '.join(result.output.split())


@pytest.mark.parametrize(('name', 'text'), [
    ('broken', "broken, of greeter, does not import: ModuleNotFoundError: No module named 'no_such_module_mmparts'"),
    ('nothing', 'commands_of_a_test:nothing is no click command, but 1'),
])
def test_a_command_that_does_not_work_says_why(commands, name, text):
    result = CliRunner().invoke(program, [name, '--option'])
    assert result.exit_code == 1
    assert text in result.output


def test_an_unknown_command(commands):
    result = CliRunner().invoke(program, ['helo'])
    assert result.exit_code == 2
    assert "There is no command 'helo'. Did you mean 'hello'?" in result.output


def test_main(capsys):
    with pytest.raises(SystemExit) as caught:
        main(['--version'])
    assert caught.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_what_mends_it_where_files_are_gone(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'mmengine.cli.commands', None)  # as if it were not there
    with pytest.raises(SystemExit) as caught:
        main(['config', 'show'])
    assert caught.value.code in (0, 1)
    printed = capsys.readouterr()
    assert 'The program mmengine cannot start: import of mmengine.cli.commands halted' in printed.err
    assert 'mmparts-core' in printed.out


def test_without_click(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'click', None)
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 1
    assert "pip install 'mmparts-core[cli]'" in capsys.readouterr().err
