"""The command `mmengine doctor`: what is installed, what does not fit together, and the line that mends it."""
from __future__ import annotations

from typing import Any

import click

from mmengine.cli.installation import libraries, parts, trackers
from mmengine.cli.output import as_json, console, print_json, print_table
from mmengine.cli.problems import find_problems


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Tell what is installed and what does not fit together.

    Looks at Python and libraries, parts and trackers with their versions, files of another mmengine, damaged files and
    requirements that are not met. Nothing is imported or changed. Each problem comes with the line that mends it.

    Exit codes: 0 all is well; 1 there are problems.

    \b
    Example:
        mmengine doctor --json
    """
    report = examine()
    if as_json:
        print_json(report)
    else:
        _show(report)
    if report['problems']:
        click.get_current_context().exit(1)


def examine() -> dict[str, Any]:
    """Give what the command prints: `libraries`, `parts`, `trackers` and `problems`."""
    installed = parts()
    return {
        'libraries': libraries(),
        'parts': {name: distribution.version for name, distribution in installed.items()},
        'trackers': [vars(tracker) for tracker in trackers()],
        'problems': [problem._asdict() for problem in find_problems(installed)],
    }


def _show(report: dict[str, Any]) -> None:
    rows = [(name, version or 'not installed') for name, version in report['libraries'].items()]
    print_table(['library', 'version'], rows, ['cyan'])
    click.echo()
    print_table(['part', 'version'], list(report['parts'].items()), ['cyan'])
    click.echo()
    if report['trackers']:
        print_table(['tracker', 'of', 'client'], [
            (tracker['name'], tracker['distribution'], _clients(tracker['clients'])) for tracker in report['trackers']
        ], ['cyan'])
    else:
        click.echo('No tracker is installed: pip install mmparts-tensorboard, for example')
    click.echo()
    from rich.text import Text
    out = console()
    for problem in report['problems']:
        out.print(Text(f'Problem: {problem["text"]}', style='bold red'))
        out.print(Text(f'    {problem["mend"]}'))
    if not report['problems']:
        out.print(Text('All fits together.', style='green'))


def _clients(clients: dict[str, str | None]) -> str:
    return ', '.join(f'{name} {version or "not installed"}' for name, version in clients.items()) or 'none needed'
