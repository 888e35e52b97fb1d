"""The command `mmengine completion`: the script that lets a shell complete commands, options and files."""
from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class

_SHELLS = ('bash', 'zsh', 'fish')
#: Variable of the environment in which the shell says that it asks for completions; click derives the same name.
_VARIABLE = '_MMENGINE_COMPLETE'


@click.command()
@click.argument('shell', type=click.Choice(_SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print the script that makes a shell complete commands and options.

    Without SHELL it is the one in the environment variable SHELL. For every new shell, add to its start file:

    \b
        eval "$(mmengine completion bash)"            # ~/.bashrc; needs bash 4.4
        eval "$(mmengine completion zsh)"             # ~/.zshrc, after compinit
        mmengine completion fish | source             # ~/.config/fish/config.fish

    \b
    Example:
        mmengine completion bash
    """
    name = shell or os.path.basename(os.environ.get('SHELL', ''))
    found = get_completion_class(name) if name in _SHELLS else None
    root = click.get_current_context().find_root()
    if found is None:
        raise click.UsageError(f'The shell {name!r} is not known: there are {", ".join(_SHELLS)}')
    script = found(root.command, {}, 'mmengine', _VARIABLE)
    click.echo(script.source_template % script.source_vars())  # `source()` would run bash to look at its version
