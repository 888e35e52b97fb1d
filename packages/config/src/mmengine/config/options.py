"""Dotted options over a config, and what a misspelt one may mean."""
from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from mmengine.config.config_dict import ConfigDict
from mmengine.config.errors import ConfigKeyError, ConfigTypeError
from mmengine.utils.suggest import did_you_mean

#: how much a new key must resemble one that is there for being taken for a slip; `test_cfg` is no slip of `train_cfg`
_SLIP = 0.85


def nested(options: Mapping[str, Any]) -> ConfigDict:
    """Make `{'a.b': 1}` into `{'a': {'b': 1}}`."""
    new = ConfigDict()
    for full_key, value in options.items():
        if not isinstance(full_key, str):
            raise ConfigTypeError(f'The key of an option is a text such as "model.depth", but got {full_key!r}')
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
    return missing, did_you_mean(missing, _full(missing, _keys(holder)))


def check_new_keys(options: Mapping[str, Any], cfg: Any, may_be_new: bool) -> None:
    """Look for options whose keys a config does not have.

    Args:
        options: Dotted keys with their values.
        cfg: The config.
        may_be_new: Whether only what looks like a slip is worth a word.

    Raises:
        ConfigKeyError: There is such a key, and keys may not be new.
    """
    for option in options:
        found = _descend(cfg, option)
        if found is None:
            continue
        missing, holder = found
        last = missing.rpartition('.')[2]
        if not may_be_new:
            hint = did_you_mean(missing, _full(missing, _keys(holder)))
            raise ConfigKeyError(f'The option {option!r} sets {missing!r}, which the config does not have.{hint}')
        near = get_close_matches(last, _keys(holder), cutoff=0.7) if isinstance(holder, dict) else []
        meant = [name for name in near if _is_slip(last, name)]
        if meant:
            text = f'The option {option!r} adds {missing!r} beside {_full(missing, meant)[0]!r}: is that meant?'
            warnings.warn(text, UserWarning, stacklevel=3)


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
