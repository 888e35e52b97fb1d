"""The driver of an optimizer in mixed precision, on any device."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from mmengine.device import get_device
from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(OptimWrapper):
    """Runs the forward pass in `torch.autocast`, and scales the loss where the precision needs it.

    Micikevicius et al. (2018), Mixed precision training.

    Args:
        loss_scale: 'dynamic'; a number, the scale that is kept; or a dict of the arguments of `torch.amp.GradScaler`.
            The range of bfloat16 needs no scaling: there, 'dynamic' scales nothing, and no update waits for the
            device.
        dtype: Precision by name, 'float16' or 'bfloat16'; by default that of `torch.autocast` for the device,
            bfloat16 on the CPU.
        use_fsdp: Whether the model is sharded by FSDP, whose gradients are checked in all processes.
        **kwargs: Arguments of `OptimWrapper`.

    Raises:
        TypeError: `loss_scale` is something else.
        ValueError: The dtype is unknown.
    """

    valid_dtypes = ('float16', 'bfloat16', 'float32', 'float64')

    def __init__(self, loss_scale: str | float | dict[str, Any] = 'dynamic', dtype: str | None = None,
                 use_fsdp: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if dtype is not None and dtype not in self.valid_dtypes:
            raise ValueError(f'dtype should be one of {self.valid_dtypes}, but got {dtype!r}')
        self.cast_dtype: torch.dtype | None = None if dtype is None else getattr(torch, dtype)
        self._scale_update_param: float | None = None
        self.loss_scaler: Any = self._build_scaler(loss_scale, use_fsdp)

    def _build_scaler(self, loss_scale: Any, use_fsdp: bool) -> Any:
        device = self._device_type()
        options: dict[str, Any] = {}
        if loss_scale == 'dynamic':
            options['enabled'] = self._precision(device) == torch.float16
        elif isinstance(loss_scale, dict):
            options = dict(loss_scale)
        elif isinstance(loss_scale, (int, float)) and not isinstance(loss_scale, bool):
            self._scale_update_param = float(loss_scale)
            options['init_scale'] = float(loss_scale)
        else:
            raise TypeError(f'loss_scale must be of type float, dict, or "dynamic", but got {loss_scale!r}')
        if use_fsdp:
            # Only where it is asked for: it brings all of torch.distributed.fsdp along.
            from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
            return ShardedGradScaler(device=device, **options)
        return torch.amp.GradScaler(device=device, **options)

    def _device_type(self) -> str:
        """The kind of device that the model is on, as far as its parameters say."""
        for group in self.optimizer.param_groups:
            for parameter in group.get('params', ()):
                return str(parameter.device.type)
        return str(get_device())

    def _precision(self, device: str) -> torch.dtype:
        return self.cast_dtype if self.cast_dtype is not None else torch.get_autocast_dtype(device)

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Run the backward pass of the scaled loss, and count it.

        Args:
            loss: The loss, a floating-point tensor of shape ().
            **kwargs: Arguments of `torch.Tensor.backward`.
        """
        self.loss_scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Clip the gradients if asked to, update the parameters unless gradients overflowed, adapt the scale."""
        if self.clip_grad_kwargs is not None:
            self.loss_scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update(self._scale_update_param)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass in this context: in mixed precision, and as `OptimWrapper.optim_context` says.

        Args:
            model: The model, as it is wrapped.
        """
        with super().optim_context(model), torch.autocast(self._device_type(), dtype=self.cast_dtype):
            yield

    def state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer, and that of the scale as `loss_scaler`."""
        return {**super().state_dict(), 'loss_scaler': self.loss_scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state back; that of a run in another precision has no `loss_scaler`, which is fine.

        Args:
            state_dict: What `state_dict` gave.
        """
        state = dict(state_dict)
        scaler = state.pop('loss_scaler', None)
        if scaler and self.loss_scaler.is_enabled():
            self.loss_scaler.load_state_dict(scaler)
        super().load_state_dict(state)
