"""Training through ColossalAI: a booster with a plugin (Gemini, ZeRO and others) drives the model."""
from __future__ import annotations

import importlib
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mmengine._strategy.base import BaseStrategy
from mmengine._strategy.build import build_optimizer
from mmengine._strategy.colossalai_options import build_plugin, build_precision, import_colossalai
from mmengine._strategy.driven_model import DrivenModel
from mmengine.checkpoint.files import MapLocation, read_checkpoint
from mmengine.checkpoint.state_dict import rename_keys
from mmengine.checkpoint.wrappers import unwrap
from mmengine.device import get_device
from mmengine.dist import init_dist, is_distributed, is_main_process
from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import MODEL_WRAPPERS, OPTIM_WRAPPERS, STRATEGIES


@OPTIM_WRAPPERS.register_module()
class ColossalAIOptimWrapper(OptimWrapper):
    """Drives an optimizer through a booster of ColossalAI.

    Args:
        optimizer: The optimizer; once it is boosted, the booster's own around it.
        booster: The `colossalai.booster.Booster`, which the strategy gives.
        accumulative_counts: Over how many backward passes gradients accumulate before an update.
    """

    def __init__(self, optimizer: Any, booster: Any = None, accumulative_counts: int = 1) -> None:
        super().__init__(optimizer, accumulative_counts=accumulative_counts)
        self.booster = booster

    def optim_context(self, model: Any) -> AbstractContextManager[None]:
        """Leave gradients as they are on each rank while they accumulate, where the plugin can.

        Args:
            model: The model, as it is wrapped.
        """
        plugin = getattr(self.booster, 'plugin', None)
        if not self.should_sync() and plugin is not None and plugin.support_no_sync():
            context: AbstractContextManager[None] = self.booster.no_sync(model.model_wrapper, self.optimizer)
            return context
        return super().optim_context(None)

    def backward(self, loss: torch.Tensor, **kwargs: Any) -> None:
        """Run the backward pass, and count it.

        Args:
            loss: The loss.
            **kwargs: Nothing that a booster takes.
        """
        self.booster.backward(loss, self.optimizer)
        self._inner_count += 1


@MODEL_WRAPPERS.register_module(name=['ColossalAIModelWrapper', 'CollosalAIModelWrapper'])
class ColossalAIModelWrapper(DrivenModel):
    """A model with the steps of `BaseModel` that runs as a booster has made it.

    Args:
        model_wrapper: What `Booster.boost` gave; None as long as it has not, and the model runs by itself.
        model: The model.
    """

    def __init__(self, model_wrapper: Any, model: Any) -> None:
        super().__init__(model)
        if model_wrapper is not None:
            self.use(model_wrapper)

    @property
    def model_wrapper(self) -> Any:
        """The boosted model, or the model itself where there is none."""
        return self.driver

    @property
    def model(self) -> Any:
        """The model without its wrapper."""
        return self.module


@STRATEGIES.register_module()
class ColossalAIStrategy(BaseStrategy):
    """A booster of ColossalAI drives the model; Bian et al. (2021), Colossal-AI.

    Checkpoints are one file in the form of any other strategy's: what the booster writes without shards goes into it.

    Args:
        config: For older releases, whose launcher took one; those from 0.4 on take none.
        mixed_precision: 'fp16', 'bf16' and others; or a dict of a type of `colossalai.booster.mixed_precision` and its
            arguments. Plugins that set the precision themselves, Gemini for one, have it as an argument.
        plugin: 'gemini', 'lowlevel-zero', 'hybrid-parallel', 'torch-ddp' or 'torch-fsdp'; or a dict of the `type` and
            the arguments, `max_norm` for the clipping of gradients among them; or a plugin.
        model_wrapper: Config of the wrapper of the model, ColossalAIModelWrapper by default.
        **kwargs: Arguments of `BaseStrategy`.

    Raises:
        ImportError: ColossalAI is not installed, or not usable beside the installed torch.
        ValueError: There is no such plugin or precision.
    """

    #: What the booster's own files are called, while a checkpoint is made of them.
    OPTIMIZER_DIR = 'optimizer'
    MODEL_DIR = 'model'
    SCHEDULER_DIR = 'scheduler'

    collective_state = True

    def __init__(self, *, config: str | dict[str, Any] | None = None,
                 mixed_precision: str | dict[str, Any] | None = None, plugin: str | dict[str, Any] = 'gemini',
                 model_wrapper: dict[str, Any] | None = None, **kwargs: Any) -> None:
        import_colossalai()
        self.config = config or {}
        precision = None if mixed_precision is None else self._build_mixed_precision(mixed_precision)
        self.model_wrapper = model_wrapper
        super().__init__(**kwargs)
        if not self.distributed:
            raise RuntimeError('ColossalAIStrategy trains on ranks, but no process group was started: give '
                               "launcher='pytorch' and start with torchrun; one rank is enough")
        self.plugin = self._build_plugin(plugin)
        booster = importlib.import_module('colossalai.booster').Booster
        device = None if self.plugin.control_device() else get_device()
        self.booster: Any = booster(device=device, mixed_precision=precision, plugin=self.plugin)

    def _setup_env(self, **kwargs: Any) -> None:
        if self._launcher != 'none' and not is_distributed():
            self._setup_distributed(self._launcher, **(kwargs.get('dist_cfg') or {}))
        super()._setup_env(**kwargs)

    def _setup_distributed(self, launcher: str | None = None, backend: str = 'nccl', **kwargs: Any) -> None:
        init_dist(launcher or self._launcher, backend, init_backend='colossalai', **kwargs)

    def _build_plugin(self, plugin: str | dict[str, Any]) -> Any:
        return build_plugin(plugin)

    def _build_mixed_precision(self, mixed_precision: str | dict[str, Any]) -> Any:
        return build_precision(mixed_precision)

    # -- the model and what trains it -------------------------------------------------------------------------------

    def convert_model(self, model: nn.Module) -> nn.Module:
        """Leave a model as it is."""
        return model

    def _wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        super()._init_model_weights(model)  # whole, as on a single device, so that it starts from the same
        chosen = {'type': 'ColossalAIModelWrapper', **(self.model_wrapper or {})}
        wrapped: nn.Module = MODEL_WRAPPERS.build(chosen, default_args=dict(
            model_wrapper=None, model=model.to(get_device())))
        return wrapped

    def _init_model_weights(self, model: nn.Module) -> nn.Module:
        return model  # was done before it was boosted

    def build_optim_wrapper(self, optim_wrapper: Any, model: nn.Module | None = None) -> Any:
        """Build the optimizer wrapper, and boost the model and the optimizer.

        Args:
            optim_wrapper: A `ColossalAIOptimWrapper`, or the config of one or of an `OptimWrapper`.
            model: The wrapped model; by default the one of the strategy.

        Raises:
            TypeError: There are several optimizers, or the wrapper is of another kind.
            ValueError: `clip_grad` is given, which is an argument of the plugin.
        """
        wrapped: Any = model if model is not None else self.model
        if isinstance(optim_wrapper, dict) and optim_wrapper.get('type', 'OptimWrapper') in ('OptimWrapper',
                                                                                             OptimWrapper):
            optim_wrapper = {**optim_wrapper, 'type': 'ColossalAIOptimWrapper'}
        if isinstance(optim_wrapper, dict) and optim_wrapper.get('clip_grad') is not None:
            raise ValueError('ColossalAIStrategy leaves the clipping of gradients to its plugin: '
                             "plugin=dict(type=..., max_norm=...) instead of the optim_wrapper's clip_grad")
        built = build_optimizer({key: value for key, value in optim_wrapper.items() if key != 'clip_grad'}
                                if isinstance(optim_wrapper, dict) else optim_wrapper, wrapped)
        if not isinstance(built, ColossalAIOptimWrapper):
            raise TypeError(f'ColossalAIStrategy drives one optimizer, by a ColossalAIOptimWrapper, but got '
                            f'{type(built).__name__}')
        self._wrap(wrapped, built)
        self.optim_wrapper = built
        return built

    def _wrap(self, model: Any, optim_wrapper: ColossalAIOptimWrapper | None = None) -> Any:
        """Boost a wrapped model, and its optimizer if there is one."""
        boosted, optimizer, *_ = self.booster.boost(unwrap(model), optim_wrapper and optim_wrapper.optimizer)
        model.use(boosted)
        if optim_wrapper is None:
            return model
        optim_wrapper.optimizer, optim_wrapper.booster = optimizer, self.booster
        return model, optim_wrapper

    # -- state: what the booster writes to a file of its own, and reads from one ------------------------------------

    def model_state_dict(self) -> dict[str, Any]:
        """Take the weights, whole on rank 0; all ranks must call it."""
        if not self.model.is_driven:
            return super().model_state_dict()
        return self._taken(self.MODEL_DIR, lambda file: self.booster.save_model(self.model.model_wrapper, file,
                                                                                shard=False))

    def optim_state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer, whole on rank 0; all ranks must call it."""
        return self._taken(self.OPTIMIZER_DIR, lambda file: self.booster.save_optimizer(self.optim_wrapper.optimizer,
                                                                                        file, shard=False))

    def load_model_state_dict(self, state_dict: dict[str, Any], *, strict: bool = False,
                              revise_keys: Sequence[tuple[str, str]] = ((r'^module.', ''),)) -> None:
        """Load weights, whole on all ranks."""
        if not self.model.is_driven:
            super().load_model_state_dict(state_dict, strict=strict, revise_keys=revise_keys)
            return
        renamed = rename_keys(state_dict, revise_keys)
        self._given(self.MODEL_DIR, renamed, lambda file: self.booster.load_model(self.model.model_wrapper, file,
                                                                                  strict=strict))

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of the optimizer, whole on all ranks."""
        self._given(self.OPTIMIZER_DIR, state_dict, lambda file: self.booster.load_optimizer(
            self.optim_wrapper.optimizer, file))

    def _taken(self, name: str, write: Any) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f'{name}.pth')
            write(str(file))
            state: dict[str, Any] = read_checkpoint(str(file), 'cpu', trusted=self.trust_checkpoint) \
                if is_main_process() else {}
        return state

    def _given(self, name: str, state: dict[str, Any], read: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f'{name}.pth')
            torch.save(state, file)
            read(str(file))

    def _read(self, filename: str, map_location: MapLocation) -> dict[str, Any]:
        if Path(filename, self.MODEL_DIR).expanduser().is_dir():
            raise ValueError(f"{filename} is a folder of ColossalAI's own shards: load it with the release of mmengine "
                             f'that wrote it, and save its weights as one file for load_from')
        return super()._read(filename, 'cpu')  # where there is room for the whole of it
