"""The base class of models that a runner trains, validates and tests."""
from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from typing import Any, TypeVar

import torch
from torch import nn

from mmengine.model.base_model.data_preprocessor import BaseDataPreprocessor
from mmengine.model.base_module import BaseModule
from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import MODELS

Model = TypeVar('Model', bound='BaseModel')
_NO_LOSS = torch.empty(0)  # keeps the first place


class BaseModel(BaseModule):
    """A model with its own step of training, validation and testing.

    A subclass implements `forward`; the steps call it in one of its three modes:

        train_step:  data_preprocessor(data, True)  -> forward(..., mode='loss')     -> optim_wrapper.update_params
        val_step:    data_preprocessor(data, False) -> forward(..., mode='predict')  -> predictions
        test_step:   the same as val_step
        val_loss_step:  data_preprocessor(data, False) -> forward(..., mode='loss')  -> losses, for validation

    Args:
        data_preprocessor: What moves a batch to the device of the model and prepares it: a module, or the config of
            one; by default a `BaseDataPreprocessor`.
        init_cfg: How weights are initialised, see `BaseModule`.

    Raises:
        TypeError: `data_preprocessor` is something else.
    """

    def __init__(self, data_preprocessor: dict[str, Any] | nn.Module | None = None,
                 init_cfg: dict[str, Any] | list[dict[str, Any]] | None = None) -> None:
        super().__init__(init_cfg)
        self.data_preprocessor: nn.Module
        if data_preprocessor is None:
            self.data_preprocessor = BaseDataPreprocessor()
        elif isinstance(data_preprocessor, nn.Module):
            self.data_preprocessor = data_preprocessor
        elif isinstance(data_preprocessor, dict):
            self.data_preprocessor = MODELS.build(data_preprocessor, default_args={'type': 'BaseDataPreprocessor'})
        else:
            raise TypeError(f'data_preprocessor should be a `dict` or `nn.Module` instance, '
                            f'but got {type(data_preprocessor)}')

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, torch.Tensor]:
        """Run one iteration of training: forward, backward, update.

        Args:
            data: A batch from the data loader.
            optim_wrapper: What updates the parameters.

        Returns:
            Losses by name, detached, on the device of the model; `loss` is what was differentiated.
        """
        if getattr(optim_wrapper, 'is_plain', False):  # then the context does nothing
            losses = self._run_forward(self._prepared(data), mode='loss')
        else:
            with optim_wrapper.optim_context(self):
                losses = self._run_forward(self._prepared(data), mode='loss')
        loss, log_vars = self.parse_losses(losses)
        optim_wrapper.update_params(loss)
        return log_vars

    def _prepared(self, data: Any) -> Any:
        """Prepare a batch for training; the usual preprocessor without the ways of a module, which take their time."""
        module = self._modules['data_preprocessor']
        if type(module) is BaseDataPreprocessor and not module._forward_hooks and not module._forward_pre_hooks:
            return module.cast_data(data)
        return self.data_preprocessor(data, True)

    def val_step(self, data: Any) -> list[Any]:
        """Predict a batch of validation data.

        Args:
            data: A batch from the data loader.

        Returns:
            A prediction per sample, as `forward` gives them in mode 'predict'.
        """
        return self._predict(data)

    def test_step(self, data: Any) -> list[Any]:
        """Predict a batch of test data.

        Args:
            data: A batch from the data loader.

        Returns:
            A prediction per sample, as `forward` gives them in mode 'predict'.
        """
        return self._predict(data)

    def val_loss_step(self, data: Any) -> dict[str, torch.Tensor]:
        """Compute the losses of a batch of validation data, as a loop with `compute_loss=True` does.

        Mode 'loss' of `forward` runs as the model is, in evaluation mode for example; nothing is updated.

        Args:
            data: A batch from the data loader, with annotations.

        Returns:
            Losses by name, each a tensor of shape (), detached, on the device of the model; `loss` is their sum.
        """
        losses = self._run_forward(self.data_preprocessor(data, False), mode='loss')
        return self.parse_losses(losses)[1]

    def _predict(self, data: Any) -> list[Any]:
        predictions: list[Any] = self._run_forward(self.data_preprocessor(data, False), mode='predict')
        return predictions

    def parse_losses(self, losses: dict[str, torch.Tensor | list[torch.Tensor]]
                     ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Sum up what `forward` returned in mode 'loss'. Nothing is read from the device.

        Args:
            losses: Tensors, or lists of tensors whose means are summed, by name. Those whose name contains 'loss' are
                differentiated, the others only logged.

        Returns:
            The loss to differentiate, and all values by name, detached, `loss` first.

        Raises:
            TypeError: A value is neither a tensor nor a list of tensors.
            ValueError: There is no value whose name contains 'loss'.
        """
        total: torch.Tensor | None = None
        log_vars: OrderedDict[str, torch.Tensor] = OrderedDict()
        log_vars['loss'] = _NO_LOSS
        for name, given in losses.items():
            # The mean of a single number is that number: left out, it is missing in the backward pass as well.
            value = given if isinstance(given, torch.Tensor) and given.dim() == 0 else self._mean(name, given)
            if 'loss' in name:
                total = value if total is None else total + value
            if name != 'loss':
                log_vars[name] = value.detach()
        if total is None:
            raise ValueError(f"{type(self).__name__}.forward returned nothing to differentiate in mode 'loss': "
                             f"no name contains 'loss', but got {list(losses)}")
        log_vars['loss'] = total.detach()
        return total, log_vars

    @staticmethod
    def _mean(name: str, value: Any) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            return value.mean()
        if isinstance(value, (list, tuple)) and value and all(isinstance(part, torch.Tensor) for part in value):
            return torch.stack([part.mean() for part in value]).sum()
        raise TypeError(f'{name} is not a tensor or list of tensors, but {type(value)}')

    def _run_forward(self, data: Any, mode: str) -> Any:
        """Call `forward` with what the data preprocessor gave, as keyword or positional arguments."""
        if isinstance(data, dict):
            return self(**data, mode=mode)
        if isinstance(data, (list, tuple)):
            return self(*data, mode=mode)
        raise TypeError(f'Output of `data_preprocessor` should be list, tuple or dict, but got {type(data)}')

    @abstractmethod
    def forward(self, inputs: Any, data_samples: list[Any] | None = None, mode: str = 'tensor') -> Any:
        """Compute what `mode` asks for.

        Args:
            inputs: Batch of inputs, as the data preprocessor gives them; images have the shape (N, C, H, W).
            data_samples: Annotations of each sample.
            mode: 'loss' returns losses by name, 'predict' a list of predictions, 'tensor' what the network gives.
        """

    # Devices: the data preprocessor has no weights to tell them by, so that it is told. -------------------------------

    def to(self: Model, *args: Any, **kwargs: Any) -> Model:
        """Move or cast the model; the arguments are those of `torch.nn.Module.to`."""
        # The parser that `torch.nn.Module.to` itself uses; there is no public one.
        device = torch._C._nn._parse_to(*args, **kwargs)[0]
        if device is not None:
            self._set_device(device)
        return super().to(*args, **kwargs)

    def cuda(self: Model, device: Any = None) -> Model:
        """Move the model to a CUDA device, by default the current one."""
        if device is None or isinstance(device, int):
            device = torch.device('cuda', torch.cuda.current_device() if device is None else device)
        self._set_device(torch.device(device))
        return super().cuda(device)

    def cpu(self: Model, *args: Any, **kwargs: Any) -> Model:
        """Move the model to the CPU."""
        self._set_device(torch.device('cpu'))
        return super().cpu()

    def npu(self: Model, device: Any = None) -> Model:
        """Move the model to an NPU, by default the current one."""
        return self._to_backend('npu', device)

    def mlu(self: Model, device: Any = None) -> Model:
        """Move the model to an MLU, by default the current one."""
        return self._to_backend('mlu', device)

    def musa(self: Model, device: Any = None) -> Model:
        """Move the model to a MUSA device, by default the current one."""
        return self._to_backend('musa', device)

    def _to_backend(self: Model, backend: str, device: Any) -> Model:
        if device is None:
            device = getattr(torch, backend).current_device()
        return self.to(torch.device(backend, device) if isinstance(device, int) else torch.device(device))

    def _set_device(self, device: torch.device) -> None:
        for module in self.modules():
            if isinstance(module, BaseDataPreprocessor):
                module._device = device
