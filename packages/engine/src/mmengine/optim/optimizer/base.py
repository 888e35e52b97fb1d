"""What every driver of an optimizer offers."""
from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any

from torch.optim import Optimizer


class BaseOptimWrapper(metaclass=ABCMeta):
    """Drives an optimizer. `OptimWrapper` does so for training in one process or with gradients averaged.

    Args:
        optimizer: The optimizer.

    Attributes:
        base_param_settings: A parameter group without parameters of the model, where the optimizer has several: it
            shows the settings that nothing was multiplied with, follows the schedules, and is logged as `base_lr`.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer: Optimizer = optimizer
        self.base_param_settings: dict[str, Any] | None = None

    @abstractmethod
    def update_params(self, *args: Any, **kwargs: Any) -> None:
        """Run the backward pass, and update the parameters where it is time to."""

    @abstractmethod
    def backward(self, loss: Any, **kwargs: Any) -> None:
        """Run the backward pass.

        Args:
            loss: The loss, a floating-point tensor of shape ().
            **kwargs: Arguments of the backward pass.
        """

    @abstractmethod
    def zero_grad(self, **kwargs: Any) -> None:
        """Forget the gradients."""

    @abstractmethod
    def step(self, **kwargs: Any) -> None:
        """Update the parameters."""

    def state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer, and the base settings where there are such."""
        state = self.optimizer.state_dict()
        if self.base_param_settings is not None:
            state['base_param_settings'] = self.base_param_settings
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of the optimizer back; the dict is not changed.

        Args:
            state_dict: What `state_dict` gave.
        """
        state = dict(state_dict)
        base = state.pop('base_param_settings', None)
        if base is not None:
            self.base_param_settings = dict(base)
        self.optimizer.load_state_dict(state)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameter groups, the one of base settings last."""
        if self.base_param_settings is not None:
            return [*self.optimizer.param_groups, self.base_param_settings]
        return self.optimizer.param_groups

    @property
    def defaults(self) -> dict[str, Any]:
        """The default settings of the optimizer."""
        return self.optimizer.defaults

    def get_lr(self) -> dict[str, list[float]]:
        """List the learning rates of the parameter groups.

        Returns:
            `lr`, and before it `base_lr` where there are base settings.
        """
        rates: dict[str, list[float]] = {}
        if self.base_param_settings is not None:
            rates['base_lr'] = [self.base_param_settings['lr']]
        rates['lr'] = [group['lr'] for group in self.optimizer.param_groups]
        return rates

    def get_momentum(self) -> dict[str, list[float]]:
        """List the momenta of the parameter groups: `momentum`, the first of `betas`, or 0."""
        return {'momentum': [group['momentum'] if 'momentum' in group else group.get('betas', (0,))[0]
                             for group in self.optimizer.param_groups]}
