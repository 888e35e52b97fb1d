"""A model whose parts are optimised apart, each in several processes."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmengine.device import get_device
from mmengine.model.wrappers.distributed import SYNC_BUFFERS, MMDistributedDataParallel
from mmengine.optim.optimizer.optimizer_wrapper_dict import OptimWrapperDict
from mmengine.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MMSeparateDistributedDataParallel(DistributedDataParallel):
    """Wraps each child of a model that has trainable parameters by itself, for models with several optimizers.

    The model's own `train_step`, `val_step` and `test_step` are called, so that it decides what runs when.

    Args:
        module: The model, whose children are replaced by wrapped ones.
        broadcast_buffers: Whether buffers are synchronised in each forward pass.
        find_unused_parameters: Whether parameters without gradient are looked for in each pass.
        **kwargs: Further arguments of `torch.nn.parallel.DistributedDataParallel`.
    """

    module: Any

    def __init__(self, module: nn.Module, broadcast_buffers: bool = False, find_unused_parameters: bool = False,
                 **kwargs: Any) -> None:
        # The wrapper itself averages nothing, which is why the constructor of its base is not called.
        super(DistributedDataParallel, self).__init__()
        self.module = module
        device = get_device()
        for name, child in module._modules.items():
            if child is None:
                continue
            child = child.to(device)
            if any(parameter.requires_grad for parameter in child.parameters()):
                options: dict[str, Any] = {SYNC_BUFFERS: broadcast_buffers, **kwargs}
                child = MMDistributedDataParallel(module=child, find_unused_parameters=find_unused_parameters,
                                                  **options)
            module._modules[name] = child

    def train_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any],
                   optim_wrapper: OptimWrapperDict) -> dict[str, torch.Tensor]:
        """Run one iteration of training, as the model itself has it.

        Args:
            data: A batch from the data loader.
            optim_wrapper: One wrapper for each of the submodules that are trained.

        Returns:
            Losses by name, each of shape ().
        """
        log_vars: dict[str, torch.Tensor] = self.module.train_step(data, optim_wrapper)
        return log_vars

    def val_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict a batch of validation data.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        predictions: list[Any] = self.module.val_step(data)
        return predictions

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict a batch of test data.

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

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Leave gradients of all wrapped children unaveraged for the time of the context."""
        with ExitStack() as stack:
            for child in self.module.children():
                if isinstance(child, DistributedDataParallel):
                    stack.enter_context(child.no_sync())
            yield

    def train(self, mode: bool = True) -> MMSeparateDistributedDataParallel:
        """Switch the model to training or evaluation.

        Args:
            mode: Whether to train.
        """
        self.training = mode
        self.module.train(mode)
        return self
