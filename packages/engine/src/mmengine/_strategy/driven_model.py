"""A model that another engine drives, once it has its optimizer, with the steps of every other model."""
from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper


class DrivenModel(nn.Module):
    """A model that runs by itself, and through what an engine made of it from `use` on.

    Args:
        module: The model.
    """

    module: Any

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self._driver: list[Any] = []  # in a list, so that the model is not a submodule twice

    def use(self, driver: Any) -> None:
        """Run through what an engine made of the model from now on.

        Args:
            driver: To be called as the model is.
        """
        self._driver[:] = [driver]

    @property
    def is_driven(self) -> bool:
        """Whether an engine drives the model."""
        return bool(self._driver)

    @property
    def driver(self) -> Any:
        """What an engine made of the model, or the model itself where there is none."""
        return self._driver[0] if self._driver else self.module

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name in ('module', '_driver'):  # not there before the constructor has set them
                raise
            return getattr(self.driver, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model.

        Args:
            *args: Of the model.
            **kwargs: Of the model.
        """
        return self.driver(*args, **kwargs)

    def train_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any],
                   optim_wrapper: OptimWrapper) -> dict[str, torch.Tensor]:
        """Run one iteration of training: forward, backward, update.

        Args:
            data: A batch from the data loader.
            optim_wrapper: What updates the parameters, of the same engine.

        Returns:
            Losses by name, detached, on the device of the model.
        """
        with optim_wrapper.optim_context(self):
            losses = self._run_forward(self.module.data_preprocessor(data, True), mode='loss')
            log_vars: dict[str, torch.Tensor]
            loss, log_vars = self.module.parse_losses(losses)
            optim_wrapper.update_params(loss)
        return log_vars

    def val_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict a batch of validation data; where parameters are spread, all ranks must take as many batches.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        predictions: list[Any] = self._run_forward(self.module.data_preprocessor(data, False), mode='predict')
        return predictions

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict a batch of test data, as `val_step` does.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        return self.val_step(data)

    def val_loss_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> dict[str, torch.Tensor]:
        """Compute the losses of a batch of validation data.

        Args:
            data: A batch from the data loader.

        Returns:
            Losses by name, each of shape ().
        """
        losses = self._run_forward(self.module.data_preprocessor(data, False), mode='loss')
        log_vars: dict[str, torch.Tensor] = self.module.parse_losses(losses)[1]
        return log_vars

    def _run_forward(self, data: Any, mode: str) -> Any:
        """Call `forward` with what the data preprocessor gave."""
        if isinstance(data, dict):
            return self(**data, mode=mode)
        if isinstance(data, (list, tuple)):
            return self(*data, mode=mode)
        raise TypeError(f'Output of `data_preprocessor` should be list, tuple or dict, but got {type(data)}')
