"""What `FSDPStrategy` takes as `model_wrapper`: arguments of torch's first FSDP, in terms of `fully_shard`."""
from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, OffloadPolicy

from mmengine.registry import FUNCTIONS
from mmengine.utils.suggest import did_you_mean

#: What `fully_shard` always does: to ask for it has no effect.
_ALWAYS = ('type', 'use_orig_params', 'backward_prefetch', 'forward_prefetch', 'limit_all_gathers',
           'sync_module_states', 'device_id')
_RESHARD = {'FULL_SHARD': True, 'SHARD_GRAD_OP': False}
#: Strategies that keep a copy on several ranks, and what stands for each.
_COPYING = {'NO_SHARD': 'DDPStrategy keeps the whole model on each rank',
            'HYBRID_SHARD': 'the parameters are spread over all ranks, not over those of each node',
            '_HYBRID_SHARD_ZERO2': 'the parameters are spread over all ranks, not over those of each node'}
_PRECISION = ('param_dtype', 'reduce_dtype', 'output_dtype', 'cast_forward_inputs')
#: In FSDP1 the root casts its inputs of its own accord; `fully_shard` has one setting for all.
_ROOT = 'cast_root_forward_inputs'
_NO_PRECISION = {
    'buffer_dtype': 'buffers keep their dtype',
    'keep_low_precision_grads': 'gradients have the dtype of their parameter',
    _ROOT: 'the root casts its inputs like every other module, as cast_forward_inputs says',
    '_module_classes_to_ignore': 'the setting is that of all modules',
}
_OFFLOAD = ('type', 'offload_params', 'pin_memory')
_KNOWN = ('modules', 'auto_wrap_policy', 'sharding_strategy', 'reshard_after_forward', 'mixed_precision',
          'cpu_offload', *_ALWAYS)
_REFUSED = {
    'process_group': 'the parameters are spread over all ranks',
    'device_mesh': 'the parameters are spread over all ranks',
    'module': 'the model is that of the run',
    'ignored_modules': 'every parameter is spread', 'ignored_parameters': 'every parameter is spread',
    'ignored_states': 'every parameter is spread', 'param_init_fn': 'weights are initialised before they are spread',
}


def options_of(model_wrapper: dict[str, Any]) -> dict[str, Any]:
    """Translate to arguments of `torch.distributed.fsdp.fully_shard`.

    Args:
        model_wrapper: `reshard_after_forward`, or `sharding_strategy` ('FULL_SHARD', 'SHARD_GRAD_OP');
            `mixed_precision` with `param_dtype`, `reduce_dtype`, `output_dtype` (dtypes or their names) and
            `cast_forward_inputs`, which goes for all modules, batch normalisation too; `cpu_offload` (a bool, or a dict
            with `offload_params` and `pin_memory`).

    Raises:
        ValueError: An argument is not known, or means nothing to `fully_shard`.
    """
    for name in model_wrapper:
        if name in _REFUSED:
            raise ValueError(f'model_wrapper.{name} of FSDPStrategy means nothing to fully_shard: {_REFUSED[name]}')
        if name not in _KNOWN:
            raise ValueError(f'FSDPStrategy has no option {name!r} in model_wrapper.{did_you_mean(name, _KNOWN)}')
    return {'reshard_after_forward': _reshard(model_wrapper), 'mp_policy': _precision(model_wrapper),
            'offload_policy': _offload(model_wrapper)}


def _reshard(options: dict[str, Any]) -> bool:
    if options.get('reshard_after_forward') is not None:
        return bool(options['reshard_after_forward'])
    wanted = options.get('sharding_strategy') or 'FULL_SHARD'
    name = getattr(wanted, 'name', wanted)
    if name not in _RESHARD:
        reason = f': {_COPYING[name]}' if name in _COPYING else f'.{did_you_mean(str(name), _RESHARD)}'
        raise ValueError(f'model_wrapper.sharding_strategy of FSDPStrategy should be one of {tuple(_RESHARD)}, but got '
                         f'{name!r}{reason}')
    return _RESHARD[name]


def _precision(options: dict[str, Any]) -> MixedPrecisionPolicy:
    wanted = options.get('mixed_precision')
    if wanted is None:
        return MixedPrecisionPolicy()
    settings = dict(wanted) if isinstance(wanted, dict) else _set_in(wanted)
    settings.pop('type', None)
    for name in settings:
        if name not in _PRECISION:
            raise ValueError(f'model_wrapper.mixed_precision of FSDPStrategy takes {_PRECISION}, but got {name!r}: '
                             f'{_NO_PRECISION.get(name, "there is no such setting")}.{did_you_mean(name, _PRECISION)}')
    arguments: dict[str, Any] = {name: _dtype(name, value) if name.endswith('dtype') else value
                                 for name, value in settings.items()}
    return MixedPrecisionPolicy(**arguments)


def _set_in(precision: Any) -> dict[str, Any]:
    """Give what is set in an object of torch, `MixedPrecision` or `MixedPrecisionPolicy`."""
    if not dataclasses.is_dataclass(precision) or isinstance(precision, type):
        raise ValueError(f'model_wrapper.mixed_precision of FSDPStrategy should be a dict with some of {_PRECISION} '
                         f'or MixedPrecision of torch, but got {precision!r}')
    values = {field.name: (getattr(precision, field.name), field.default) for field in dataclasses.fields(precision)}
    return {name: value for name, (value, default) in values.items() if value != default and name != _ROOT}


def _dtype(name: str, value: Any) -> torch.dtype | None:
    found = getattr(torch, value, None) if isinstance(value, str) else value
    if (found is not None and not isinstance(found, torch.dtype)) or (isinstance(value, str) and found is None):
        raise ValueError(f'model_wrapper.mixed_precision.{name} should be a dtype of torch or the name of one, but got '
                         f'{value!r}')
    return found


def _offload(options: dict[str, Any]) -> OffloadPolicy:
    wanted = options.get('cpu_offload')
    settings = wanted if isinstance(wanted, dict) else {
        'offload_params': getattr(wanted, 'offload_params', bool(wanted))}
    for name in settings:
        if name not in _OFFLOAD:
            raise ValueError(f'model_wrapper.cpu_offload of FSDPStrategy takes {_OFFLOAD}, but got {name!r}.'
                             f'{did_you_mean(name, _OFFLOAD)}')
    if not settings.get('offload_params'):
        return OffloadPolicy()
    return CPUOffloadPolicy(pin_memory=settings.get('pin_memory', torch.accelerator.is_available()))


def units_of(model: nn.Module, model_wrapper: dict[str, Any]) -> Iterator[nn.Module]:
    """Give the submodules that are gathered and freed each by itself, the innermost first.

    Args:
        model: The model.
        model_wrapper: `modules`, names of submodules or of their classes; or `auto_wrap_policy` as for torch's first
            FSDP: a function, the name of a registered one, or a config of its type and arguments.

    Raises:
        ValueError: There is no submodule or class of a name.
    """
    names, policy = model_wrapper.get('modules'), _policy(model_wrapper.get('auto_wrap_policy'))
    chosen = _named(model, [names] if isinstance(names, str) else names or [])
    for name, module in reversed(list(model.named_modules())):
        if name and (name in chosen or policy(module)):
            yield module


def _named(model: nn.Module, names: Sequence[str]) -> set[str]:
    modules = dict(model.named_modules())
    classes = {type(module).__name__ for module in modules.values()}
    for name in names:
        if name not in modules and name not in classes:
            raise ValueError(f'model_wrapper.modules of FSDPStrategy: the model has no submodule or class {name!r}.'
                             f'{did_you_mean(name, [*modules, *classes])}')
    return {name for name, module in modules.items() if name in names or type(module).__name__ in names}


def _policy(policy: Any) -> Callable[[nn.Module], bool]:
    if policy is None:
        return lambda module: False
    options: dict[str, Any] = {}
    if isinstance(policy, dict):
        options = dict(policy)
        policy = options.pop('type')
    function = FUNCTIONS.get(policy) if isinstance(policy, str) else policy
    if not callable(function):
        raise ValueError(f'model_wrapper.auto_wrap_policy of FSDPStrategy should be a function, a config of one or the '
                         f'name of one in the registry FUNCTIONS, but got {policy!r}')
    return lambda module: bool(function(module=module, recurse=False, **options, nonwrapped_numel=sum(
        parameter.numel() for parameter in module.parameters())))
