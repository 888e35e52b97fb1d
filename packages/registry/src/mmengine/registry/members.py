"""What the registries hold, with the file and the distribution of each member."""
from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from typing import Any, NamedTuple

from mmengine._parts import DISTRIBUTIONS
from mmengine.cli.summary import source_of
from mmengine.registry import root
from mmengine.registry.arguments import qualified_name
from mmengine.registry.node import RegistryNode


class Member(NamedTuple):
    """One member of a registry.

    Attributes:
        registry: The variable that holds the registry, such as `MODELS`.
        name: The name, as it is written where the root registry is asked.
        target: The class or function, or where it would come from.
        imported: Whether it has been imported.
        file: The file that defines it, None if that is not known.
        line: The line, None if that is not known.
        distribution: The distribution that brings it, None if it belongs to none.
    """

    registry: str
    name: str
    target: str
    imported: bool
    file: str | None
    line: int | None
    distribution: str | None


def roots() -> dict[str, RegistryNode]:
    """Give the root registries by the names of their variables."""
    return {key: value for key, value in vars(root).items() if isinstance(value, RegistryNode)}


def members(key: str, node: RegistryNode, prefix: bool) -> Iterator[Member]:
    """Give what a registry holds; what is only offered stays unimported.

    Args:
        key: The variable of its root.
        node: The registry; the modules that register its members are imported.
        prefix: Whether names begin with the scope.
    """
    node.import_from_location()
    before = f'{node.scope}.' if prefix else ''
    offered = node._providers.offered()
    for name in {*node.module_dict, *node._providers.targets, *offered}:
        target = node.module_dict.get(name)
        if target is not None:
            file, line = _place(target)
            module = getattr(target, '__module__', None) or ''
            yield Member(key, f'{before}{name}', qualified_name(target), True, file, line, distribution_of(module))
        else:
            entry, promised = offered.get(name), node._providers.targets.get(name)
            where = entry.value if entry is not None else promised if isinstance(promised, str) else ''
            module = where.partition(':')[0]
            yield Member(key, f'{before}{name}', where or 'when it is named', False,
                         source_of(module) if module else None, None, distribution_of(module))


def _place(target: Any) -> tuple[str | None, int | None]:
    try:
        file = inspect.getsourcefile(target)
    except TypeError:  # built in
        return None, None
    try:
        return file, inspect.getsourcelines(target)[1]
    except (OSError, TypeError):
        return file, None


def distribution_of(module: str) -> str | None:
    """Tell which distribution a module comes from; None for one that belongs to none, such as a file of the user."""
    top, _, below = module.partition('.')
    if top == 'mmengine':
        part, _, further = below.partition('.')
        return f'mmparts-{further.partition(".")[0]}' if part == 'integrations' else DISTRIBUTIONS.get(part)
    return next(iter(_distributions().get(top, ())), None)


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    """Give the distributions by their top modules; before Python 3.11 the standard library knows only of some."""
    found: dict[str, list[str]] = {}
    for distribution in metadata.distributions():
        for top in {file.parts[0].removesuffix('.py') for file in distribution.files or () if file.suffix == '.py'}:
            found.setdefault(top, []).append(distribution.metadata['Name'])
    return found
