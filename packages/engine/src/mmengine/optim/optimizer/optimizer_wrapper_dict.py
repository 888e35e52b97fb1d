"""Several drivers of optimizers under names, for models whose parts are optimised apart."""
from __future__ import annotations

from collections.abc import ItemsView, KeysView, ValuesView
from typing import Any, NoReturn

import torch
from torch import nn

from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.utils.suggest import did_you_mean


class OptimWrapperDict(OptimWrapper):
    """Holds an `OptimWrapper` for each optimizer of a model, a GAN for example.

    What concerns one update (`update_params`, `backward`, `step`, `optim_context`) is called on the single wrappers, by
    the model's own `train_step`; what concerns all (`zero_grad`, states, learning rates) may be called here.

    Args:
        **optim_wrapper_dict: Wrappers by name.

    Raises:
        AssertionError: A value is no `OptimWrapper`.
    """

    def __init__(self, **optim_wrapper_dict: OptimWrapper) -> None:
        for name, wrapper in optim_wrapper_dict.items():
            if not isinstance(wrapper, OptimWrapper):
                raise AssertionError(f'`OptimWrapperDict` only accept OptimWrapper instance, '
                                     f'but got {name}: {type(wrapper)}')
        self.optim_wrappers = optim_wrapper_dict

    def _refuse(self, name: str) -> NoReturn:
        raise NotImplementedError(f'`{name}` should be called by each optimizer separately: '
                                  f"optim_wrapper['{next(iter(self.optim_wrappers), 'name')}'].{name}(...)")

    def update_params(self, loss: torch.Tensor, step_kwargs: dict[str, Any] | None = None,
                      zero_kwargs: dict[str, Any] | None = None) -> None:
        """Is to be called on the single wrappers."""
        self._refuse('update_params')

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Is to be called on the single wrappers."""
        self._refuse('backward')

    def step(self, **kwargs: Any) -> None:
        """Is to be called on the single wrappers."""
        self._refuse('step')

    def optim_context(self, model: Any) -> NoReturn:
        """Is to be called on the single wrappers."""
        self._refuse('optim_context')

    def should_update(self) -> bool:
        """Is to be called on the single wrappers."""
        self._refuse('should_update')

    def should_sync(self) -> bool:
        """Is to be called on the single wrappers."""
        self._refuse('should_sync')

    def scale_loss(self, loss: torch.Tensor) -> torch.Tensor:
        """Is to be called on the single wrappers."""
        self._refuse('scale_loss')

    @property
    def inner_count(self) -> int:
        """Is to be asked of the single wrappers."""
        self._refuse('inner_count')

    @property
    def defaults(self) -> dict[str, Any]:
        """The default settings of each optimizer by name."""
        return {name: wrapper.defaults for name, wrapper in self.optim_wrappers.items()}

    def zero_grad(self, **kwargs: Any) -> None:
        """Forget the gradients of all.

        Args:
            **kwargs: Arguments of `torch.optim.Optimizer.zero_grad`.
        """
        for wrapper in self.optim_wrappers.values():
            wrapper.zero_grad(**kwargs)

    def initialize_count_status(self, model: nn.Module, cur_iter: int, max_iters: int) -> None:
        """Say to all where in a training this is.

        Args:
            model: The model.
            cur_iter: Number of iterations that have been.
            max_iters: Number of iterations of the whole training.
        """
        for wrapper in self.optim_wrappers.values():
            wrapper.initialize_count_status(model, cur_iter, max_iters)

    @property
    def param_groups(self) -> dict[str, list[dict[str, Any]]]:  # type: ignore[override]  # upstream's interface
        """The parameter groups of each optimizer by name."""
        return {name: wrapper.param_groups for name, wrapper in self.optim_wrappers.items()}

    def get_lr(self) -> dict[str, list[float]]:
        """List the learning rates, `name.lr`."""
        return {f'{name}.{key}': rates for name, wrapper in self.optim_wrappers.items()
                for key, rates in wrapper.get_lr().items()}

    def get_momentum(self) -> dict[str, list[float]]:
        """List the momenta, `name.momentum`."""
        return {f'{name}.{key}': momenta for name, wrapper in self.optim_wrappers.items()
                for key, momenta in wrapper.get_momentum().items()}

    def state_dict(self) -> dict[str, Any]:
        """Take the state of each by name."""
        return {name: wrapper.state_dict() for name, wrapper in self.optim_wrappers.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of each back.

        Args:
            state_dict: States of the wrappers by name.

        Raises:
            AssertionError: There is no wrapper of a name.
        """
        for name, state in state_dict.items():
            self._known(name).load_state_dict(state)

    def progress_state(self) -> dict[str, Any]:
        """Take what an exact resume needs, of each by name."""
        return {name: wrapper.progress_state() for name, wrapper in self.optim_wrappers.items()}

    def load_progress_state(self, state: dict[str, Any]) -> None:
        """Take back what `progress_state` gave.

        Args:
            state: States of the wrappers by name.
        """
        for name, progress in state.items():
            self._known(name).load_progress_state(progress)

    def _known(self, name: str) -> OptimWrapper:
        if name not in self.optim_wrappers:
            raise AssertionError(f'Mismatched `state_dict`! cannot found {name!r} in `OptimWrapperDict`, which has '
                                 f'{list(self.optim_wrappers)}.{did_you_mean(name, self.optim_wrappers)}')
        return self.optim_wrappers[name]

    def items(self) -> ItemsView[str, OptimWrapper]:
        """View the wrappers by name."""
        return self.optim_wrappers.items()

    def values(self) -> ValuesView[OptimWrapper]:
        """View the wrappers."""
        return self.optim_wrappers.values()

    def keys(self) -> KeysView[str]:
        """View the names."""
        return self.optim_wrappers.keys()

    def __getitem__(self, key: str) -> OptimWrapper:
        return self.optim_wrappers[key]

    def __contains__(self, key: str) -> bool:
        return key in self.optim_wrappers

    def __len__(self) -> int:
        return len(self.optim_wrappers)

    def __repr__(self) -> str:
        return ''.join(f'name: {name}\n{wrapper!r}' for name, wrapper in self.optim_wrappers.items())
