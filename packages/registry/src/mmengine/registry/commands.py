"""The command `mmengine registry`; only the program imports this, so that click is needed by nobody else."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module

import click

from mmengine.cli.output import as_json, print_json, print_table
from mmengine.registry.libraries import import_registries
from mmengine.registry.members import Member, members, roots
from mmengine.registry.node import RegistryNode
from mmengine.registry.whereabouts import find_definition
from mmengine.utils.suggest import did_you_mean


@click.group()
def registry() -> None:
    """Show what can be named in a config.

    Exit codes: 0 all is well; 1 nothing is found; 2 the command is wrong.

    \b
    Example:
        mmengine registry ls HOOKS
    """


_scope = click.option('--scope', '-s', help='Have the registries of this library, such as mmdet; they are imported.')
_imports = click.option('--import', '-i', 'imports', multiple=True, metavar='MODULE',
                        help='Import a module first, such as one of your own in the current folder; may be repeated.')


def _import(modules: Iterable[str]) -> None:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in modules:
        try:
            import_module(module)
        except Exception as error:  # of whatever the module does
            raise click.UsageError(f'--import {module}: {type(error).__name__}: {error}') from error


def _ask(scope: str | None, known: Iterable[RegistryNode]) -> None:
    """Import the registries of a library."""
    if scope is not None:
        reason = import_registries(scope)
        if reason is not None and not any(_of_scope(node, scope) for node in known):
            raise click.ClickException(f'The scope {scope!r} cannot be asked: {reason}')


@registry.command()
@click.argument('name', required=False)
@_scope
@_imports
@as_json
def ls(name: str | None, scope: str | None, imports: tuple[str, ...], as_json: bool) -> None:
    """List the registries, or the names in one, each with the class or function that it stands for.

    The modules that register the members of a registry are imported when the registry is named, and not before.

    \b
    Example:
        mmengine registry ls
        mmengine registry ls MODELS --scope mmdet
    """
    known = roots()
    _import(imports)
    _ask(scope, known.values())
    if name is None:
        _list_registries(known, as_json)
        return
    found = name if name in known else next((key for key, node in known.items() if node.name == name), None)
    if found is None:
        raise click.ClickException(f'There is no registry {name!r}.{did_you_mean(name, known)}')
    rows = _members_of(found, known[found], scope)
    if as_json:
        print_json([row._asdict() for row in rows])
    else:
        print_table(['', ''], [(row.name, _target(row)) for row in rows], ['cyan'])


def _list_registries(known: dict[str, RegistryNode], as_json: bool) -> None:
    scopes = {key: [one.scope for one in (node, *node.descendants())] for key, node in known.items()}
    if as_json:
        print_json([{'registry': key, 'name': node.name, 'scopes': scopes[key]} for key, node in known.items()])
    else:
        rows = [(key, f'{node.name} ({", ".join(scopes[key])})') for key, node in known.items()]
        print_table(['', ''], rows, ['cyan'])


@registry.command()
@click.argument('name')
@_scope
@_imports
@as_json
def find(name: str, scope: str | None, imports: tuple[str, ...], as_json: bool) -> None:
    """Find a name, or a part of one, in all registries, with its file and distribution.

    Upper and lower case are alike. The modules that register the members of all registries are imported. Exit code 1
    when nothing is found, with the nearest names and the files that define such a class without being imported.

    \b
    Example:
        mmengine registry find StepLR
        mmengine registry find resnet --scope mmdet --json
    """
    known = roots()
    _import(imports)
    _ask(scope, known.values())
    every = [member for key, node in known.items() for member in _members_of(key, node, scope)]
    found = [member for member in every if name.casefold() in member.name.casefold()]
    found.sort(key=lambda member: (member.name.rpartition('.')[2].casefold() != name.casefold(), member.registry))
    if as_json:
        print_json([member._asdict() for member in found])
    elif found:
        print_table(['registry', 'name', 'stands for', 'file', 'distribution'],
                    [(one.registry, one.name, _target(one), _file(one), one.distribution or '-') for one in found],
                    ['', 'cyan', '', 'dim'])
    if not found:
        click.echo(_miss(name, every), err=True)
        click.get_current_context().exit(1)


def _miss(name: str, every: Iterable[Member]) -> str:
    text = f'No registry has {name!r}.{did_you_mean(name, sorted({member.name for member in every}))}'
    for place in find_definition(name):
        text += f'\n{place.file}:{place.line} defines it, which is not imported: --import {place.module}'
    return text


def _members_of(key: str, node: RegistryNode, scope: str | None) -> list[Member]:
    nodes = [node, *node.descendants()] if scope is None else _of_scope(node, scope)
    return sorted({member for one in nodes for member in members(key, one, prefix=one is not node)},
                  key=lambda member: (member.name, member.target))


def _of_scope(node: RegistryNode, scope: str) -> list[RegistryNode]:
    return [one for one in (node, *node.descendants()) if one.scope == scope]


def _target(member: Member) -> str:
    return member.target if member.imported else f'{member.target} (not imported yet)'


def _file(member: Member) -> str:
    if member.file is None:
        return '-'
    return member.file if member.line is None else f'{member.file}:{member.line}'
