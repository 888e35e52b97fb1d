"""A model in several processes that hold it whole, with gradients averaged."""
from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from mmengine.model.anomalies import detect_anomalous_params, name_params_without_grad
from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import MODEL_WRAPPERS

#: What `broadcast_buffers` is called by newer releases of torch.
SYNC_BUFFERS = next(name for name in ('forward_sync_buffers', 'broadcast_buffers')
                    if name in inspect.signature(DistributedDataParallel).parameters)


@MODEL_WRAPPERS.register_module()
class MMDistributedDataParallel(DistributedDataParallel):
    """`torch.nn.parallel.DistributedDataParallel` with the steps of `BaseModel`, on any device and on the CPU.

    Args:
        module: The model, on its device already.
        detect_anomalous_params: Whether parameters that a loss does not reach are named, at the cost of a walk through
            the graph in each iteration.
        **kwargs: Arguments of `torch.nn.parallel.DistributedDataParallel`.
    """

    module: Any

    def __init__(self, module: Any, detect_anomalous_params: bool = False, **kwargs: Any) -> None:
        super().__init__(module=module, **kwargs)
        self.detect_anomalous_params = detect_anomalous_params

    def train_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any],
                   optim_wrapper: OptimWrapper) -> dict[str, torch.Tensor]:
        """Run one iteration of training: forward, backward, update.

        Args:
            data: A batch from the data loader.
            optim_wrapper: What updates the parameters.

        Returns:
            Losses by name, detached, on the device of the model.
        """
        with optim_wrapper.optim_context(self):
            losses = self._run_forward(self.module.data_preprocessor(data, training=True), mode='loss')
        log_vars: dict[str, torch.Tensor]
        loss, log_vars = self.module.parse_losses(losses)
        optim_wrapper.update_params(loss)
        if self.detect_anomalous_params:
            detect_anomalous_params(loss, model=self)
        return log_vars

    def val_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict a batch of validation data, in this process alone.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        predictions: list[Any] = self.module.val_step(data)
        return predictions

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict a batch of test data, in this process alone.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        predictions: list[Any] = self.module.test_step(data)
        return predictions

    def val_loss_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> dict[str, torch.Tensor]:
        """Compute the losses of a batch of validation data, in this process alone.

        Args:
            data: A batch from the data loader.

        Returns:
            Losses by name, each of shape ().
        """
        losses: dict[str, torch.Tensor] = self.module.val_loss_step(data)
        return losses

    def _run_forward(self, data: Any, mode: str) -> Any:
        """Call `forward`, which prepares the averaging of gradients."""
        try:
            if isinstance(data, dict):
                return self(**data, mode=mode)
            if isinstance(data, (list, tuple)):
                return self(*data, mode=mode)
        except RuntimeError as error:
            text = name_params_without_grad(str(error), self.module)
            if text is None:
                raise
            raise RuntimeError(text) from error
        raise TypeError(f'Output of `data_preprocessor` should be list, tuple or dict, but got {type(data)}')
