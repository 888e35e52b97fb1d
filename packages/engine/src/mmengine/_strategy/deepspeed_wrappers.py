"""A model and an optimizer that a DeepSpeed engine drives, with the steps of every other model and optimizer."""
from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from mmengine.checkpoint.nests import mapped
from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import MODEL_WRAPPERS, OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class DeepSpeedOptimWrapper(OptimWrapper):
    """Drives an optimizer through a DeepSpeed engine, which accumulates, reduces and clips gradients itself.

    Args:
        optimizer: The optimizer; once an engine is there, the engine's own around it.

    Attributes:
        model: The model with its engine, as the strategy wraps it.
    """

    def __init__(self, optimizer: Any) -> None:
        super().__init__(optimizer)
        self._model: MMDeepSpeedEngineWrapper | None = None

    @property
    def model(self) -> MMDeepSpeedEngineWrapper:
        """The model with its engine.

        Raises:
            ValueError: There is none yet.
        """
        if self._model is None:
            raise ValueError('the DeepSpeedOptimWrapper has no engine yet: DeepSpeedStrategy.build_optim_wrapper, '
                             'which the runner calls, gives it one')
        return self._model

    @model.setter
    def model(self, value: MMDeepSpeedEngineWrapper) -> None:
        self._model = value
        self._accumulative_counts = int(value.engine.gradient_accumulation_steps())

    def update_params(self, loss: torch.Tensor, step_kwargs: dict[str, Any] | None = None,
                      zero_kwargs: dict[str, Any] | None = None) -> None:
        """Run the backward pass, and update the parameters once enough gradients have accumulated.

        Args:
            loss: The loss of this batch, a tensor of shape ().
            step_kwargs: Arguments of `step`.
            zero_kwargs: Nothing: the engine forgets the gradients with the update.
        """
        self.backward(self.scale_loss(loss))
        self.step(**(step_kwargs or {}))

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Run the backward pass, and count it.

        Args:
            loss: The loss.
            **kwargs: Arguments of `DeepSpeedEngine.backward`.
        """
        # The last group of a training may be smaller, which only the count here knows.
        self.model.engine.backward(loss, **{'scale_wrt_gas': False, **kwargs})
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Let the engine update the parameters, if this was the last pass of a group.

        Args:
            **kwargs: Arguments of `DeepSpeedEngine.step`.
        """
        engine = self.model.engine
        engine.step(**kwargs)
        norm = engine.get_global_grad_norm() if engine.gradient_clipping() and self.should_update() else None
        if norm is not None:
            self.message_hub.update_scalar('train/grad_norm', norm)

    def zero_grad(self, **kwargs: Any) -> None:
        """Forget the gradients, which the engine does with each update.

        Args:
            **kwargs: Nothing that an engine takes.
        """
        self.model.engine.zero_grad()

    def optim_context(self, model: Any) -> AbstractContextManager[None]:
        """Tell the engine whether an update follows the coming pass.

        Args:
            model: The model, as it is wrapped.
        """
        self.model.engine.set_gradient_accumulation_boundary(self.should_sync())
        return nullcontext()

    @property
    def defaults(self) -> dict[str, Any]:
        """The default settings of the optimizer."""
        inner = self.optimizer
        while not hasattr(inner, 'defaults'):
            inner = inner.optimizer  # type: ignore[attr-defined]  # an optimizer of DeepSpeed around another
        return inner.defaults

    def progress_state(self) -> dict[str, Any]:
        """Take the number of backward passes; gradients that wait for an update stay in the engine."""
        return {'inner_count': self._inner_count, 'gradients': None}


@MODEL_WRAPPERS.register_module()
class MMDeepSpeedEngineWrapper(nn.Module):
    """A model with the steps of `BaseModel` that runs through a DeepSpeed engine, once it has one.

    Args:
        model: A `deepspeed.DeepSpeedEngine`; or a model that gets one with `use`, and runs by itself before.
        inputs_to_half: Positions or names of the inputs of `forward` that are cast to the dtype of the weights; the
            others stay as they are.
    """

    module: Any

    def __init__(self, *, model: Any, inputs_to_half: list[int | str] | None = None) -> None:
        super().__init__()
        self._inputs_to_half = inputs_to_half
        self._engine: list[Any] = []  # in a list, so that the model is not a submodule twice
        engine_class = getattr(sys.modules.get('deepspeed'), 'DeepSpeedEngine', ())
        self.module = model.module if isinstance(model, engine_class) else model
        if self.module is not model:
            self.use(model)

    def use(self, engine: Any) -> None:
        """Take the engine of the model; it runs through it from now on.

        Args:
            engine: The engine.
        """
        self._engine[:] = [engine]

    @property
    def has_engine(self) -> bool:
        """Whether the model runs through an engine."""
        return bool(self._engine)

    @property
    def engine(self) -> Any:
        """The engine.

        Raises:
            RuntimeError: There is none yet.
        """
        if not self._engine:
            raise RuntimeError('the model has no DeepSpeed engine yet: it gets one with its optimizer')
        return self._engine[0]

    @property
    def model(self) -> Any:
        """The engine, or the model itself where there is none."""
        return self._engine[0] if self._engine else self.module

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == 'module':
                raise
            return getattr(self.model, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the model.

        Args:
            *args: Of the model.
            **kwargs: Of the model.
        """
        return self.model(*args, **kwargs)

    def train_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any],
                   optim_wrapper: DeepSpeedOptimWrapper) -> dict[str, torch.Tensor]:
        """Run one iteration of training: forward, backward, update.

        Args:
            data: A batch from the data loader.
            optim_wrapper: What updates the parameters.

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
        """Predict a batch of validation data; with ZeRO 3 all ranks must take as many batches.

        Args:
            data: A batch from the data loader.

        Returns:
            The predictions of the model, one for each sample.
        """
        predictions: list[Any] = self._run_forward(self.module.data_preprocessor(data, False), mode='predict')
        return predictions

    def test_step(self, data: dict[str, Any] | tuple[Any, ...] | list[Any]) -> list[Any]:
        """Predict a batch of test data; with ZeRO 3 all ranks must take as many batches.

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
        """Call `forward`, through the engine."""
        data = self._cast_inputs_half(data)
        if isinstance(data, dict):
            return self.model(**data, mode=mode)
        if isinstance(data, (list, tuple)):
            return self.model(*data, mode=mode)
        raise TypeError(f'Output of `data_preprocessor` should be list, tuple or dict, but got {type(data)}')

    def _cast_inputs_half(self, inputs: Any) -> Any:
        """Cast the inputs that were named to the dtype of the weights."""
        if not self._inputs_to_half:
            return inputs
        dtype = next(self.module.parameters()).dtype

        def cast(item: Any, _: str) -> Any:
            return item.to(dtype) if isinstance(item, torch.Tensor) and item.is_floating_point() else item

        if isinstance(inputs, dict):
            return {key: mapped(item, cast) if key in self._inputs_to_half else item for key, item in inputs.items()}
        return [mapped(item, cast) if index in self._inputs_to_half else item for index, item in enumerate(inputs)]
