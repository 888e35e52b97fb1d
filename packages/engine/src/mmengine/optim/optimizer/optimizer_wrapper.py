"""The driver of an optimizer: backward pass, accumulation of gradients, clipping, update."""
from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from mmengine.logging import MessageHub, print_log
from mmengine.optim.optimizer.base import BaseOptimWrapper
from mmengine.optim.optimizer.parts import as_part_of, local_part
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.utils.dl_utils import has_batch_norm

#: Methods that an update calls; a test or a plugin may have put others on an object.
_REPLACEABLE = frozenset({'optim_context', 'scale_loss', 'backward', 'should_update', 'should_sync', 'step',
                          'zero_grad'})
_CLIPPERS: dict[str, Callable[..., Any]] = {'norm': clip_grad_norm_, 'value': clip_grad_value_}


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(BaseOptimWrapper):
    """Drives an optimizer by `update_params(loss)`, the same for all kinds of precision.

        with optim_wrapper.optim_context(model):     # no averaging between processes while gradients accumulate
            loss = model(batch)
        optim_wrapper.update_params(loss)            # scale_loss, backward, and where it is time: step, zero_grad

    Args:
        optimizer: The optimizer.
        accumulative_counts: Over how many backward passes gradients accumulate before an update. The loss of each is
            divided by this number; in the last group of a training, which may be smaller, by that of the group.
        clip_grad: How gradients are clipped before an update: `type`, 'norm' or 'value', and the arguments of torch's
            `clip_grad_norm_` or `clip_grad_value_`. The norm is logged as `train/grad_norm`.

    Raises:
        AssertionError: `accumulative_counts` is not positive, or `clip_grad` no dict.
        ValueError: The type of clipping is unknown.

    Examples:
        >>> import torch
        >>> from mmengine.optim import OptimWrapper
        >>> model = torch.nn.Linear(2, 1)
        >>> wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2)
        >>> for _ in range(4):
        ...     with wrapper.optim_context(model):
        ...         loss = model(torch.ones(1, 2)).mean()
        ...     wrapper.update_params(loss)
    """

    def __init__(self, optimizer: Any, accumulative_counts: int = 1,
                 clip_grad: dict[str, Any] | None = None) -> None:
        if accumulative_counts <= 0:
            raise AssertionError(f'accumulative_counts at least greater than or equal to 1, '
                                 f'but got {accumulative_counts}')
        super().__init__(optimizer)
        self._accumulative_counts = accumulative_counts
        self.clip_func: Callable[..., Any] | None = None
        self.grad_name = 'grad_norm'
        self.clip_grad_kwargs: dict[str, Any] | None = None
        if clip_grad is not None:
            self._set_clipping(clip_grad)
        self.message_hub: MessageHub = MessageHub.get_current_instance()
        self._inner_count = 0
        self._max_counts = -1
        self._remainder_counts = -1
        self._restored_gradients = False
        if len(optimizer.param_groups) > 1:
            self.base_param_settings = {'params': torch.tensor([0.0]), **optimizer.defaults}

    def _set_clipping(self, clip_grad: Any) -> None:
        if not (isinstance(clip_grad, dict) and clip_grad):
            raise AssertionError(f'If `clip_grad` is not None, it should be a `dict` which is the arguments of '
                                 f'`torch.nn.utils.clip_grad_norm_` or `clip_grad_value_`, but got {clip_grad!r}')
        options = dict(clip_grad)
        kind = options.pop('type', 'norm')
        if kind not in _CLIPPERS:
            raise ValueError(f'type of clip_grad should be "norm" or "value" but got {kind!r}')
        self.clip_func = _CLIPPERS[kind]
        self.grad_name = f'grad_{kind}'
        self.clip_grad_kwargs = options

    @property
    def is_plain(self) -> bool:
        """Whether an update is nothing but a backward pass and a step: this very class, nothing set, nothing replaced.

        A model may then leave out `optim_context`. Each call that a step does without shows with a small network.
        """
        return (type(self) is OptimWrapper and self._accumulative_counts == 1 and self.clip_grad_kwargs is None
                and _REPLACEABLE.isdisjoint(self.__dict__))

    # The steps of an update -------------------------------------------------------------------------------------------

    def update_params(self, loss: torch.Tensor, step_kwargs: dict[str, Any] | None = None,
                      zero_kwargs: dict[str, Any] | None = None) -> None:
        """Run the backward pass, and update the parameters once enough gradients have accumulated.

        Args:
            loss: The loss of this batch, a tensor of shape ().
            step_kwargs: Arguments of `step`.
            zero_kwargs: Arguments of `zero_grad`.
        """
        if step_kwargs is None and zero_kwargs is None and self.is_plain:
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            self._inner_count += 1
            self.optimizer.step()
            self.optimizer.zero_grad()
            return
        self.backward(self.scale_loss(loss))
        if self.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Run the backward pass, and count it.

        Args:
            loss: The loss.
            **kwargs: Arguments of `torch.Tensor.backward`.
        """
        loss.backward(**kwargs)  # type: ignore[no-untyped-call]  # torch's own
        self._inner_count += 1

    def zero_grad(self, **kwargs: Any) -> None:
        """Forget the gradients.

        Args:
            **kwargs: Arguments of `torch.optim.Optimizer.zero_grad`.
        """
        self.optimizer.zero_grad(**kwargs)

    def step(self, **kwargs: Any) -> None:
        """Clip the gradients if asked to, and update the parameters.

        Args:
            **kwargs: Arguments of `torch.optim.Optimizer.step`.
        """
        if self.clip_grad_kwargs is not None:
            self._clip_grad()
        self.optimizer.step(**kwargs)

    def _clip_grad(self) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group['params']
                      if parameter.requires_grad and parameter.grad is not None]
        if parameters and self.clip_func is not None:
            norm = self.clip_func(parameters, **(self.clip_grad_kwargs or {}))
            if norm is not None:
                # Still a tensor: it is read where the log is written, by one rank alone.
                norm = norm.full_tensor() if hasattr(norm, 'full_tensor') else norm
                self.message_hub.update_scalar(f'train/{self.grad_name}', norm)

    def optim_context(self, model: Any) -> AbstractContextManager[None]:
        """Give the context of the forward pass: gradients are not averaged between processes before it is time.

        Args:
            model: The model, as it is wrapped.
        """
        if not self.should_sync() and hasattr(model, 'no_sync'):
            return model.no_sync()  # type: ignore[no-any-return]  # the model may be of any class
        return nullcontext()

    # Counting ---------------------------------------------------------------------------------------------------------

    @property
    def inner_count(self) -> int:
        """Number of backward passes."""
        return self._inner_count

    def initialize_count_status(self, model: nn.Module, init_counts: int, max_counts: int) -> None:
        """Say where in a training this is, so that its last gradients are used, and rightly scaled.

        Args:
            model: The model.
            init_counts: Number of iterations that have been.
            max_counts: Number of iterations of the whole training.
        """
        self._inner_count = init_counts
        self._max_counts = max_counts
        self._remainder_counts = max_counts % self._accumulative_counts
        if init_counts % self._accumulative_counts != 0 and not self._restored_gradients:
            print_log(f'Resumed iteration number {init_counts} is not divisible by accumulative_counts='
                      f'{self._accumulative_counts}, which means the gradient of some iterations is lost and the '
                      f'result may be influenced slightly.', logger='current', level=logging.WARNING)
        if self._accumulative_counts > 1 and has_batch_norm(model):
            print_log('Gradient accumulative may slightly influence performance because the model has BatchNorm '
                      'layers.', logger='current', level=logging.WARNING)

    def should_update(self) -> bool:
        """Tell whether enough gradients have accumulated, or training ends."""
        return self._inner_count % self._accumulative_counts == 0 or self._inner_count == self._max_counts

    def should_sync(self) -> bool:
        """Tell whether the next backward pass is followed by an update."""
        following = self._inner_count + 1
        return following % self._accumulative_counts == 0 or following == self._max_counts

    def scale_loss(self, loss: torch.Tensor) -> torch.Tensor:
        """Divide a loss by the number of gradients that are summed up before the update.

        Args:
            loss: The loss of this batch.
        """
        return loss / self._group_size() if self._accumulative_counts > 1 else loss

    def _group_size(self) -> int:
        in_last_group = self._max_counts != -1 and self._inner_count >= self._max_counts - self._remainder_counts
        # A remainder of 0 comes up where more passes are made than were announced.
        return self._remainder_counts or self._accumulative_counts if in_last_group else self._accumulative_counts

    # Going on exactly after an interruption ---------------------------------------------------------------------------

    def progress_state(self) -> dict[str, Any]:
        """Take what `state_dict` does not hold and an exact resume needs.

        Returns:
            The number of backward passes, and the gradients of this process that wait for an update, as a flat list in
            the order of the parameters. They wait within a group of accumulation, and where the loss of another
            optimizer reaches these parameters as well.
        """
        waiting = [parameter.grad for group in self.optimizer.param_groups for parameter in group['params']]
        gradients = None
        if any(gradient is not None for gradient in waiting):
            gradients = [None if gradient is None else local_part(gradient.detach()).clone() for gradient in waiting]
        return {'inner_count': self._inner_count, 'gradients': gradients}

    def load_progress_state(self, state: dict[str, Any]) -> None:
        """Take back what `progress_state` gave.

        Args:
            state: The state, of an optimizer with as many parameters in the same order.

        Raises:
            ValueError: The gradients are of another number of parameters.
        """
        self._inner_count = state['inner_count']
        gradients = state.get('gradients')
        self._restored_gradients = gradients is not None
        if gradients is None:
            return
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group['params']]
        if len(parameters) != len(gradients):
            raise ValueError(f'the saved gradients are of {len(gradients)} parameters, '
                             f'but the optimizer has {len(parameters)}')
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else as_part_of(
                parameter, gradient.to(parameter.device, parameter.dtype))

    def __repr__(self) -> str:
        return (f'Type: {type(self).__name__}\n_accumulative_counts: {self._accumulative_counts}\noptimizer: \n'
                f'{self.optimizer!r}\n')
