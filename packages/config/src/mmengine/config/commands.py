"""The command `mmengine config`; only the program imports this, so that click is needed by nobody else."""
from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import unified_diff
from importlib import metadata
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from mmengine.config.cli import option_value
from mmengine.config.config import Config
from mmengine.config.errors import ConfigParsingError
from mmengine.config.load import base_tree
from mmengine.config.pretty import flat

#: group of the entry points `name = module:function`, each taking a config and giving a list of findings
CHECKS = 'mmengine.config_checks'
_F = TypeVar('_F', bound=Callable[..., Any])


class Refused(click.ClickException):
    """The command or a config is wrong."""

    exit_code = 2


@click.group()
def config() -> None:
    """Show, compare, explain and check configs.

    Exit codes: 0 all is well; 1 the configs differ, or the check has findings; 2 the command or a config is wrong.

    \b
    Example:
        mmengine config explain configs/my_config.py model.backbone.depth
    """


def _file(name: str) -> Callable[[_F], _F]:
    return click.argument(name, type=click.Path(exists=True, dir_okay=False))


cfg_options = click.option('--cfg-options', '-o', 'options', multiple=True, metavar='KEY=VALUE',
                           help='Set a value first, as training does; may be given several times. A key that the '
                                'config does not have is an error.')
allow_new_keys = click.option('--allow-new', is_flag=True,
                              help='Let --cfg-options add keys that the config does not have.')


@contextmanager
def config_errors() -> Iterator[None]:
    """Make an error of a config one message and exit code 2, and a warning one line."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            yield
        for warning in caught:
            click.echo(f'Warning: {warning.message}', err=True)
    except (ConfigParsingError, OSError) as error:
        raise Refused(_worded(error)) from error


def _worded(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f'{error.filename}:{error.lineno}: {error.msg}'
    return str(error)


def _load(file: str, options: Iterable[str] = (), allow_new: bool = False) -> Config:
    with config_errors():
        cfg = Config.fromfile(file, import_custom_modules=False)
        pairs = dict(option_pair(option) for option in options)
        if pairs:
            # Training scripts may add keys; who looks at a config here wants to see a slip before it costs a run.
            cfg.merge_from_dict(pairs, allow_new=None if allow_new else False)
    return cfg


def option_pair(option: str) -> tuple[str, Any]:
    """Take KEY=VALUE apart, the value read as in `--cfg-options` of training scripts."""
    key, separator, value = option.partition('=')
    if not separator:
        raise click.BadParameter(f'{option!r} is not of the form KEY=VALUE', param_hint='--cfg-options')
    return key, option_value(key, value)


def _console() -> Console:
    """Give what prints in colour on a terminal, and plain text otherwise."""
    return Console(highlight=False, soft_wrap=True)


def _show(text: str, language: str) -> None:
    """Print in colour on a terminal, and the very text otherwise."""
    console = _console()
    if console.is_terminal:
        console.print(Syntax(text.rstrip('\n'), language, background_color='default', word_wrap=True))
    else:
        click.echo(text.rstrip('\n'))


@config.command()
@_file('file')
@cfg_options
@allow_new_keys
def show(file: str, options: tuple[str, ...], allow_new: bool) -> None:
    """Print the values of a config and its bases.

    \b
    Example:
        mmengine config show configs/my_config.py -o train_cfg.max_epochs=3
    """
    _show(_load(file, options, allow_new).pretty_text, 'python')


@config.command()
@_file('first')
@_file('second')
def diff(first: str, second: str) -> None:
    """Print the difference of two configs; exit code 1 if there is one.

    \b
    Example:
        mmengine config diff configs/a.py configs/b.py
    """
    before, after = (_load(file).pretty_text.splitlines() for file in (first, second))
    lines = list(unified_diff(before, after, first, second, lineterm=''))
    if lines:
        _show('\n'.join(lines), 'diff')
        click.get_current_context().exit(1)


@config.command()
@_file('file')
def tree(file: str) -> None:
    """Print the files that a config inherits from.

    \b
    Example:
        mmengine config tree configs/my_config.py
    """
    with config_errors():
        files = base_tree(file)
    console = _console()
    for depth, path in files:
        folder, name = os.path.split(path)
        line = Text.assemble('    ' * depth, (folder + os.sep, 'dim'), (name, 'cyan' if depth else 'bold green'))
        console.print(line)


@config.command()
@_file('file')
@click.argument('key')
@cfg_options
@allow_new_keys
def explain(file: str, key: str, options: tuple[str, ...], allow_new: bool) -> None:
    """Tell what set a value; the last one wins.

    \b
    Example:
        mmengine config explain configs/my_config.py model.backbone.depth
    """
    cfg = _load(file, options, allow_new)
    with config_errors():
        steps = cfg.origin(key)
    console = _console()
    for number, step in enumerate(steps, 1):
        value = flat(step.value)
        shown = value if len(value) <= 100 else f'{value[:97]}...'
        style = 'bold green' if number == len(steps) else 'dim'
        console.print(Text(f'{step}: {key} = {shown}', style=style))


@config.command()
@_file('file')
@cfg_options
@allow_new_keys
def check(file: str, options: tuple[str, ...], allow_new: bool) -> None:
    """List unknown types and wrong arguments.

    Exit code 1 if there are any. Imports what the config names, from the current folder too, and builds nothing. What
    looks is what installed parts offer, such as mmparts-registry.

    \b
    Example:
        mmengine config check configs/my_config.py
    """
    entries = list(metadata.entry_points(group=CHECKS))
    if not entries:
        raise Refused('Nothing that is installed checks configs: pip install mmparts-registry')
    cfg = _load(file, options, allow_new)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as for a script that is run from here, whatever folder this program is in
    with config_errors():
        cfg.import_custom_modules()
    findings = [str(finding) for entry in entries for finding in entry.load()(cfg)]
    for finding in findings:
        click.echo(finding)
    click.echo(f'{len(findings)} {"finding" if len(findings) == 1 else "findings"} in {file}', err=True)
    if findings:
        click.get_current_context().exit(1)
