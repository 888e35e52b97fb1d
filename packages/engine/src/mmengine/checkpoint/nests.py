"""Walk through a state: nests of dicts, lists and tuples."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


def mapped(value: Any, change: Callable[[Any, str], Any], name: str = '') -> Any:
    """Copy a nest with some of what is in it replaced.

    Args:
        value: The nest.
        change: Gives what stands in place of an item, or the item itself to leave it; it is asked of containers first
            and then of what they hold, and told the keys that lead there, joined by `/`.
        name: The keys that lead to `value`.
    """
    changed = change(value, name)
    if changed is not value:
        return changed
    below = f'{name}/' if name else ''
    if isinstance(value, dict):
        made = type(value)((key, mapped(item, change, f'{below}{key}')) for key, item in value.items())
        if hasattr(value, '__dict__'):  # the metadata of a state dict
            made.__dict__.update(value.__dict__)
        return made
    if isinstance(value, (list, tuple)) and not hasattr(value, '_fields'):
        return type(value)(mapped(item, change, f'{below}{index}') for index, item in enumerate(value))
    return value
