"""A model whose parameters are spread over the processes."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp.api import BackwardPrefetch, CPUOffload, MixedPrecision, ShardingStrategy
from torch.distributed.fsdp.fully_sharded_data_parallel import FullyShardedDataParallel

from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import FUNCTIONS, MODEL_WRAPPERS

_Policy = Callable[..., Any] | dict[str, Any] | str | None


def _callable(name: str, value: Any) -> Any:
    """Take a function, the registered name of one, or a config: its type, with the rest bound."""
    if isinstance(value, str):
        found = FUNCTIONS.get(value)
        if found is None:
            raise ValueError(f'`{name}` {value!r} is not registered in FUNCTIONS')
        return found
    if isinstance(value, dict):
        options = dict(value)
        function = _callable(name, options.pop('type'))
        return lambda *args, **kwargs: function(*args, **{**options, **kwargs})
    if value is None or callable(value):
        return value
    raise TypeError(f'`{name}` should be a str, dict, callable or None, but got {type(value)}')


def _member(name: str, value: Any, options: Any) -> Any:
    """Take a member of an enumeration by its name."""
    if isinstance(value, str):
        if value not in options.__members__:
            raise ValueError(f'`{name}` should be one of {list(options.__members__)}, but got {value!r}')
        return options[value]
    if value is None or isinstance(value, options):
        return value
    raise TypeError(f'`{name}` should be a str, {options.__name__} or None, but got {type(value)}')


def _options(name: str, value: Any, kind: Any) -> Any:
    """Take an object of settings, or a dict of its arguments, in which dtypes may be strings."""
    if isinstance(value, dict):
        return kind(**{key: getattr(torch, setting) if key.endswith('_dtype') and isinstance(setting, str) else setting
                       for key, setting in value.items() if key != 'type'})
    if value is None or isinstance(value, kind):
        return value
    raise TypeError(f'`{name}` should be a dict, {kind.__name__} or None, but got {type(value)}')


@MODEL_WRAPPERS.register_module()
class MMFullyShardedDataParallel(FullyShardedDataParallel):
    """`torch.distributed.fsdp.FullyShardedDataParallel` with the steps of `BaseModel`, and settings from a config.

    Args:
        module: The model.
        process_group: Processes to spread it over, by default all.
        sharding_strategy: A `ShardingStrategy` or its name, 'FULL_SHARD' for example.
        cpu_offload: A `CPUOffload`, a dict of its arguments, or a bool for `offload_params`.
        auto_wrap_policy: A function, the name of a registered one, or a config with its `type` and arguments.
        backward_prefetch: A `BackwardPrefetch` or its name.
        mixed_precision: A `MixedPrecision` or a dict of its arguments, dtypes by name.
        param_init_fn: A function, the name of a registered one, or a config.
        use_orig_params: Whether the original parameters stay visible, which several parameter groups need.
        **kwargs: Further arguments of `FullyShardedDataParallel`.
    """

    def __init__(self, module: nn.Module, process_group: Any = None,
                 sharding_strategy: str | ShardingStrategy | None = None,
                 cpu_offload: bool | CPUOffload | dict[str, Any] | None = None,
                 auto_wrap_policy: _Policy = None, backward_prefetch: str | BackwardPrefetch | None = None,
                 mixed_precision: dict[str, Any] | MixedPrecision | None = None,
                 param_init_fn: _Policy = None, use_orig_params: bool = True, **kwargs: Any) -> None:
        if isinstance(cpu_offload, bool):
            cpu_offload = CPUOffload(offload_params=cpu_offload)
        super().__init__(
            module, process_group=process_group,
            sharding_strategy=_member('sharding_strategy', sharding_strategy, ShardingStrategy),
            cpu_offload=_options('cpu_offload', cpu_offload, CPUOffload),
            auto_wrap_policy=_callable('auto_wrap_policy', auto_wrap_policy),
            backward_prefetch=_member('backward_prefetch', backward_prefetch, BackwardPrefetch),
            mixed_precision=_options('mixed_precision', mixed_precision, MixedPrecision),
            param_init_fn=_callable('param_init_fn', param_init_fn), use_orig_params=use_orig_params, **kwargs)

    def train_step(self, data: dict[str, Any], optim_wrapper: OptimWrapper) -> dict[str, torch.Tensor]:
        """Run one iteration of training: forward, backward, update.

        Args:
            data: A batch from the data loader.
            optim_wrapper: What updates the parameters.

        Returns:
            Losses by name, each a tensor of shape (), detached, on the device of the model.
        """
        with optim_wrapper.optim_context(self):
            losses = self._run_forward(self._model.data_preprocessor(data, training=True), mode='loss')
        log_vars: dict[str, torch.Tensor]
        loss, log_vars = self._model.parse_losses(losses)
        optim_wrapper.update_params(loss)
        return log_vars

    def val_step(self, data: dict[str, Any]) -> list[Any]:
        """Predict a batch of validation data.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        return self._predict(data)

    def test_step(self, data: dict[str, Any]) -> list[Any]:
        """Predict a batch of test data.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        return self._predict(data)

    def val_loss_step(self, data: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Compute the losses of a batch of validation data.

        Args:
            data: A batch from the data loader.

        Returns:
            Losses by name, each of shape ().
        """
        losses = self._run_forward(self._model.data_preprocessor(data, False), mode='loss')
        log_vars: dict[str, torch.Tensor] = self._model.parse_losses(losses)[1]
        return log_vars

    @property
    def _model(self) -> Any:
        return self.module

    def _predict(self, data: Any) -> list[Any]:
        predictions: list[Any] = self._run_forward(self._model.data_preprocessor(data, False), mode='predict')
        return predictions

    def _run_forward(self, data: Any, mode: str) -> Any:
        """Call `forward`, which gathers the parameters."""
        if isinstance(data, dict):
            return self(**data, mode=mode)
        if isinstance(data, (list, tuple)):
            return self(*data, mode=mode)
        raise TypeError(f'Output of `data_preprocessor` should be list, tuple or dict, but got {type(data)}')
