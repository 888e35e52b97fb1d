"""Modules of a registry that are imported when their name is asked for."""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module, metadata
from typing import Any

from mmengine.registry.libraries import is_absent


class Providers:
    """What can be had by name without being imported yet: named one by one, or offered by an entry-point group.

    Args:
        group: Entry-point group; each entry point is `name = module:object`.
    """

    def __init__(self, group: str | None = None) -> None:
        self.group = group
        self.targets: dict[str, str | Callable[[], Any]] = {}
        self.failures: dict[str, str] = {}

    def resolve(self, name: str) -> Any:
        """Get what was promised for `name`; None if nothing was, or if the module that has it is not installed."""
        target = self.targets.get(name)
        if target is None:
            return None
        if callable(target):
            return target()
        module, _, attribute = target.partition(':')
        try:
            found: Any = import_module(module)
        except ModuleNotFoundError as e:
            if not is_absent(e, module):
                raise
            self.failures[name] = f'{name!r} would come from {target}, but there is no module {e.name!r}'
            return None
        for part in attribute.split('.'):
            found = getattr(found, part)
        return found

    def offered(self) -> dict[str, metadata.EntryPoint]:
        """Find what installed distributions offer; nothing is imported.

        Asked only on a miss, and anew every time: the answer may be to install something in a running notebook.
        """
        if self.group is None:
            return {}
        return {entry.name: entry for entry in metadata.entry_points(group=self.group)}

    def offers(self, name: str, module: Any) -> bool:
        """Tell whether `module` is what an installed distribution offers by this name."""
        entry = self.offered().get(name)
        origin = getattr(module, '__module__', None)
        return entry is not None and f'{origin}.'.startswith(f'{entry.module}.')
