"""The state of a model and an optimizer that a DeepSpeed engine has spread, taken whole and put back.

It has the form of any other strategy's, so that every strategy and any number of ranks can go on from it.
"""
from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from mmengine.dist import get_rank, is_main_process

#: Attributes of DeepSpeed's optimizers of ZeRO: what an optimizer updates, and the parameters in each.
_LAYOUTS = (('fp32_partitioned_groups_flat', 'fp16_groups'), ('single_partition_of_fp32_groups', 'bit16_groups'),
            ('fp32_groups_flat_partition', 'bf16_groups'))


def _fragments() -> Any:
    return importlib.import_module('deepspeed.utils')


def is_partitioned(parameter: nn.Parameter) -> bool:
    """Tell whether a parameter itself is spread (ZeRO 3)."""
    return hasattr(parameter, 'ds_id')


def gathering(parameters: list[nn.Parameter], *, changed: bool = False) -> AbstractContextManager[Any]:
    """Put parameters together for a while, as far as they are spread; all ranks must enter.

    Args:
        parameters: The parameters.
        changed: Whether they get new values meanwhile, the same on all ranks.
    """
    spread = [parameter for parameter in parameters if is_partitioned(parameter)]
    if not spread:
        return nullcontext()
    zero = importlib.import_module('deepspeed.runtime.zero')
    context: AbstractContextManager[Any] = zero.GatheredParameters(spread, modifier_rank=0 if changed else None)
    return context


def _kept(tensor: torch.Tensor) -> torch.Tensor | None:
    """Copy to the CPU of rank 0; the others hold nothing."""
    return tensor.detach().cpu().clone() if is_main_process() else None


# Weights --------------------------------------------------------------------------------------------------------------


def whole_parameter(parameter: nn.Parameter) -> torch.Tensor | None:
    """Take a parameter in the precision that it is trained in, on rank 0; all ranks must call it."""
    if parameter.requires_grad:
        value = _fragments().safe_get_full_fp32_param(parameter)
        if value is not None:
            return _kept(value)
    with gathering([parameter]):
        return _kept(parameter)


def set_master(parameter: nn.Parameter, value: torch.Tensor) -> None:
    """Give what the optimizer updates a value; the parameter itself has it already, in its own precision.

    Args:
        parameter: The parameter.
        value: The whole value, the same on all ranks.
    """
    if not parameter.requires_grad:
        return
    if is_partitioned(parameter):
        _fragments().safe_set_local_fp32_param(parameter, _part_of(parameter, value))
    else:
        _fragments().safe_set_full_fp32_param(parameter, value)


def _part_of(parameter: Any, value: torch.Tensor) -> torch.Tensor:
    """Cut out what this rank holds of a parameter; the last part is filled up with zeros."""
    size = parameter.ds_tensor.numel()
    part = torch.zeros(size, dtype=value.dtype)
    own = value.flatten()[get_rank() * size:(get_rank() + 1) * size]
    part[:len(own)] = own
    return part


# The optimizer --------------------------------------------------------------------------------------------------------


def _flat_groups(optimizer: Any) -> Iterator[tuple[torch.Tensor, list[nn.Parameter]]]:
    """Give each tensor that the inner optimizer updates, with the parameters of which it holds this rank's part."""
    flat, groups = next((flat, groups) for flat, groups in _LAYOUTS if hasattr(optimizer, flat))
    yield from zip(getattr(optimizer, flat), getattr(optimizer, groups), strict=True)


def is_spread(optimizer: Any) -> bool:
    """Tell whether the state of an engine's optimizer is spread over the ranks, by ZeRO."""
    return any(hasattr(optimizer, flat) for flat, _ in _LAYOUTS)


def whole_optimizer(optimizer: Any, parameters: list[list[nn.Parameter]]) -> dict[str, Any]:
    """Take the state of an optimizer as `torch.optim.Optimizer.state_dict` gives it; all ranks must call it.

    Args:
        optimizer: The engine's optimizer.
        parameters: The parameters of each of its groups, as they were before the engine spread them.

    Returns:
        The state on rank 0; on the others there is None in the places of tensors.
    """
    numbers = {parameter: number for number, parameter in enumerate(_all_of(parameters))}
    state: dict[int, dict[str, Any]] = {}
    for flat, group in _flat_groups(optimizer):
        held = optimizer.optimizer.state.get(flat, {})
        _link(group, flat, held)
        for parameter in group if held else ():
            state[numbers[parameter]] = {key: _whole_state(parameter, key, value, flat) for key, value in held.items()}
    groups: list[dict[str, Any]] = []
    for settings, members in zip(optimizer.param_groups, parameters, strict=True):
        groups.append({**{key: value for key, value in settings.items() if key != 'params'},
                       'params': [numbers[parameter] for parameter in members]})
    whole = {'state': dict(sorted(state.items())), 'param_groups': groups}
    scaler = _scaler_numbers(optimizer)
    return {**whole, 'loss_scaler': scaler} if scaler else whole


def _link(group: list[nn.Parameter], flat: torch.Tensor, held: dict[str, Any]) -> None:
    """Let parameters (ZeRO 1 and 2) know where their state is; DeepSpeed does so only for its first group."""
    for parameter in group:
        mapping = getattr(parameter, '_hp_mapping', None)
        if mapping is not None:
            mapping.set_optim_state_fragment(flat, held)


def _all_of(parameters: list[list[nn.Parameter]]) -> list[nn.Parameter]:
    return [parameter for group in parameters for parameter in group]


def _whole_state(parameter: nn.Parameter, key: str, value: Any, flat: torch.Tensor) -> Any:
    if not isinstance(value, torch.Tensor) or value.shape != flat.shape:
        return _kept(value) if isinstance(value, torch.Tensor) else value
    return _kept(_fragments().safe_get_full_optimizer_state(parameter, key))


def load_whole_optimizer(optimizer: Any, parameters: list[list[nn.Parameter]], state: dict[str, Any]) -> None:
    """Put back what `whole_optimizer` or any optimizer of torch gave.

    Args:
        optimizer: The engine's optimizer.
        parameters: The parameters of each of its groups, as they were before the engine spread them.
        state: The state, whole on all ranks.

    Raises:
        ValueError: It is of other groups or parameters; nothing was changed then.
    """
    _compare(parameters, state)
    numbers = {parameter: number for number, parameter in enumerate(_all_of(parameters))}
    for settings, saved in zip(optimizer.param_groups, state['param_groups'], strict=True):
        settings.update({key: value for key, value in saved.items() if key != 'params'})
    inner = optimizer.optimizer
    inner.state.clear()
    for flat, group in _flat_groups(optimizer):
        saved = next((state['state'][numbers[parameter]] for parameter in group
                      if numbers[parameter] in state['state']), None)
        if saved is None:
            continue
        inner.state[flat] = {key: _empty_state(value, group, numbers, state, key, flat)
                             for key, value in saved.items()}
        _link(group, flat, inner.state[flat])
        for parameter in group:
            own = state['state'].get(numbers[parameter], {})
            for key, value in own.items():
                if isinstance(value, torch.Tensor) and value.shape == _shape(parameter) and value.dim():
                    _set_state(parameter, key, value)
    _set_scaler(optimizer, state.get('loss_scaler', {}))


def _compare(parameters: list[list[nn.Parameter]], state: dict[str, Any]) -> None:
    own, saved = [len(group) for group in parameters], [len(group['params']) for group in state['param_groups']]
    if own != saved:
        raise ValueError(f'the checkpoint has the state of an optimizer with {saved} parameters in its groups, but '
                         f'the optimizer of this run has {own}')
    for number, parameter in enumerate(_all_of(parameters)):
        for key, value in state['state'].get(number, {}).items():
            if isinstance(value, torch.Tensor) and value.dim() and value.shape != _shape(parameter):
                raise ValueError(f'the checkpoint has {key!r} of parameter {number} of the optimizer in the shape '
                                 f'{tuple(value.shape)}, but the parameter has {tuple(_shape(parameter))}')


def _shape(parameter: Any) -> torch.Size:
    shape: torch.Size = parameter.ds_shape if is_partitioned(parameter) else parameter.shape
    return shape


def _empty_state(value: Any, group: list[nn.Parameter], numbers: dict[nn.Parameter, int], state: dict[str, Any],
                 key: str, flat: torch.Tensor) -> Any:
    """Make room for the state of a flat tensor; what is one number for all of its parameters is taken as it is."""
    if isinstance(value, torch.Tensor) and value.dim():
        return torch.zeros_like(flat, dtype=value.dtype)
    others = {float(state['state'][numbers[parameter]][key]) for parameter in group
              if key in state['state'].get(numbers[parameter], {})}
    if len(others) > 1:
        raise ValueError(f'the checkpoint has different values of {key!r} for parameters of one group of the '
                         f'optimizer, which DeepSpeed updates as one: {sorted(others)}')
    return value.clone() if isinstance(value, torch.Tensor) else value


def _set_state(parameter: nn.Parameter, key: str, value: torch.Tensor) -> None:
    if is_partitioned(parameter):
        _fragments().safe_set_local_optimizer_state(parameter, _part_of(parameter, value), key)
    else:
        _fragments().safe_set_full_optimizer_state(parameter, value, key)


def _scaler_numbers(optimizer: Any) -> dict[str, Any]:
    """Take what a scaler of losses (fp16) has counted."""
    scaler = getattr(optimizer, 'loss_scaler', None)
    return {key: value for key, value in vars(scaler).items() if isinstance(value, (bool, int, float))} \
        if getattr(scaler, 'dynamic', False) else {}


def _set_scaler(optimizer: Any, numbers: dict[str, Any]) -> None:
    scaler = getattr(optimizer, 'loss_scaler', None)
    for key, value in numbers.items():
        if hasattr(scaler, key):
            setattr(scaler, key, value)
