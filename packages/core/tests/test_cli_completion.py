"""The command `mmengine completion`, and what the program answers to a shell."""
from __future__ import annotations

import shutil
import subprocess

import pytest
from click.testing import CliRunner

from mmengine.cli.commands import program


def complete(words: str, position: int) -> list[str]:
    """Ask as the script for bash does: the words of the line, and which of them is to be completed."""
    answer = CliRunner().invoke(program, [], prog_name='mmengine', env={
        '_MMENGINE_COMPLETE': 'bash_complete', 'COMP_WORDS': words, 'COMP_CWORD': str(position)})
    assert answer.exit_code == 0, answer.output
    return answer.output.split('\n')[:-1] if answer.output.strip() else []


@pytest.mark.parametrize('shell', ['bash', 'zsh', 'fish'])
def test_the_script_of_a_shell(shell: str) -> None:
    result = CliRunner().invoke(program, ['completion', shell], prog_name='mmengine')
    assert result.exit_code == 0
    assert f'_MMENGINE_COMPLETE={shell}_complete' in result.output
    by_variable = CliRunner().invoke(program, ['completion'], prog_name='mmengine', env={'SHELL': f'/bin/{shell}'})
    assert by_variable.output == result.output
    program_of_shell = shutil.which(shell)
    if program_of_shell is not None:  # its own check of the syntax
        subprocess.run([program_of_shell, '-n'], input=result.output, text=True, check=True)


def test_an_unknown_shell() -> None:
    result = CliRunner().invoke(program, ['completion'], env={'SHELL': '/bin/tcsh'})
    assert result.exit_code == 2
    assert "The shell 'tcsh' is not known" in result.output
    assert CliRunner().invoke(program, ['completion', 'tcsh']).exit_code == 2


def test_what_is_completed() -> None:
    assert complete('mmengine doc', 1) == ['plain,doctor']
    assert {'plain,completion', 'plain,doctor'} <= set(complete('mmengine ', 1))
    assert complete('mmengine --ver', 1) == ['plain,--version']
    assert complete('mmengine doctor --js', 2) == ['plain,--json']
    assert complete('mmengine completion z', 2) == ['plain,zsh']
    assert complete('mmengine no-such-command --x', 2) == []
