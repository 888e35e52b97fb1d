"""The entry of the program `mmengine`: needs click, and says so where it is missing."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module


def main(args: Sequence[str] | None = None) -> None:
    """Run the program and exit with its status.

    Args:
        args: The arguments; by default those of the process.
    """
    try:
        import_module('click')
    except ModuleNotFoundError as error:
        if error.name != 'click':
            raise
        print("The program mmengine needs click: pip install 'mmparts-core[cli]'", file=sys.stderr)
        sys.exit(1)
    # Late, since the modules import click at their top.
    try:
        program = import_module('mmengine.cli.commands').program
    except ImportError as error:  # the removal of another mmengine has taken files of ours along
        print(f'The program mmengine cannot start: {error}', file=sys.stderr)
        program, args = import_module('mmengine.cli.doctor').doctor, []
    program(args, prog_name='mmengine')
