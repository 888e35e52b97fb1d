"""Training through DeepSpeed: the optimizer's state, gradients and parameters spread over the ranks (ZeRO 1 to 3)."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from mmengine._strategy.base import BaseStrategy
from mmengine._strategy.build import build_optimizer
from mmengine._strategy.deepspeed_options import check_options, engine_config, import_deepspeed, take_from_wrapper
from mmengine._strategy.deepspeed_state import (
    gathering,
    is_partitioned,
    is_spread,
    load_whole_optimizer,
    set_master,
    whole_optimizer,
    whole_parameter,
)
from mmengine._strategy.deepspeed_wrappers import DeepSpeedOptimWrapper as DeepSpeedOptimWrapper
from mmengine._strategy.deepspeed_wrappers import MMDeepSpeedEngineWrapper as MMDeepSpeedEngineWrapper
from mmengine.checkpoint.files import MapLocation
from mmengine.checkpoint.state_dict import get_state_dict, rename_keys
from mmengine.checkpoint.wrappers import unwrap
from mmengine.device import get_device
from mmengine.dist import init_dist, is_distributed
from mmengine.registry import OPTIMIZERS, STRATEGIES

#: Optimizers of DeepSpeed that configs may name.
_OPTIMIZERS = {
    'deepspeed.ops.adam': ('DeepSpeedCPUAdam', 'FusedAdam'), 'deepspeed.ops.lamb': ('FusedLamb',),
    'deepspeed.ops.lion': ('DeepSpeedCPULion', 'FusedLion'), 'deepspeed.ops.adagrad': ('DeepSpeedCPUAdagrad',),
    'deepspeed.runtime.fp16.onebit': ('OnebitAdam', 'OnebitLamb', 'ZeroOneAdam'),
}
for _module, _names in _OPTIMIZERS.items():
    for _name in _names:
        OPTIMIZERS.register_lazy(_name, f'{_module}:{_name}')


@STRATEGIES.register_module()
class DeepSpeedStrategy(BaseStrategy):
    """A DeepSpeed engine drives the model; Rajbhandari et al. (2020), ZeRO.

    Checkpoints are one file in the form of any other strategy's: weights in the precision that they are trained in, and
    the optimizer's state by parameter. Any number of ranks can resume from them, with this strategy or another.

    Args:
        config: Config of DeepSpeed: a JSON or YAML file, or a dict. The arguments below, down to `steps_per_print`, are
            sections and options of it and go before those in it.
        zero_optimization: `stage` (0 to 3) with its options.
        gradient_clipping: The largest 2-norm of the gradients; as `clip_grad` of the optimizer wrapper.
        fp16: Training in float16 with a scaled loss: `enabled` and its options.
        inputs_to_half: Positions or names of the inputs of the model that are cast to its dtype.
        bf16: Training in bfloat16: `enabled`.
        amp: Training with Apex: `enabled` and its options.
        activation_checkpointing: Options of DeepSpeed's own activation checkpointing.
        aio: Options of reading and writing asynchronously, for what is offloaded to disks.
        train_micro_batch_size_per_gpu: Samples per rank and iteration, with which DeepSpeed counts its speed.
        gradient_accumulation_steps: As `accumulative_counts` of the optimizer wrapper.
        steps_per_print: After how many updates DeepSpeed prints its progress.
        exclude_frozen_parameters: Whether weights that are not trained are left out of checkpoints.
        **kwargs: Arguments of `BaseStrategy`.

    Raises:
        ImportError: DeepSpeed is not installed.
        ValueError: The installed DeepSpeed does not know an option.
    """

    collective_state = True
    averages_models = False

    def __init__(self, *, config: str | dict[str, Any] | None = None,
                 zero_optimization: dict[str, Any] | None = None, gradient_clipping: float | None = None,
                 fp16: dict[str, Any] | None = None, inputs_to_half: list[int | str] | None = None,
                 bf16: dict[str, Any] | None = None, amp: dict[str, Any] | None = None,
                 activation_checkpointing: dict[str, Any] | None = None, aio: dict[str, Any] | None = None,
                 train_micro_batch_size_per_gpu: int | None = None, gradient_accumulation_steps: int | None = None,
                 steps_per_print: int = 10000000000000, exclude_frozen_parameters: bool | None = None,
                 **kwargs: Any) -> None:
        self._deepspeed: Any = import_deepspeed()
        self.config = engine_config(config, dict(
            zero_optimization=zero_optimization, gradient_clipping=gradient_clipping, fp16=fp16, bf16=bf16, amp=amp,
            activation_checkpointing=activation_checkpointing, aio=aio,
            train_micro_batch_size_per_gpu=train_micro_batch_size_per_gpu,
            gradient_accumulation_steps=gradient_accumulation_steps))
        self.config.setdefault('steps_per_print', steps_per_print)
        check_options(self.config, self._deepspeed)
        self._inputs_to_half = inputs_to_half
        self._exclude_frozen_parameters = bool(exclude_frozen_parameters)
        self._parameters: list[list[nn.Parameter]] = []  # by group of the optimizer, as checkpoints number them
        super().__init__(**kwargs)

    # -- the process and the model ----------------------------------------------------------------------------------

    def _setup_env(self, **kwargs: Any) -> None:
        if self._launcher != 'none' and not is_distributed():
            self._setup_distributed(self._launcher, **(kwargs.get('dist_cfg') or {}))
        super()._setup_env(**kwargs)

    def _setup_distributed(self, launcher: str | None = None, backend: str = 'nccl', **kwargs: Any) -> None:
        # DeepSpeed takes the group of torch over; 'nccl' means the device's own backend.
        init_dist(launcher or self._launcher, backend, **kwargs)

    def convert_model(self, model: nn.Module) -> nn.Module:
        """Leave a model as it is."""
        return model

    def _wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        if not self.distributed:
            raise RuntimeError('DeepSpeedStrategy spreads a training over ranks, but no process group was started: '
                               "give launcher='pytorch' and start with torchrun; one rank is enough")
        super()._init_model_weights(model)  # whole, as on a single device, so that it starts from the same
        return MMDeepSpeedEngineWrapper(model=model.to(get_device()), inputs_to_half=self._inputs_to_half)

    def _init_model_weights(self, model: nn.Module) -> nn.Module:
        return model  # was done before it was spread

    def build_optim_wrapper(self, optim_wrapper: Any, model: nn.Module | None = None) -> Any:
        """Build the optimizer wrapper and the engine, which drives the model from now on.

        Args:
            optim_wrapper: A `DeepSpeedOptimWrapper`, or the config of one or of an `OptimWrapper`, whose `clip_grad`
                and `accumulative_counts` become `gradient_clipping` and `gradient_accumulation_steps`.
            model: The wrapped model; by default the one of the strategy.

        Raises:
            TypeError: There are several optimizers, or the wrapper is of another kind.
        """
        wrapped: Any = model if model is not None else self.model
        if isinstance(optim_wrapper, dict) and (isinstance(optim_wrapper.get('optimizer'), (dict, Optimizer))
                                                or 'constructor' in optim_wrapper):
            optim_wrapper = take_from_wrapper(optim_wrapper, self.config)
        built = build_optimizer(optim_wrapper, wrapped)
        if not isinstance(built, DeepSpeedOptimWrapper):
            raise TypeError(f'DeepSpeedStrategy drives one optimizer, by a DeepSpeedOptimWrapper, but got '
                            f'{type(built).__name__}')
        self._parameters = [list(group['params']) for group in built.optimizer.param_groups]
        engine, *_ = self._deepspeed.initialize(model=unwrap(wrapped), optimizer=built.optimizer, config=self.config,
                                                dist_init_required=False)
        wrapped.use(engine)
        built.optimizer = engine.optimizer
        built.model = wrapped
        self.optim_wrapper = built
        return built

    # -- state ------------------------------------------------------------------------------------------------------

    def model_state_dict(self) -> dict[str, Any]:
        """Take the weights, whole and in the precision that they are trained in, on the CPU of rank 0."""
        module = unwrap(self.model)
        state: dict[str, Any] = get_state_dict(module)
        for name, parameter in module.named_parameters(remove_duplicate=False):
            if name not in state:
                continue
            if self._exclude_frozen_parameters and not parameter.requires_grad:
                del state[name]
            else:
                state[name] = whole_parameter(parameter)
        return state

    def load_model_state_dict(self, state_dict: dict[str, Any], *, strict: bool = False,
                              revise_keys: Any = ((r'^module.', ''),)) -> None:
        """Load weights, whole on all ranks, see `BaseStrategy.load_model_state_dict`.

        Each rank holds the model whole meanwhile.
        """
        module = unwrap(self.model)
        parameters = dict(module.named_parameters(remove_duplicate=False))
        renamed = rename_keys(state_dict, revise_keys)
        with gathering(list(parameters.values()), changed=True), torch.no_grad():
            super().load_model_state_dict(renamed, strict=strict, revise_keys=())
            # As precise as they were saved: the parameters themselves may be of 16 bits.
            values = {name: _as_loaded(parameter, renamed.get(name)) for name, parameter in parameters.items()}
        wrapped: Any = self.model
        if wrapped.is_driven and is_spread(wrapped.engine.optimizer):
            for name, parameter in parameters.items():
                set_master(parameter, values[name])

    def optim_state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer, whole and in the form of torch's optimizers."""
        optimizer = self.optim_wrapper.optimizer
        if not is_spread(optimizer):
            return super().optim_state_dict()
        state = whole_optimizer(optimizer, self._parameters)
        base = self.optim_wrapper.base_param_settings
        return state if base is None else {**state, 'base_param_settings': base}

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of the optimizer, whole on all ranks, as any strategy has saved it."""
        optimizer = self.optim_wrapper.optimizer
        if not is_spread(optimizer):
            super().load_optim_state_dict(state_dict)
            return
        load_whole_optimizer(optimizer, self._parameters, state_dict)
        base = state_dict.get('base_param_settings')
        if base is not None:
            self.optim_wrapper.base_param_settings = dict(base)

    def _read(self, filename: str, map_location: MapLocation) -> dict[str, Any]:
        folder = Path(filename).expanduser()
        if any(folder.glob('*_model_states.pt')) or any(folder.glob('*/*_model_states.pt')):
            raise ValueError(f"{filename} is a folder of DeepSpeed's own, of pickled objects that only as many ranks "
                             f'can read: turn it into one file of weights with the script in it (python '
                             f'{folder / "zero_to_fp32.py"} {folder} WEIGHTS), and give that as load_from')
        return super()._read(filename, 'cpu')  # where there is room for the whole of it


def _as_loaded(parameter: nn.Parameter, loaded: Any) -> torch.Tensor:
    if isinstance(loaded, torch.Tensor) and loaded.shape == parameter.shape:
        return loaded.to(torch.float32)
    return parameter.detach().to('cpu', torch.float32, copy=is_partitioned(parameter))
