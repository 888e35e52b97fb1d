"""Merging of a child config over its base, and of dotted options over a config."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config.config_dict import DELETE_KEY, ConfigDict
from mmengine.config.errors import ConfigKeyError, ConfigTypeError
from mmengine.interfaces import Origin, origin_of


def merge_a_into_b(a: Mapping[Any, Any], b: Any, allow_list_keys: bool = False, path: str = '') -> Any:
    """Merge dict `a` over `b`, and give the result; neither is changed.

    Args:
        a: The dict that wins. With `_delete_=True` in a dict of it, that replaces the one in `b`.
        b: The dict, or list, that is merged into.
        allow_list_keys: Whether `'0'` in `a` stands for the first item where `b` is a list.
        path: The keys that lead to `b`, for messages.
    """
    merged = b.copy()
    for key, value in (dict.items(a) if isinstance(a, dict) else a.items()):
        here = f'{path}.{key}' if path else str(key)
        origin = origin_of(a, key)
        if allow_list_keys and isinstance(b, list) and str(key).isdigit():
            index = int(key)
            if index >= len(b):
                raise ConfigKeyError(f'Index {index} exceeds the length of list {b}{_at(here, origin)}')
            merged[index] = _merged(value, b[index], allow_list_keys, here, origin)
        elif isinstance(b, list):
            raise ConfigTypeError(f'{here} would change a list by the key {key!r}, which is no index of it')
        elif isinstance(value, dict) and key in merged and not dict.get(value, DELETE_KEY, False):
            kept = origin_of(b, key)  # the line that makes the dict; each of its keys has its own
            _set(merged, key, _merged(value, dict.get(merged, key), allow_list_keys, here, origin), kept)
        else:
            _set(merged, key, _without_delete(value), origin)
    if isinstance(merged, ConfigDict):
        merged._set_origins(merged.origin_of() or origin_of(a))
    return merged


def _merged(value: Any, base: Any, allow_list_keys: bool, path: str, origin: Origin | None) -> Any:
    if not isinstance(value, dict):
        return value
    allowed = (dict, list) if allow_list_keys else (dict,)
    if not isinstance(base, allowed):
        raise ConfigTypeError(
            f'The dict {value!r:.100} cannot be merged into {base!r:.100}, of type {type(base).__name__}'
            f'{_at(path, origin)}. Put `{DELETE_KEY}=True` into it to replace what the base has')
    return merge_a_into_b(value, base, allow_list_keys, path)


def _at(path: str, origin: Origin | None) -> str:
    return f' (key {path!r}{f", {origin}" if origin else ""})'


def _set(holder: dict[Any, Any], key: Any, value: Any, origin: Origin | None) -> None:
    if isinstance(holder, ConfigDict):
        holder[key] = value
        holder._set_origins(None, {key: origin} if origin else None)
    else:
        holder[key] = value


def _without_delete(value: Any) -> Any:
    """Drop the mark `_delete_`, in the dict that has replaced a base's and in those below."""
    if not isinstance(value, dict):
        return value
    new = value.copy() if isinstance(value, ConfigDict) else ConfigDict(value) if type(value) is dict else value
    if isinstance(new, ConfigDict):
        dict.pop(new, DELETE_KEY, None)
        for key, item in dict.items(new):
            if isinstance(item, dict):
                dict.__setitem__(new, key, _without_delete(item))
    return new


def nested(options: Mapping[str, Any]) -> ConfigDict:
    """Make `{'a.b': 1}` into `{'a': {'b': 1}}`."""
    new = ConfigDict()
    for full_key, value in options.items():
        *parents, last = full_key.split('.')
        holder = new
        for part in parents:
            inner = dict.get(holder, part)
            if not isinstance(inner, ConfigDict):
                inner = ConfigDict()
                holder[part] = inner
            holder = inner
        holder[last] = value
    return new
