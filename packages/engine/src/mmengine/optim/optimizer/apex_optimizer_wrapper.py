"""The driver of an optimizer in mixed precision by NVIDIA Apex."""
from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS


def _apex_amp() -> Any:
    try:
        return importlib.import_module('apex.amp')
    except ImportError as error:
        raise ImportError('ApexOptimWrapper needs apex: see https://github.com/NVIDIA/apex; '
                          'AmpOptimWrapper needs nothing but torch') from error


@OPTIM_WRAPPERS.register_module()
class ApexOptimWrapper(OptimWrapper):
    """Runs model and optimizer through `apex.amp`.

    Args:
        opt_level: Level of optimisation, 'O0' to 'O3'.
        loss_scale: 'dynamic', or the scale.
        enabled: Whether Apex does anything.
        cast_model_type: See `apex.amp.initialize`, as the following.
        patch_torch_functions: Whether torch's functions choose their precision.
        keep_batchnorm_fp32: Whether batch normalisation stays in float32.
        master_weights: Whether weights are kept in float32 as well.
        cast_model_outputs: Type of the outputs.
        num_losses: Number of losses.
        verbosity: How much Apex prints.
        min_loss_scale: Lowest scale.
        max_loss_scale: Highest scale.
        **kwargs: Arguments of `OptimWrapper`.

    Raises:
        ImportError: Apex is not installed.
    """

    def __init__(self, opt_level: str = 'O1', loss_scale: str | float | None = 'dynamic', enabled: bool | None = True,
                 cast_model_type: torch.dtype | None = None, patch_torch_functions: bool | None = None,
                 keep_batchnorm_fp32: bool | str | None = None, master_weights: bool | None = None,
                 cast_model_outputs: torch.dtype | None = None, num_losses: int = 1, verbosity: int = 1,
                 min_loss_scale: float | None = None, max_loss_scale: float | None = 16777216.0,
                 **kwargs: Any) -> None:
        self._amp = _apex_amp()
        super().__init__(**kwargs)
        self.opt_level = opt_level
        self.loss_scale = loss_scale
        self._options = {
            'enabled': enabled, 'cast_model_type': cast_model_type, 'patch_torch_functions': patch_torch_functions,
            'keep_batchnorm_fp32': keep_batchnorm_fp32, 'master_weights': master_weights,
            'cast_model_outputs': cast_model_outputs, 'num_losses': num_losses, 'verbosity': verbosity,
            'min_loss_scale': min_loss_scale, 'max_loss_scale': max_loss_scale,
        }
        self._model: nn.Module | None = None
        self._waiting_state: dict[str, Any] | None = None

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Run the backward pass of the scaled loss, and count it.

        Args:
            loss: The loss, a floating-point tensor of shape ().
            **kwargs: Arguments of `torch.Tensor.backward`.
        """
        with self._amp.scale_loss(loss, self.optimizer) as scaled:
            scaled.backward(**kwargs)
        self._inner_count += 1

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass in this context; at the first time, Apex prepares model and optimizer.

        Args:
            model: The model, as it is wrapped.
        """
        if self._model is None:
            inner = getattr(model, 'module', model)
            _, self.optimizer = self._amp.initialize(inner, self.optimizer, opt_level=self.opt_level,
                                                     loss_scale=self.loss_scale, **self._options)
            self._model = inner
            if self._waiting_state is not None:
                self._amp.load_state_dict(self._waiting_state)
                self._waiting_state = None
        with super().optim_context(model):
            yield

    def state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer, and that of Apex as `apex_amp`."""
        return {**super().state_dict(), 'apex_amp': self._amp.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state back; that of Apex waits until it has prepared the model.

        Args:
            state_dict: What `state_dict` gave.
        """
        state = dict(state_dict)
        self._waiting_state = state.pop('apex_amp', None)
        super().load_state_dict(state)
