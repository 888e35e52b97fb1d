"""A model and an optimizer that a DeepSpeed engine drives, with the steps of every other model and optimizer."""
from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from mmengine._strategy.driven_model import DrivenModel
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
class MMDeepSpeedEngineWrapper(DrivenModel):
    """A model with the steps of `BaseModel` that runs through a DeepSpeed engine, once it has one.

    Args:
        model: A `deepspeed.DeepSpeedEngine`; or a model that gets one with `use`, and runs by itself before.
        inputs_to_half: Positions or names of the inputs of `forward` that are cast to the dtype of the weights; the
            others stay as they are.
    """

    def __init__(self, *, model: Any, inputs_to_half: list[int | str] | None = None) -> None:
        engine_class = getattr(sys.modules.get('deepspeed'), 'DeepSpeedEngine', ())
        is_engine = isinstance(model, engine_class)
        super().__init__(model.module if is_engine else model)
        self._inputs_to_half = inputs_to_half
        if is_engine:
            self.use(model)

    @property
    def engine(self) -> Any:
        """The engine.

        Raises:
            RuntimeError: There is none yet.
        """
        if not self.is_driven:
            raise RuntimeError('the model has no DeepSpeed engine yet: it gets one with its optimizer')
        return self.driver

    @property
    def model(self) -> Any:
        """The engine, or the model itself where there is none."""
        return self.driver

    def _run_forward(self, data: Any, mode: str) -> Any:
        """Call `forward`, through the engine."""
        return super()._run_forward(self._cast_inputs_half(data), mode)

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
