"""What is registered where, and the default scope of a program."""
from __future__ import annotations

import itertools
import json
import logging
import os
from datetime import datetime
from typing import Any

from mmengine.logging import print_log
from mmengine.registry import root
from mmengine.registry.default_scope import DefaultScope
from mmengine.registry.node import RegistryNode
from mmengine.registry.registry import Registry


def traverse_registry_tree(registry: Registry, verbose: bool = True) -> list[dict[str, Any]]:
    """List what a tree of registries holds, the root first, whichever of its registries is given.

    Args:
        registry: A registry of the tree.
        verbose: Whether the list is logged.

    Returns:
        For each registry its `scope`, `num_modules`, and the registered names by the folder of the file that has them.
    """
    top = registry.root
    found = [_describe(node) for node in (top, *top.descendants())]
    if verbose:
        for info in found:
            print_log(f'{registry.name}, scope {info["scope"]!r}: {info}', logger='current')
    return found


def _describe(node: RegistryNode) -> dict[str, Any]:
    info: dict[str, Any] = dict(num_modules=len(node.module_dict), scope=node.scope)
    for name, module in node.module_dict.items():
        origin = getattr(module, '__module__', None) or type(module).__module__
        info.setdefault('/'.join(origin.split('.')[:-1]), []).append(name)
    return info


def count_registered_modules(save_path: str | None = None, verbose: bool = True) -> dict[str, Any]:
    """List what all trees of registries hold, after importing everything that is installed.

    Args:
        save_path: Folder for `modules_statistic_results.json`; nothing is written without it.
        verbose: Whether the lists are logged.
    """
    registries = {name: value for name, value in vars(root).items() if isinstance(value, Registry)}
    for registry in registries.values():
        registry.import_from_location()
    result = dict(scan_date=datetime.now().strftime('%Y-%m-%d_%H:%M:%S'),
                  registries={name: traverse_registry_tree(registry, verbose)
                              for name, registry in registries.items()})
    if save_path is not None:
        os.makedirs(save_path, exist_ok=True)
        file = os.path.join(save_path, 'modules_statistic_results.json')
        with open(file, 'w', encoding='utf-8') as f:
            json.dump(result, f, indent=2)
        if verbose:
            print_log(f'The registered modules are listed in {file}', logger='current')
    return result


def init_default_scope(scope: str) -> None:
    """Put a scope in force for the program; a warning says so if another one was.

    Args:
        scope: The scope, `'mmdet'` for example.
    """
    current = DefaultScope.get_current_instance()
    if current is not None and current.scope_name == scope:
        return
    if current is not None:
        print_log(f'The default scope was {current.scope_name!r} and is now {scope!r}: names without a prefix are '
                  f'looked up in {scope!r} first', logger='current', level=logging.WARNING)
    names = itertools.chain([scope], (f'{scope}-{number}' for number in itertools.count(2)))
    for name in names:  # an instance called like the scope may be one of another scope
        if not DefaultScope.check_instance_created(name):
            DefaultScope.get_instance(name, scope_name=scope)
            return
        known = DefaultScope.get_instance(name)
        if known.scope_name == scope:
            known.make_current()
            return
