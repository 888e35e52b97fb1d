"""State dicts of models: taken from below any wrapper, and loaded with a report of what does not fit."""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from logging import Logger
from typing import Any

import torch
from torch import nn

from mmengine.checkpoint.wrappers import unwrap
from mmengine.logging import print_log

#: How many names of a kind a report shows.
_SHOWN = 20


def weights_to_cpu(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy a state dict to the CPU, its metadata included."""
    copied = OrderedDict((key, value.cpu() if isinstance(value, torch.Tensor) else value)
                         for key, value in state_dict.items())
    copied._metadata = getattr(state_dict, '_metadata', OrderedDict())  # type: ignore[attr-defined]  # torch's own place
    return copied


def get_state_dict(module: nn.Module, destination: Any = None, prefix: str = '',
                   keep_vars: bool = False) -> Any:
    """Take the state dict of a model, from below wrappers at any depth.

    Args:
        module: Model, maybe wrapped, maybe holding wrapped models.
        destination: Mapping to fill, a new one by default.
        prefix: Prefix of all keys.
        keep_vars: Whether tensors stay attached to the graph.
    """
    module = unwrap(module)
    if destination is None:
        destination = OrderedDict()
        destination._metadata = OrderedDict()
    destination._metadata[prefix[:-1]] = local_metadata = {'version': module._version}
    for before in module._state_dict_pre_hooks.values():
        before(module, prefix, keep_vars)
    module._save_to_state_dict(destination, prefix, keep_vars)
    for name, child in module._modules.items():
        if child is not None:
            get_state_dict(child, destination, f'{prefix}{name}.', keep_vars)
    for hook in module._state_dict_hooks.values():
        destination = hook(module, destination, prefix, local_metadata) or destination
    return destination


def load_state_dict(module: nn.Module, state_dict: Mapping[str, Any], strict: bool = False,
                    logger: Logger | str | None = None) -> None:
    """Load weights into a model, and say which did not fit.

    Args:
        module: Model, maybe wrapped.
        state_dict: Weights by name.
        strict: Whether a misfit is an error.
        logger: Where the report goes, as in `print_log`.

    Raises:
        RuntimeError: Something did not fit, and `strict` is set.
    """
    missing: list[str] = []
    unexpected: list[str] = []
    misfits: list[str] = []
    metadata = getattr(state_dict, '_metadata', None)
    # Modules change the dict they load from: torch copies it for that reason, too.
    state: OrderedDict[str, Any] = OrderedDict(state_dict)

    def load(part: nn.Module, prefix: str = '') -> None:
        part = unwrap(part)
        local = {} if metadata is None else metadata.get(prefix[:-1], {})
        part._load_from_state_dict(state, prefix, local, True, missing, unexpected,
                                   misfits)
        for name, child in part._modules.items():
            if child is not None:
                load(child, f'{prefix}{name}.')
        keys = torch.nn.modules.module._IncompatibleKeys(missing, unexpected)
        for hook in part._load_state_dict_post_hooks.values():
            hook(part, keys)

    load(module)
    missing = [key for key in missing if not key.endswith('num_batches_tracked')]
    report = _report(missing, unexpected, misfits)
    if report and strict:
        raise RuntimeError(report)
    if report:
        print_log(report, logger=logger, level=30)


def _report(missing: list[str], unexpected: list[str], misfits: list[str]) -> str:
    lines = [*misfits]
    for title, keys in (('unexpected key in source state_dict', unexpected),
                        ('missing keys in source state_dict', missing)):
        if keys:
            more = f' and {len(keys) - _SHOWN} more' if len(keys) > _SHOWN else ''
            lines.append(f'{title}: {", ".join(keys[:_SHOWN])}{more}')
    return '\n'.join(['The model and loaded state dict do not match exactly', '', *lines]) if lines else ''


def rename_keys(state_dict: Mapping[str, Any], rules: Iterable[tuple[str, str]]) -> OrderedDict[str, Any]:
    """Rename the keys of a state dict by regular expressions, its metadata included.

    Args:
        state_dict: Weights by name.
        rules: Pairs of a pattern and its replacement, applied one after the other as in `re.sub`.
    """
    metadata = getattr(state_dict, '_metadata', OrderedDict())
    revised = OrderedDict(state_dict)
    for pattern, replacement in rules:
        revised = OrderedDict((re.sub(pattern, replacement, key), value) for key, value in revised.items())
    revised._metadata = metadata  # type: ignore[attr-defined]  # torch's own place
    return revised
