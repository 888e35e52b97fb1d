"""Merging of a child config over its base, and of dotted options over a config."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config.config_dict import DELETE_KEY, ConfigDict
from mmengine.config.errors import ConfigKeyError, ConfigTypeError
from mmengine.config.history import Step, step
from mmengine.interfaces import Origin, origin_of


def merge_a_into_b(a: Mapping[Any, Any], b: Any, allow_list_keys: bool = False, path: str = '', *,
                   in_place: bool = False, source: str | None = None) -> Any:
    """Merge dict `a` over `b`, and give the result; neither is changed.

    Args:
        a: The dict that wins. With `_delete_=True` in a dict of it, that replaces the one in `b`.
        b: The dict, or list, that is merged into.
        allow_list_keys: Whether `'0'` in `a` stands for the first item where `b` is a list.
        path: The keys that lead to `b`, for messages.
        in_place: Whether `b` may be changed, and its values and those of `a` taken, as nobody else has them.
        source: What `a` comes from if that is no file.
    """
    def merged_at(key: Any, value: Any, base: Any, here: str) -> Any:
        if not isinstance(value, dict):
            return value
        allowed = (dict, list) if allow_list_keys else (dict,)
        if not isinstance(base, allowed):
            raise ConfigTypeError(
                f'The dict {value!r:.100} cannot be merged into {base!r:.100}, of type {type(base).__name__}'
                f'{_at(here, origin_of(a, key))}. Put `{DELETE_KEY}=True` into it to replace what the base has'
            ).at(origin_of(a, key), here)
        return merge_a_into_b(value, base, allow_list_keys, here, in_place=in_place and type(base) is ConfigDict,
                              source=source)

    merged = b if in_place else b.copy()
    past = {key: list(a._past_of(key)) for key in dict.keys(a) if a._past_of(key)} if isinstance(a, ConfigDict) else {}
    for key, value in (dict.items(a) if isinstance(a, dict) else a.items()):
        here = f'{path}.{key}' if path else str(key)
        if isinstance(b, list):
            index = _index(key, b, allow_list_keys, here, a)
            merged[index] = merged_at(key, value, b[index], here)
        elif isinstance(value, dict) and key in merged and not dict.get(value, DELETE_KEY, False):
            if isinstance(value, ConfigDict) and key in past:
                value = _with_past(value, past.pop(key), in_place)
            dict.__setitem__(merged, key, merged_at(key, value, dict.get(merged, key), here))
        else:
            new = _without_delete(value, in_place)
            _set(merged, key, new, origin_of(a, key), source)
    if isinstance(merged, ConfigDict):
        merged._add_past(past)
        merged._set_origins(merged.origin_of() or origin_of(a))
    return merged


def _index(key: Any, items: list[Any], allow_list_keys: bool, here: str, a: Any) -> int:
    if not allow_list_keys or not (str(key).isascii() and str(key).isdigit()):
        raise ConfigTypeError(f'{here} would change a list by the key {key!r}, which is no index of it'
                              ).at(origin_of(a, key), here)
    index = int(key)
    if index >= len(items):
        raise ConfigKeyError(f'Index {index} exceeds the length of list {items!r:.100}{_at(here, origin_of(a, key))}'
                             ).at(origin_of(a, key), here)
    return index


def _at(path: str, origin: Origin | None) -> str:
    return f' (key {path!r}{f", {origin}" if origin else ""})'


def _set(holder: dict[Any, Any], key: Any, value: Any, origin: Origin | None, source: str | None) -> None:
    holder[key] = value
    if isinstance(holder, ConfigDict):
        if origin is not None:
            holder._set_origins(None, {key: origin})
        elif source is not None:
            holder._add_past({key: [Step(source, None, dict.__getitem__(holder, key))]})


def _with_past(value: ConfigDict, past: list[Step], in_place: bool) -> ConfigDict:
    """Hand what a dict was before it was assigned anew down to its items, which are merged one by one."""
    value = value if in_place else value.copy()
    for one in past:
        for key, item in dict.items(one.value) if isinstance(one.value, dict) else ():
            if key in value:
                where = origin_of(one.value, key)
                value._add_past({key: [one._replace(value=item) if where is None else step(where, item)]})
    return value


def _without_delete(value: Any, in_place: bool) -> Any:
    """Drop the mark `_delete_`, in the dict that has replaced a base's and in those below."""
    if not isinstance(value, dict):
        return value
    if in_place and type(value) is ConfigDict:
        new: Any = value
    else:
        new = value.copy() if isinstance(value, ConfigDict) else ConfigDict(value) if type(value) is dict else value
    if isinstance(new, ConfigDict):
        dict.pop(new, DELETE_KEY, None)
        for key, item in dict.items(new):
            if isinstance(item, dict):
                dict.__setitem__(new, key, _without_delete(item, in_place))
    return new
