"""The command `mmengine registry`; only the program imports this, so that click is needed by nobody else."""
from __future__ import annotations

from collections.abc import Iterator

import click

from mmengine.registry import root
from mmengine.registry.arguments import qualified_name
from mmengine.registry.libraries import import_registries
from mmengine.registry.node import RegistryNode
from mmengine.utils.suggest import did_you_mean


@click.group()
def registry() -> None:
    """Show what can be named in a config.

    \b
    Example:
        mmengine registry ls HOOKS
    """


@registry.command()
@click.argument('name', required=False)
@click.option('--scope', '-s', help='List what this library has, such as mmdet; its registries are imported.')
def ls(name: str | None, scope: str | None) -> None:
    """List the registries, or the names in one, each with the class or function that it stands for.

    The modules that register the members of a registry are imported when the registry is named, and not before.

    \b
    Example:
        mmengine registry ls
        mmengine registry ls MODELS --scope mmdet
    """
    known = {key: value for key, value in vars(root).items() if isinstance(value, RegistryNode)}
    if scope is not None:
        reason = import_registries(scope)
        if reason is not None and not any(_of_scope(node, scope) for node in known.values()):
            raise click.ClickException(f'The scope {scope!r} cannot be asked: {reason}')
    if name is None:
        width = max(map(len, known))
        for key, node in known.items():
            scopes = ', '.join(one.scope for one in (node, *node.descendants()))
            click.echo(f'{key:{width}}  {node.name} ({scopes})')
        return
    found = known[name] if name in known else next((node for node in known.values() if node.name == name), None)
    if found is None:
        raise click.ClickException(f'There is no registry {name!r}.{did_you_mean(name, known)}')
    nodes = [found, *found.descendants()] if scope is None else _of_scope(found, scope)
    rows = sorted({row for node in nodes for row in _rows(node, prefix=node is not found)})
    width = max((len(row[0]) for row in rows), default=0)
    for key, target in rows:
        click.echo(f'{key:{width}}  {target}')


def _of_scope(node: RegistryNode, scope: str) -> list[RegistryNode]:
    return [one for one in (node, *node.descendants()) if one.scope == scope]


def _rows(node: RegistryNode, prefix: bool) -> Iterator[tuple[str, str]]:
    """Give each name as it is written from the root, with what it stands for; what is only offered stays unimported."""
    node.import_from_location()
    before = f'{node.scope}.' if prefix else ''
    offered = node._providers.offered()
    for key in {*node.module_dict, *node._providers.targets, *offered}:
        target = node.module_dict.get(key)
        if target is not None:
            yield f'{before}{key}', qualified_name(target)
        else:
            entry = offered.get(key)
            promised = node._providers.targets.get(key)
            where = entry.value if entry is not None else promised if isinstance(promised, str) else 'when it is named'
            yield f'{before}{key}', f'{where} (not imported yet)'
