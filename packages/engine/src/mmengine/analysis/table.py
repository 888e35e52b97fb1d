"""Tables of text, of modules and what they count."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn


def format_size(x: int | float, sig_figs: int = 3, hide_zero: bool = False) -> str:
    """Write a count with K, M, G, T or P behind it, from a little over a tenth of the unit on.

    Args:
        x: The count.
        sig_figs: How many decimals are kept at most.
        hide_zero: Whether zero is an empty string.
    """
    if hide_zero and x == 0:
        return ''
    for unit, letter in ((1e15, 'P'), (1e12, 'T'), (1e9, 'G'), (1e6, 'M'), (1e3, 'K')):
        if abs(x) > unit / 10:
            text = f'{x / unit:.{sig_figs}f}'
            return (text.rstrip('0').rstrip('.') if '.' in text else text) + letter
    return str(x)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str = '') -> str:
    """Draw a table; its cells are never wrapped.

    Args:
        header: Titles of the columns.
        rows: Cells of each row.
        title: Title of the table, in the middle above it.
    """
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    rule = '+'.join(['', *('-' * (width + 2) for width in widths), ''])
    lines = ['|'.join(['', *(f' {cell:<{width}} ' for cell, width in zip(row, widths, strict=True)), ''])
             for row in (header, *rows)]
    drawn = [rule, lines[0], rule, *lines[1:], rule]
    return '\n'.join([title.center(len(rule)), *drawn] if title else drawn) + '\n'


def child_names(model: nn.Module) -> dict[str, list[str]]:
    """List what stands below each module: its own parameters first, then its modules, by full name.

    Args:
        model: The model; the names of what it holds begin with those of its parents.
    """
    children: dict[str, list[str]] = {'': []}
    first_names = {name for name, _ in model.named_modules()} | {name for name, _ in model.named_parameters()}
    for name, module in model.named_modules():
        prefix = f'{name}.' if name else ''
        own = [f'{prefix}{key}' for key in (*module._parameters, *module._modules)]
        children[name] = [child for child in own if child in first_names]
    return children


def parameter_rows(model: nn.Module, counts: Mapping[str, int], max_depth: int) -> list[list[str]]:
    """Make the rows of a table of parameters.

    Args:
        model: The model.
        counts: Numbers of elements by name, see `parameter_count`.
        max_depth: How deep modules and parameters are listed.
    """
    children, shapes = child_names(model), _shapes(model)
    rows = [['model', format_size(counts.get('', 0), 1)]]

    def add(parent: str, depth: int) -> None:
        for name in children.get(parent, []) if depth <= max_depth else []:
            if name in counts:
                indent = ' ' * depth
                rows.append([indent + name, indent + (shapes.get(name) or format_size(counts[name], 1))])
                add(name, depth + 1)

    add('', 1)
    return rows


def statistics_rows(model: nn.Module, columns: Sequence[Mapping[str, str]], max_depth: int,
                    show_param_shapes: bool) -> list[list[str]]:
    """Make the rows of a table of statistics of modules.

    Modules about which there is nothing to say are left out, and a module whose only child says the same is shown as
    that child.

    Args:
        model: The model.
        columns: The texts of each column by the name of a module.
        max_depth: How deep modules are listed.
        show_param_shapes: Whether parameters are listed, with their shapes in the first column.
    """
    children = child_names(model)
    shapes = _shapes(model) if show_param_shapes else {}

    def cells(name: str) -> list[str]:
        return [column.get(name, '') for column in columns]

    def shown(name: str) -> list[str]:
        return [child for child in children.get(name, [])
                if child in shapes or (child in children and any(cell not in ('', '0') for cell in cells(child)))]

    def forward(name: str) -> str:
        below = shown(name)
        while len(below) == 1 and below[0] in children and cells(below[0]) == cells(name):
            name = below[0]
            below = shown(name)
        return name

    rows = [['model', *cells('')]]

    def add(parent: str, depth: int) -> None:
        for name in shown(parent) if depth <= max_depth else []:
            indent = ' ' * depth
            if name in shapes:
                rows.append([indent + name, indent + shapes[name], *[''] * (len(columns) - 1)])
                continue
            reached = forward(name)
            rows.append([indent + reached, *(indent + cell if cell else '' for cell in cells(reached))])
            add(reached, depth + 1)

    add('', 1)
    return rows


def _shapes(model: nn.Module) -> dict[str, str]:
    return {name: str(tuple(parameter.shape)) for name, parameter in model.named_parameters()}
