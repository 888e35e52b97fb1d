"""From configs to objects."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from mmengine.interfaces import origin_of
from mmengine.registry.construct import construct
from mmengine.registry.errors import MissingTypeError, NotRegisteredError
from mmengine.registry.miss import explain_miss
from mmengine.registry.node import RegistryNode

_READERS = ('get', '__getitem__', '__contains__', '__iter__')


def _is_config(value: object) -> bool:
    return isinstance(value, dict) or all(hasattr(value, name) for name in _READERS)


def _check(cfg: Any, registry: Any, default_args: Any = None) -> None:
    if not _is_config(cfg):
        raise TypeError(f'cfg should be a dict, ConfigDict or Config, but got {type(cfg)}: {cfg!r}')
    if not isinstance(registry, RegistryNode):
        raise TypeError(f'registry must be a mmengine.Registry object, but got {type(registry)}')
    if default_args is not None and not _is_config(default_args):
        raise TypeError(f'default_args should be a dict, ConfigDict, Config or None, but got {type(default_args)}')


def _arguments(cfg: Any, default_args: Any) -> dict[str, Any]:
    """Merge a config with its defaults into a dict of its own, lazily imported values resolved."""
    arguments = {key: cfg[key] for key in cfg}
    for key in default_args if default_args is not None else ():
        if key not in arguments:
            arguments[key] = default_args[key]
    if 'type' not in arguments:
        origin = origin_of(cfg)
        raise MissingTypeError('`cfg` or `default_args` must contain the key "type", '
                               f'but got {cfg}\n{default_args}{f" ({origin})" if origin is not None else ""}')
    return arguments


def _resolve(wanted: Any, registry: RegistryNode, cfg: Any, key: str = 'type') -> Callable[..., Any]:
    """Find the class or function that a config names."""
    if isinstance(wanted, str):
        found = registry.get(wanted)
        if found is None:
            raise NotRegisteredError(explain_miss(registry, wanted, origin_of(cfg, key)))
        if not callable(found):
            raise TypeError(f'{key} {wanted!r} is not a class or function, but {found!r}')
        wanted = found
    if not callable(wanted):
        raise TypeError(f'type must be a str or valid type, but got {type(wanted)}: {wanted!r}')
    result: Callable[..., Any] = wanted
    return result


def build_from_cfg(cfg: Any, registry: Any, default_args: Any = None) -> Any:
    """Build an object from a config.

    Args:
        cfg: A dict, ConfigDict or Config. `type` is a registered name, a class or a function; `_scope_`, if there, is
            the scope in force meanwhile; all the rest are arguments.
        registry: Where `type` is looked up.
        default_args: Arguments that `cfg` need not have, `type` included.

    Raises:
        NotRegisteredError: There is no such name; a `KeyError`.
        TypeError: An argument is missing or unknown.
    """
    _check(cfg, registry, default_args)
    arguments = _arguments(cfg, default_args)
    with registry.switch_scope_and_registry(arguments.pop('_scope_', None)) as place:
        target = _resolve(arguments.pop('type'), place, cfg)
        return construct(target, arguments, cfg)


def build_model_from_cfg(cfg: Any, registry: Any, default_args: Any = None) -> Any:
    """Build a model, or of a list of configs a sequence of models.

    Args:
        cfg: A config, or a list of configs.
        registry: Where `type` is looked up.
        default_args: Arguments that a config need not have.
    """
    if not isinstance(cfg, list):
        return build_from_cfg(cfg, registry, default_args)
    modules = [build_from_cfg(item, registry, default_args) for item in cfg]
    sequential = registry.get('mmengine.model.Sequential')  # which can initialise its weights
    if sequential is None:
        from torch.nn import Sequential as sequential
    return sequential(*modules)


def build_runner_from_cfg(cfg: Any, registry: Any) -> Any:
    """Build a runner by its `from_cfg`.

    Args:
        cfg: The whole config; `runner_type` names the runner, by default `Runner`.
        registry: Where `runner_type` is looked up.
    """
    _check(cfg, registry)
    cfg = cfg.copy()
    scope = cfg.pop('_scope_') if '_scope_' in cfg else None
    with registry.switch_scope_and_registry(scope) as place:
        runner = _resolve(cfg.get('runner_type', 'Runner'), place, cfg, 'runner_type')
        if not inspect.isclass(runner):
            raise TypeError(f'runner_type must name a class, but got {runner!r}')
        return runner.from_cfg(cfg)  # type: ignore[attr-defined]  # every runner has it


def build_scheduler_from_cfg(cfg: Any, registry: Any, default_args: Any = None) -> Any:
    """Build a parameter scheduler.

    Args:
        cfg: Its config. With `convert_to_iter_based=True`, `begin`, `end` and all else that counts epochs is converted
            to iterations, by `epoch_length`.
        registry: Where `type` is looked up.
        default_args: Arguments that `cfg` need not have; `epoch_length` usually comes here.
    """
    _check(cfg, registry, default_args)
    arguments = _arguments(cfg, default_args)
    with registry.switch_scope_and_registry(arguments.pop('_scope_', None)) as place:
        target = _resolve(arguments.pop('type'), place, cfg)
        if not arguments.pop('convert_to_iter_based', False):
            arguments.pop('epoch_length', None)
            return construct(target, arguments, cfg)
        by_epoch, length = arguments.get('by_epoch', True), arguments.get('epoch_length')
        if length is None or not by_epoch:
            raise AssertionError('Only epoch-based parameter scheduler can be converted to iter-based, and '
                                 f'`epoch_length` should be set, but got by_epoch={by_epoch!r} and '
                                 f'epoch_length={length!r}')
        return construct(target.build_iter_from_epoch, arguments, cfg)  # type: ignore[attr-defined]  # schedulers do
