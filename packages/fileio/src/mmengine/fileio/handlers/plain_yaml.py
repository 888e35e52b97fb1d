"""Plain YAML: its loader and dumper; imported with the first file, since PyYAML takes its time."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import yaml as yaml

if TYPE_CHECKING:
    from yaml import SafeDumper as _SafeDumper
    from yaml import SafeLoader as SafeLoader
else:  # the same two in C, where PyYAML was built with libyaml
    _SafeDumper = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)
    SafeLoader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class SafeDumper(_SafeDumper):
    """Writes plain YAML: subclasses of dict, list and str, arrays and paths as what they stand for."""


def _as_dict(dumper: SafeDumper, obj: Mapping[Any, Any]) -> yaml.Node:
    return dumper.represent_dict(dict(obj))


def _as_list(dumper: SafeDumper, obj: Any) -> yaml.Node:
    return dumper.represent_list(list(obj))


def _as_str(dumper: SafeDumper, obj: Any) -> yaml.Node:
    return dumper.represent_str(str(obj))


def _as_plain(dumper: SafeDumper, obj: Any) -> yaml.Node:
    if hasattr(obj, 'tolist'):  # arrays, NumPy numbers and tensors, without importing their packages
        return dumper.represent_data(obj.tolist())
    raise yaml.representer.RepresenterError(
        f'{type(obj).__name__} cannot be written as plain YAML: {repr(obj)[:200]}. Convert it first, or give `Dumper=`')


_REPRESENTERS: dict[type, Callable[[SafeDumper, Any], yaml.Node]] = {
    Mapping: _as_dict,
    dict: _as_dict,
    list: _as_list,
    tuple: _as_list,
    range: _as_list,
    str: _as_str,
    PurePath: _as_str,
    object: _as_plain,
}
for _type, _representer in _REPRESENTERS.items():
    SafeDumper.add_multi_representer(_type, _representer)
