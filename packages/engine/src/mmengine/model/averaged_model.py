"""Models whose weights are averages of those of a model in training."""
from __future__ import annotations

import copy
import logging
from abc import abstractmethod
from typing import Any

import torch
from torch import nn

from mmengine.logging import print_log
from mmengine.registry import MODELS


class BaseAveragedModel(nn.Module):
    """A copy of a model whose weights are an average of the model's.

    A subclass implements `avg_func`. The first update copies the weights.

    Args:
        model: The model in training.
        interval: Every how many updates the average changes.
        device: Where the copy is kept, by default where the model is.
        update_buffers: Whether buffers, running statistics for example, are averaged as well; otherwise they are
            copied at each update.

    Attributes:
        module: The averaged copy.
        steps: Number of updates, as a buffer.
    """

    steps: torch.Tensor

    def __init__(self, model: nn.Module, interval: int = 1, device: torch.device | None = None,
                 update_buffers: bool = False) -> None:
        super().__init__()
        self.module = copy.deepcopy(model).requires_grad_(False)
        self.interval = interval
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer('steps', torch.tensor(0, dtype=torch.long, device=device))
        self.update_buffers = update_buffers
        self._known_steps: tuple[torch.Tensor, int, int] | None = None

    @property
    def avg_parameters(self) -> dict[str, torch.Tensor]:
        """The averaged tensors by name."""
        return self._tensors(self.module)

    def _tensors(self, model: nn.Module) -> dict[str, torch.Tensor]:
        tensors: dict[str, torch.Tensor] = dict(model.named_parameters())
        if self.update_buffers:
            tensors.update(model.named_buffers())
        return tensors

    @abstractmethod
    def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
        """Bring an averaged tensor up to date, in place.

        Args:
            averaged_param: The averaged tensor.
            source_param: The tensor of the model in training.
            steps: Number of updates before this one.
        """

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: nn.Module) -> None:
        """Bring the average up to date.

        Args:
            model: The model in training, not wrapped.
        """
        source = self._tensors(model)
        steps = self._count()
        with torch.no_grad():
            if steps == 0:
                for name, averaged in self.avg_parameters.items():
                    averaged.copy_(source[name])
            elif steps % self.interval == 0:
                for name, averaged in self.avg_parameters.items():
                    self._average(averaged, source[name], steps)
            if not self.update_buffers:
                for averaged, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                    averaged.copy_(buffer)
        self._set_count(steps + 1)

    def _average(self, averaged: torch.Tensor, source: torch.Tensor, steps: int) -> None:
        if averaged.is_floating_point() or averaged.is_complex():
            self.avg_func(averaged, source.to(averaged.device, averaged.dtype), steps)
        else:
            averaged.copy_(source)

    # `steps` is a buffer, so that it is saved; reading it from an accelerator at each update would wait for the device.
    # It is read again only where somebody else has changed it, which its version tells.

    def _count(self) -> int:
        if self._known_steps is not None:
            tensor, version, steps = self._known_steps
            if tensor is self.steps and version == tensor._version:
                return steps
        return int(self.steps)

    def _set_count(self, steps: int) -> None:
        self.steps.fill_(steps)
        self._known_steps = (self.steps, self.steps._version, steps)


@MODELS.register_module()
class StochasticWeightAverage(BaseAveragedModel):
    """The mean of the weights, as Izmailov et al. (2018), Averaging weights leads to wider optima."""

    def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
        """Move the mean towards the new weights by one over their number.

        Args:
            averaged_param: The average, of any shape and dtype, changed in place.
            source_param: The new weights, of the same shape.
            steps: How many updates there were before.
        """
        averaged_param.add_(source_param - averaged_param, alpha=1 / (steps // self.interval + 1))


@MODELS.register_module()
class ExponentialMovingAverage(BaseAveragedModel):
    """The exponential moving average of the weights: `averaged = (1 - momentum) * averaged + momentum * source`.

    Averages of the steps go back to Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging;
    Tarvainen and Valpola (2017), Mean teachers, use this one of a network's weights.

    Args:
        model: The model in training.
        momentum: Share of the new weights, unlike the usual notion of momentum a small number.
        interval: Every how many updates the average changes.
        device: Where the copy is kept, by default where the model is.
        update_buffers: Whether buffers are averaged as well; otherwise they are copied.

    Raises:
        AssertionError: `momentum` is not between 0 and 1.
    """

    def __init__(self, model: nn.Module, momentum: float = 0.0002, interval: int = 1,
                 device: torch.device | None = None, update_buffers: bool = False) -> None:
        super().__init__(model, interval, device, update_buffers)
        if not 0.0 < momentum < 1.0:
            raise AssertionError(f'momentum must be in range (0.0, 1.0) but got {momentum}')
        if momentum > 0.5:
            print_log(f'The value of momentum in EMA is usually a small number, which is different from the '
                      f'conventional notion of momentum but got {momentum}. Please make sure the value is correct.',
                      logger='current', level=logging.WARNING)
        self.momentum = momentum

    def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
        """Move the average towards the new weights by `momentum`.

        Args:
            averaged_param: The average, of any shape and dtype, changed in place.
            source_param: The new weights, of the same shape.
            steps: How many updates there were before.
        """
        averaged_param.lerp_(source_param, self.momentum)


@MODELS.register_module()
class MomentumAnnealingEMA(ExponentialMovingAverage):
    """An exponential moving average that follows the weights closely at first.

    The momentum is `max(momentum, gamma / (gamma + steps))`, as Ge et al. (2021), YOLOX, have it in other words.

    Args:
        model: The model in training.
        momentum: Share of the new weights in the end.
        gamma: How slowly the momentum falls; positive.
        interval: Every how many updates the average changes.
        device: Where the copy is kept, by default where the model is.
        update_buffers: Whether buffers are averaged as well; otherwise they are copied.

    Raises:
        AssertionError: `momentum` is not between 0 and 1, or `gamma` not positive.
    """

    def __init__(self, model: nn.Module, momentum: float = 0.0002, gamma: int = 100, interval: int = 1,
                 device: torch.device | None = None, update_buffers: bool = False) -> None:
        super().__init__(model=model, momentum=momentum, interval=interval, device=device,
                         update_buffers=update_buffers)
        if gamma <= 0:
            raise AssertionError(f'gamma must be greater than 0, but got {gamma}')
        self.gamma = gamma

    def avg_func(self, averaged_param: torch.Tensor, source_param: torch.Tensor, steps: int) -> None:
        """Move the average towards the new weights by the momentum of this step.

        Args:
            averaged_param: The average, of any shape and dtype, changed in place.
            source_param: The new weights, of the same shape.
            steps: How many updates there were before.
        """
        averaged_param.lerp_(source_param, max(self.momentum, self.gamma / (self.gamma + steps)))
