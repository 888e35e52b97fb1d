"""What to say when a name is not registered: where it was looked for, what was meant, and the line that mends it."""
from __future__ import annotations

from collections.abc import Iterator

from mmengine.interfaces import Origin
from mmengine.registry.default_scope import DefaultScope
from mmengine.registry.libraries import DISTRIBUTIONS, MMCV_TRANSFORMS, import_registries, is_dotted_path
from mmengine.registry.node import REGISTRIES, RegistryNode
from mmengine.registry.whereabouts import Definition, find_definition
from mmengine.utils import get_object_from_string
from mmengine.utils.suggest import did_you_mean


def explain_miss(registry: RegistryNode, key: str, origin: Origin | None = None) -> str:
    """Word that `key` is not in reach of a registry.

    Args:
        registry: The registry that was asked.
        key: The name, maybe with a scope before it.
        origin: Where the config has the name.
    """
    tried = ', '.join(node.label for node in _asked(registry, key))
    certain = [*_elsewhere(registry, key), *_known(registry, key)]
    hints = certain or _guesses(registry, key)
    near = did_you_mean(key, _names_in_reach(registry)) if not certain else ''
    place = f' ({origin})' if origin is not None else ''
    return '\n  '.join([f'{key} is not in the {registry.label} registry.{place}{near}',
                        f'Tried in this order: {tried}.', *hints])


def _asked(registry: RegistryNode, key: str) -> Iterator[RegistryNode]:
    scope, name = registry.split_scope_key(key)
    node = registry if scope is None else registry._node_of(scope)
    if node is None:
        yield from registry.lineage()
    elif scope is None:
        yield from node.lineage()
    else:
        yield from _asked(node, name)


def _names_of(node: RegistryNode) -> set[str]:
    return {*node.module_dict, *node._providers.targets, *node._providers.offered()}


def _names_in_reach(registry: RegistryNode) -> Iterator[str]:
    """List the names as they would have to be written: with a scope, unless they are found without."""
    lineage = list(registry.lineage())
    for node in (registry.root, *registry.root.descendants()):
        names = _names_of(node)
        yield from names if any(node is one for one in lineage) else (f'{node.scope}.{name}' for name in names)


def _elsewhere(registry: RegistryNode, key: str) -> Iterator[str]:
    """Tell which other scopes have the very name."""
    name = key.rpartition('.')[2]
    reach = list(_asked(registry, key))
    for node in (registry.root, *registry.root.descendants()):
        if name in _names_of(node) and not any(node is one for one in reach):
            yield f"The scope {node.scope!r} has it: type='{node.scope}.{name}', or default_scope = {node.scope!r}"


def _known(registry: RegistryNode, key: str) -> Iterator[str]:
    """Tell which distribution or library has the name, where the name alone gives it away."""
    if key in DISTRIBUTIONS:
        distribution = DISTRIBUTIONS[key]
        yield f'{key} is in the distribution {distribution!r}, which is not installed: pip install {distribution}'
    if registry.name == 'transform' and key in MMCV_TRANSFORMS:
        yield (f'{key} is in the library mmcv (pip install mmcv); let the config import it: '
               f"custom_imports = dict(imports=['mmcv.transforms'])")


def _scope_problem(registry: RegistryNode, key: str) -> Iterator[str]:
    """Tell why the scope of the name, or the one in force, could not be asked."""
    scope, _ = registry.split_scope_key(key)
    current = DefaultScope.get_current_instance()
    if scope is None and current is not None:
        scope = current.scope_name
    if scope is not None and registry.root._search_child(scope) is None:
        reason = import_registries(scope)
        if reason is not None:
            yield f'The scope {scope!r} cannot be asked: {reason}'


def _dotted(key: str) -> Iterator[str]:
    """Tell how far a dotted path of an object leads."""
    parts = key.split('.') if is_dotted_path(key) else []
    for end in range(len(parts) - 1, 1, -1):
        path = '.'.join(parts[:end])
        found = get_object_from_string(path)
        if found is not None:
            yield f'{path} has no {parts[end]!r}.{did_you_mean(parts[end], dir(found))}'
            return


def _failures(registry: RegistryNode, key: str) -> Iterator[str]:
    """Tell what was to be asked but is not installed."""
    name = key.rpartition('.')[2]
    for node in registry.lineage():
        yield from dict.fromkeys(node._absent.values())
        if name in node._providers.failures:
            yield node._providers.failures[name]


def _guesses(registry: RegistryNode, key: str) -> list[str]:
    """Tell what could not be asked, where code defines the name, which other registry has it, or how it is done."""
    name = key.rpartition('.')[2]
    definitions = find_definition(name)
    found = [*_scope_problem(registry, key), *_dotted(key), *_failures(registry, key),
             *(_say_where(definition, name) for definition in definitions[:2])]
    if found:
        return found
    others = sorted(node.label for node in list(REGISTRIES) if name in _names_of(node))
    if others:
        return [f'{", ".join(others)} has it, but what is wanted here is of the registry {registry.name!r}.']
    return [f'If {name!r} is your own, decorate it with `register_module()` of the registry {registry.name!r}, and let '
            f"the config import its module: custom_imports = dict(imports=['package.module'])"]


def _say_where(definition: Definition, name: str) -> str:
    where = f'{name!r} is defined in {definition.file}:{definition.line}'
    if not definition.registered:
        return f'{where}, but not registered: decorate it with `register_module()` of the registry'
    if definition.imported:
        return f'{where}, which is imported, but registered in another registry or by another name'
    hint = '' if definition.importable else ' (and set PYTHONPATH so that it can be imported)'
    return f'{where}, which nothing imports: custom_imports = dict(imports=[{definition.module!r}]){hint}'
