"""The command `mmengine runs`; only the program imports this, so that click is needed by nobody else."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mmengine.cli.output import as_json, print_json, print_table
from mmengine.utils.suggest import did_you_mean
from mmengine.visualization.records.runs import Run, find_runs, open_run
from mmengine.visualization.records.series import Series, matching, shorter
from mmengine.visualization.records.settings import differing_settings

#: What a run records about itself and few people compare; shown where it is asked for by name.
_ASIDE = frozenset({'time', 'data_time', 'memory'})
_keys = click.option('--key', '-k', 'keys', multiple=True, metavar='TEXT',
                     help='Show only what has this in its name; may be given several times.')
_several = click.argument('runs', nargs=-1, required=True, metavar='RUN...')


class NoRun(click.ClickException):
    """A path leads to no run, or a name to no series."""

    exit_code = 2


@click.group()
def runs() -> None:
    """List, show, compare and plot runs from their local records.

    RUN is a work_dir (its newest run is taken), the folder of one run, or its scalars.json. They are what
    LocalVisBackend writes in every run of the engine; nothing else is read, and no tracker is asked.

    Exit codes: 0 all is well; 2 the command is wrong, or there is no such run.

    \b
    Example:
        mmengine runs ls work_dirs
    """


@runs.command()
@click.argument('folder', default='work_dirs', type=click.Path(exists=True, file_okay=False))
@_keys
@as_json
def ls(folder: str, keys: tuple[str, ...], as_json: bool) -> None:
    """List the runs below a folder, work_dirs by default, with their last values.

    A run without a noted end is unfinished: it goes on, or was killed.

    \b
    Example:
        mmengine runs ls work_dirs --key accuracy --key loss
    """
    found = find_runs(folder)
    if as_json:
        print_json([_facts(run, keys) for run in found])
        return
    if not found:
        click.echo(f'There is no run below {folder}.', err=True)
        return
    print_table(['run', 'status', 'last record', 'step', 'last values'], [
        (run.name, run.status, f'{run.changed:%Y-%m-%d %H:%M}', run.last_step, _last_values(run, keys))
        for run in found], ['cyan', '', 'dim'])


def _facts(run: Run, keys: tuple[str, ...]) -> dict[str, Any]:
    last = {name: run.series[name].at('last') for name in matching(list(run.series), keys)}
    return {'run': run.name, 'folder': str(run.folder), 'status': run.status, 'tags': run.notes.get('tags', []),
            'last_record': run.changed.isoformat(timespec='seconds'), 'step': run.last_step,
            'last': {name: pair[0] for name, pair in last.items() if pair is not None}}


def _last_values(run: Run, keys: tuple[str, ...]) -> str:
    shown = _chosen(run.series, keys)
    if not keys:  # the parts of a loss would fill the line
        shown = [name for name in shown if name not in ('lr', 'momentum') and '_loss' not in name][:4]
    pairs = ((name, run.series[name].at('last')) for name in shown)
    return '  '.join(f'{name} {shorter(pair[0])}' for name, pair in pairs if pair is not None)


def _chosen(series: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    names = [name for name in series if keys or name.rpartition('/')[2] not in _ASIDE]
    return matching(names, keys)


@runs.command()
@click.argument('run')
@_keys
@as_json
def show(run: str, keys: tuple[str, ...], as_json: bool) -> None:
    """Show how a run ended, and each number: first, last, least and greatest, and where.

    \b
    Example:
        mmengine runs show work_dirs/my_config --json
    """
    opened = _open(run)
    names = _named([opened], keys)
    if as_json:
        print_json({**_facts(opened, keys), 'config': opened.config, 'unread_lines': opened.unread,
                    'series': {name: _summary(opened.series[name]) for name in names}})
        return
    facts = [('run', opened.name), ('records', opened.folder), ('status', opened.status),
             ('last record', f'{opened.changed:%Y-%m-%d %H:%M:%S}'), ('step', opened.last_step),
             ('tags', ', '.join(opened.notes.get('tags', [])) or None),
             ('unread lines', opened.unread or None)]
    print_table(['', ''], [fact for fact in facts if fact[1] is not None], ['bold'])
    click.echo()
    print_table(['name', 'values', 'first', 'last', 'least', 'at', 'greatest', 'at'],
                [_row(opened.series[name]) for name in names], ['cyan'])


def _summary(series: Series) -> dict[str, Any]:
    ends = {which: series.at(which) for which in ('last', 'min', 'max')}
    return {'values': len(series.values), 'first': series.values[0], **{
        which: None if pair is None else {'value': pair[0], 'step': pair[1]} for which, pair in ends.items()}}


def _row(series: Series) -> list[Any]:
    last, low, high = (series.at(which) for which in ('last', 'min', 'max'))
    if last is None or low is None or high is None:
        return [series.name, len(series.values), *['not a number'] * 6]
    return [series.name, len(series.values), shorter(series.values[0]), shorter(last[0]), shorter(low[0]), low[1],
            shorter(high[0]), high[1]]


@runs.command()
@_several
@_keys
@click.option('--by', type=click.Choice(['last', 'min', 'max']), default='last', show_default=True,
              help='Which value of each number is compared.')
@as_json
def compare(runs: tuple[str, ...], keys: tuple[str, ...], by: str, as_json: bool) -> None:
    """Compare numbers and configs of runs, side by side.

    \b
    Example:
        mmengine runs compare work_dirs/first work_dirs/second --by max --key accuracy
    """
    opened = [_open(path) for path in runs]
    names = _named(opened, keys)
    values = {name: [_value(run, name, by) for run in opened] for name in names}
    settings = differing_settings([run.config for run in opened])
    if as_json:
        print_json({'runs': [run.name for run in opened], 'by': by, 'values': values, 'configs': settings})
        return
    heads = [run.name for run in opened]
    print_table([by, *heads], [[name, *('-' if value is None else shorter(value) for value in row)]
                               for name, row in values.items()], ['cyan'])
    if settings:
        click.echo()
        print_table(['config', *heads], [[key, *('-' if value is None else value for value in row)]
                                         for key, row in settings.items()], ['cyan'])


def _value(run: Run, name: str, by: str) -> float | None:
    pair = run.series[name].at(by) if name in run.series else None
    return None if pair is None else pair[0]


@runs.command()
@_several
@_keys
@click.option('--out', '-o', default='curves.html', show_default=True, type=click.Path(dir_okay=False),
              help='The file to write: a picture if it ends in .png, a page if it ends in .html.')
@click.option('--log', is_flag=True, help='Have a logarithmic axis in a picture; in a page it can be chosen.')
def plot(runs: tuple[str, ...], keys: tuple[str, ...], out: str, log: bool) -> None:
    """Draw curves of runs as a PNG, or as one HTML page that needs no network.

    The page shows the values below the pointer, hides and shows runs, smooths, and filters charts by name.

    \b
    Example:
        mmengine runs plot work_dirs/first work_dirs/second --key loss --out curves.html
    """
    opened = [_open(path) for path in runs]
    names = _named(opened, keys)
    by_name = {_label(run, opened): run for run in opened}
    suffix = Path(out).suffix.lower()
    if suffix == '.png':
        from mmengine.visualization.records.pictures import draw_curves
        draw_curves(by_name, names, out, log)
    elif suffix in ('.html', '.htm'):
        from mmengine.visualization.records.page import curves_page
        Path(out).write_text(curves_page(by_name, names, title=', '.join(by_name)), encoding='utf-8')
    else:
        raise click.BadParameter(f'{out!r} should end in .png or .html', param_hint='--out')
    click.echo(f'{out}: {len(names)} charts of {len(by_name)} {"run" if len(by_name) == 1 else "runs"}')


def _label(run: Run, others: list[Run]) -> str:
    """Name a run by what the paths of all do not share."""
    if len(others) == 1:
        return run.name
    start = os.path.commonpath([os.path.abspath(one.name) for one in others])
    return os.path.relpath(os.path.abspath(run.name), start)


def _open(path: str) -> Run:
    try:
        return open_run(path)
    except FileNotFoundError as error:
        raise NoRun(str(error)) from error


def _named(opened: list[Run], keys: tuple[str, ...]) -> list[str]:
    """List what the runs have recorded and `keys` ask for, in the order of the records."""
    known = dict.fromkeys(name for run in opened for name in run.series)
    names = _chosen(known, keys)
    if not names:
        near = ''.join(did_you_mean(key, known) for key in keys)
        raise NoRun(f'Nothing of that name is recorded.{near} There are {", ".join(known) or "no numbers at all"}.')
    return names
