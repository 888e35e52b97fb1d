"""Dotted options over a config, and what a misspelt one may mean."""
from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from mmengine.config.config_dict import DELETE_KEY, ConfigDict
from mmengine.config.errors import ConfigKeyError, ConfigTypeError
from mmengine.interfaces import Origin
from mmengine.utils.suggest import did_you_mean, nearest

#: how much a new key must resemble one that is there for being taken for a slip; `test_cfg` is no slip of `train_cfg`
_SLIP = 0.85


def nested(options: Mapping[str, Any]) -> ConfigDict:
    """Make `{'a.b': 1}` into `{'a': {'b': 1}}`."""
    new = ConfigDict()
    for full_key, value in options.items():
        if not isinstance(full_key, str):
            raise ConfigTypeError(f'The key of an option is a text such as "model.depth", but got {full_key!r}'
                                  ).at(None, str(full_key))
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


def _keys(holder: Any) -> list[str]:
    if isinstance(holder, dict):
        return [str(key) for key in dict.keys(holder)]
    return [str(index) for index in range(len(holder))] if isinstance(holder, (list, tuple)) else []


def _descend(cfg: Any, path: str) -> tuple[str, Any] | None:
    """Follow a dotted path; give the first part that is not there, with its parents, and what should hold it."""
    holder, done = cfg, []
    for part in path.split('.'):
        done.append(part)
        if part not in _keys(holder):
            return '.'.join(done), holder
        holder = holder[int(part)] if isinstance(holder, (list, tuple)) else dict.__getitem__(holder, part)
    return None


def _full(path: str, names: Iterable[str]) -> list[str]:
    parent = path.rpartition('.')[0]
    return [f'{parent}.{name}' if parent else name for name in names]


def nearest_path(cfg: Any, path: str) -> tuple[str, str]:
    """Find the part of a path that is not in a config; give it, and what it may have meant."""
    missing, holder = _descend(cfg, path) or (path, None)
    return missing, did_you_mean(missing, _near(missing, holder))


def _near(missing: str, holder: Any) -> list[str]:
    """List the keys beside a path that is not there which it may have meant; what they share does not count."""
    return _full(missing, nearest(missing.rpartition('.')[2], _keys(holder)))


def check_new_keys(options: Mapping[str, Any], cfg: Any, may_be_new: bool) -> None:
    """Look for options whose keys a config does not have.

    Args:
        options: Dotted keys with their values.
        cfg: The config.
        may_be_new: Whether only what looks like a slip is worth a word.

    Raises:
        ConfigKeyError: There is such a key, and keys may not be new.
    """
    replaced = [option.rpartition('.')[0] for option in options if option.rpartition('.')[2] == DELETE_KEY]
    for option in options:
        found = _descend(cfg, option)
        if found is None or any(f'{option}.'.startswith(f'{path}.') for path in replaced):
            continue
        missing, holder = found
        if not isinstance(holder, (dict, list, tuple)):
            continue  # merging says what is wrong with a key that leads into a number
        last = missing.rpartition('.')[2]
        if not may_be_new:
            near = _near(missing, holder)
            raise ConfigKeyError(f'The option {option!r} sets {missing!r}, which the config does not have.'
                                 f'{did_you_mean(missing, near)}{_set_at(cfg, near)}'
                                 ).at(_place(cfg, near), option)
        close = get_close_matches(last, _keys(holder), cutoff=0.7) if isinstance(holder, dict) else []
        meant = _full(missing, [name for name in close if _is_slip(last, name)])[:1]
        if meant:
            text = f'The option {option!r} adds {missing!r} beside {meant[0]!r}: is that meant?{_set_at(cfg, meant)}'
            warnings.warn(text, UserWarning, stacklevel=3)


def _place(cfg: Any, paths: list[str]) -> Origin | None:
    return cfg.origin_of(paths[0]) if paths and isinstance(cfg, ConfigDict) else None


def _set_at(cfg: Any, paths: list[str]) -> str:
    """Say where the nearest key is, at the end of a message."""
    where = _place(cfg, paths)
    return '' if where is None else f' {paths[0]!r} is at {where}.'


def _is_slip(one: str, other: str) -> bool:
    """Tell whether two names differ as by a slip of the fingers.

    Not so `conv1` and `conv2`, and not `in_channels` and `out_channels`, which go together.
    """
    if one.translate(_NO_DIGITS) == other.translate(_NO_DIGITS):
        return False
    if {one.partition('_')[0], other.partition('_')[0]} == {'in', 'out'}:
        return False
    return sorted(one) == sorted(other) or SequenceMatcher(None, one, other).ratio() >= _SLIP


_NO_DIGITS = str.maketrans('', '', '0123456789')
