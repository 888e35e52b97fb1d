"""The record of how each parameter was initialised."""
from __future__ import annotations

from typing import Any

from torch import nn


def _fingerprint(parameter: nn.Parameter) -> float | None:
    """A number that changes with the values; None where there are no values yet."""
    if parameter.is_meta or isinstance(parameter, nn.parameter.UninitializedParameter):
        return None
    values = parameter.detach()
    return float((values.abs() if values.is_complex() else values.float()).mean())


def start_init_info(module: nn.Module) -> None:
    """Give a module and all below it one record of their parameters."""
    text = f'The value is the same before and after calling `init_weights` of {type(module).__name__} '
    record: dict[nn.Parameter, dict[str, Any]] = {
        parameter: {'init_info': text, 'tmp_mean_value': _fingerprint(parameter)} for parameter in module.parameters()}
    for part in module.modules():
        part._params_init_info = record  # type: ignore[assignment]  # a plain attribute, for the time of initialisation


def update_init_info(module: nn.Module, init_info: str) -> None:
    """Note how those parameters of a module were initialised that have changed since the last note.

    Args:
        module: A module that is being initialised by `BaseModule.init_weights`.
        init_info: What to note.

    Raises:
        AssertionError: The module is not being initialised, or has got a new parameter meanwhile.
    """
    record: Any = getattr(module, '_params_init_info', None)
    if record is None:
        raise AssertionError(f'{type(module).__name__} has no `_params_init_info`: '
                             f'it is not being initialised by `BaseModule.init_weights`')
    for name, parameter in module.named_parameters():
        if parameter not in record:
            raise AssertionError(f'Find a new :obj:`Parameter` named `{name}` during executing the `init_weights` of '
                                 f'`{type(module).__name__}`. Please do not add or replace parameters during '
                                 f'executing the `init_weights`.')
        fingerprint = _fingerprint(parameter)
        if record[parameter]['tmp_mean_value'] != fingerprint:
            record[parameter].update(init_info=init_info, tmp_mean_value=fingerprint)


