"""What commands print: in colour on a terminal, plain in a pipe, JSON for programs."""
from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

as_json = click.option('--json', 'as_json', is_flag=True, help='Print JSON for a program to read.')


def console() -> Console:
    """Give what prints in colour on a terminal, and plain text otherwise."""
    from rich.console import Console  # takes long to import
    return Console(highlight=False, soft_wrap=True)


def is_terminal() -> bool:
    """Tell whether a person reads what is printed."""
    return sys.stdout.isatty()


def print_json(value: Any) -> None:
    """Print a value as JSON; numbers that JSON does not have become null."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], styles: Sequence[str] = ()) -> None:
    """Print rows below the names of their columns; in a pipe each row is one line, and nothing is cut off.

    Args:
        columns: Names of the columns; where all are empty, there is no heading.
        rows: The cells.
        styles: Style of each column on a terminal, as rich names them.
    """
    cells = [['' if cell is None else str(cell) for cell in row] for row in rows]
    if is_terminal():
        _print_rich(columns, cells, styles)
        return
    shown = [list(columns), *cells] if any(columns) else cells
    widths = [max((len(row[index]) for row in shown), default=0) for index in range(len(columns))]
    for row in shown:
        click.echo('  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_rich(columns: Sequence[str], cells: Sequence[Sequence[str]], styles: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
    table = Table(box=None, pad_edge=False, header_style='bold', show_header=any(columns))
    for index, name in enumerate(columns):
        table.add_column(name, style=styles[index] if index < len(styles) else '', overflow='fold')
    for row in cells:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)
