"""The command `mmengine migrate`; only the program imports this, so that click is needed by nobody else."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click
from rich.text import Text

from mmengine.cli.output import as_json, console, print_json
from mmengine.config.commands import config_errors
from mmengine.config.config import Config
from mmengine.config.migration.draft import BY_HAND, CHANGE, NOTE, Finding
from mmengine.config.migration.rules import migrate_config

_STYLES = {CHANGE: 'cyan', BY_HAND: 'bold red', NOTE: 'dim'}


@click.command()
@click.argument('config', type=click.Path(exists=True, dir_okay=False))
@click.option('--write', 'out', metavar='OUT', type=click.Path(dir_okay=False),
              help='Write the config with all changes that can be made safely, its bases merged into it; what is left '
                   'to do by hand stands at its top.')
@as_json
def migrate(config: str, out: str | None, as_json: bool) -> None:
    """Tell what of an older config would change, why, and what has its place.

    For configs of MMCV 1.x (runner, optimizer, lr_config, data, hooks ...), and of mmengine 0.10 where something is
    otherwise here. Each finding has its file and line, and lines to copy. A note needs no change.

    Exit codes: 0 nothing has to change, or all of it was written; 1 something has to change, by hand if --write was
    given; 2 the command or the config is wrong.

    \b
    Example:
        mmengine migrate configs/old_config.py --write configs/new_config.py
    """
    with config_errors():
        draft = migrate_config(Config.fromfile(config, import_custom_modules=False))
    if as_json:
        print_json([{**finding._asdict(), 'origin': str(finding.origin) if finding.origin else None}
                    for finding in draft.findings])
    else:
        _show(draft.findings, config)
    if out is not None:
        if os.path.realpath(out) == os.path.realpath(config):
            raise click.BadParameter(f'{out!r} is the old config, which is better kept', param_hint='--write')
        text = _header(config, draft.findings) + Config(draft.values).pretty_text
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(text, encoding='utf-8')
        click.echo(f'Written: {out}', err=True)
    left = (BY_HAND,) if out is not None else (BY_HAND, CHANGE)
    if any(finding.kind in left for finding in draft.findings):
        click.get_current_context().exit(1)


def _show(findings: Iterable[Finding], config: str) -> None:
    out = console()
    for finding in findings:
        out.print(Text.assemble((f'{finding.origin or config}', 'bold'), ': ',
                                (finding.kind, _STYLES[finding.kind]), f': {finding.key}: {finding.why}'))
        out.print(Text(f'    - {finding.old}', style='red'))
        for line in finding.new.splitlines():
            out.print(Text(f'    + {line}', style='green'))
    counts = {kind: sum(finding.kind == kind for finding in findings) for kind in _STYLES}
    click.echo(f'{counts[CHANGE]} to change, {counts[BY_HAND]} by hand, {counts[NOTE]} to know, in {config}', err=True)


def _header(config: str, findings: Iterable[Finding]) -> str:
    lines = [f'# Made from {config} by mmengine migrate.']
    for finding in findings:
        if finding.kind == BY_HAND:
            lines.append(f'# By hand: {finding.key}: {finding.why}')
            lines += [f'#     {line}' for line in finding.new.splitlines()]
    return '\n'.join(lines) + '\n\n'
