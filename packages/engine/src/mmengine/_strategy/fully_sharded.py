"""Training on several ranks, over which parameters, gradients and the optimizer's state are spread (FSDP2)."""
from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from mmengine._strategy.base import BaseStrategy
from mmengine._strategy.fsdp_options import options_of, units_of
from mmengine._strategy.sharding import gathered, sharded_like
from mmengine.checkpoint.files import MapLocation
from mmengine.checkpoint.forms import is_sharded
from mmengine.checkpoint.sharded import read_sharded, write_sharded
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.model.activation_checkpointing import turn_on_activation_checkpointing
from mmengine.registry import STRATEGIES
from mmengine.utils.suggest import did_you_mean

_FORMS = {'full': False, 'local': True, 'sharded': True}


@STRATEGIES.register_module()
class FSDPStrategy(BaseStrategy):
    """Every rank holds a part of each parameter, which is put together while it is needed.

    It is carried by `torch.distributed.fsdp.fully_shard`, the second FSDP of torch: Zhao et al. (2023), PyTorch FSDP;
    after Rajbhandari et al. (2020), ZeRO, stage 3.

    Args:
        model_wrapper: `modules`, the submodules (or their classes) that are put together one at a time, and what
            `mmengine._strategy.fsdp_options.options_of` takes. Arguments of torch's first FSDP are taken where they
            mean something.
        skip_init_weights: Whether the weights are not initialised, since they are loaded anyway.
        state_dict_cfg: Form of checkpoints. 'full': one file as without this strategy, which any other can load;
            'sharded' (or 'local'): a folder that all ranks write at once, and that any number of ranks can resume from.
            As a dict: `state_dict_type` with one of these.
        activation_checkpointing: Names of submodules whose activations are computed again in the backward pass.
        **kwargs: Arguments of `BaseStrategy`.

    Raises:
        ValueError: An option is unknown.
        TypeError: `state_dict_cfg` is neither a string nor a dict.
    """

    collective_state = True

    def __init__(self, *, model_wrapper: dict[str, Any] | None = None, skip_init_weights: bool = False,
                 state_dict_cfg: str | dict[str, Any] = 'full',
                 activation_checkpointing: str | list[str] | None = None, **kwargs: Any) -> None:
        self._wrapper_cfg = dict(model_wrapper or {})
        self._options = options_of(self._wrapper_cfg)
        self._saves_shards = _FORMS[_form(state_dict_cfg)]
        self.skip_init_weights = skip_init_weights
        self.activation_checkpointing = activation_checkpointing
        super().__init__(**kwargs)

    # -- the model --------------------------------------------------------------------------------------------------

    def convert_model(self, model: nn.Module) -> nn.Module:
        """Let activations be computed again, if asked for."""
        if self.activation_checkpointing:
            turn_on_activation_checkpointing(model, self.activation_checkpointing)
        return model

    def wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        """Initialise the weights of a model and spread it over the ranks; one that is spread stays as it is."""
        if isinstance(model, FSDPModule):
            self.model = model
            return model
        return super().wrap_model(model, wrapper_cfg)

    def _wrap_model(self, model: nn.Module, wrapper_cfg: dict[str, Any] | None = None) -> nn.Module:
        if not self.distributed:
            raise RuntimeError('FSDPStrategy spreads a model over ranks, but no process group was started: give '
                               "launcher='pytorch' and start with torchrun; one rank is enough")
        if not self.skip_init_weights:
            super()._init_model_weights(model)  # whole, as on a single device, so that it starts from the same
        device = torch.device(get_device())
        mesh = init_device_mesh(device.type, (get_world_size(),))
        for module in units_of(model, self._wrapper_cfg):
            fully_shard(module, mesh=mesh, **self._options)
        fully_shard(model, mesh=mesh, **self._options)
        for buffer in model.buffers():
            buffer.data = buffer.data.to(device)
        return model

    def _init_model_weights(self, model: nn.Module) -> nn.Module:
        return model  # was done before it was spread

    # -- state ------------------------------------------------------------------------------------------------------

    def model_state_dict(self) -> dict[str, Any]:
        """Take the weights: whole on the CPU of rank 0, or spread as they are where checkpoints are."""
        state: dict[str, Any] = self.model.state_dict()
        return state if self._saves_shards else gathered(state)

    def optim_state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer or optimizers, likewise."""
        state = super().optim_state_dict()
        return state if self._saves_shards else gathered(state)

    def load_model_state_dict(self, state_dict: dict[str, Any], **options: Any) -> None:
        """Load weights, whole on all ranks or spread already, see `BaseStrategy.load_model_state_dict`."""
        own = self.model.state_dict()
        spread = {name: sharded_like(value, own[name]) if name in own else value for name, value in state_dict.items()}
        super().load_model_state_dict(spread, **options)

    def load_optim_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of the optimizer or optimizers, whole on all ranks or spread already."""
        named = getattr(self.optim_wrapper, 'optim_wrappers', None)
        if named is None:
            super().load_optim_state_dict(_spread(state_dict, self.optim_wrapper))
        else:
            super().load_optim_state_dict({name: _spread(state, named[name]) if name in named else state
                                           for name, state in state_dict.items()})

    def _read(self, filename: str, map_location: MapLocation) -> dict[str, Any]:
        if not is_sharded(filename):
            return super()._read(filename, 'cpu')  # where there is room for the whole of it
        checkpoint: dict[str, Any] = read_sharded(filename, 'cpu', self._place_for, trusted=self.trust_checkpoint)
        return checkpoint

    def _place_for(self, name: str, size: torch.Size, dtype: torch.dtype) -> torch.Tensor:
        """Make the tensor that a saved one is read into: spread as the parameter that it is, or is the state of."""
        part, _, rest = name.partition('/')
        model: Any = None
        if part == 'state_dict':
            model = self.model.state_dict().get(rest)
        elif part == 'optimizer' and getattr(self, 'optim_wrapper', None) is not None:
            model = self._parameter_of_state(rest)
        if isinstance(model, DTensor) and model.shape == size:
            return torch.empty_like(model, dtype=dtype)
        return torch.empty(size, dtype=dtype)

    def _parameter_of_state(self, name: str) -> Any:
        """Find the parameter of a state such as `state/3/exp_avg`, or `generator/state/3/exp_avg`."""
        keys = name.split('/')
        wrappers = getattr(self.optim_wrapper, 'optim_wrappers', None)
        wrapper = self.optim_wrapper if wrappers is None else wrappers.get(keys.pop(0))
        if wrapper is None or len(keys) < 3 or keys[0] != 'state':
            return None
        return _parameters(wrapper)[int(keys[1])]

    def _write(self, checkpoint: dict[str, Any], filename: str, backend_args: dict[str, Any] | None) -> None:
        if self._saves_shards and any(isinstance(value, DTensor) for value in checkpoint['state_dict'].values()):
            write_sharded(checkpoint, filename)
        else:
            super()._write(checkpoint, filename, backend_args)


def _form(state_dict_cfg: Any) -> str:
    name = state_dict_cfg.get('state_dict_type', 'full') if isinstance(state_dict_cfg, dict) else state_dict_cfg
    if not isinstance(name, str):
        raise TypeError(f'state_dict_cfg of FSDPStrategy should be a str, or a dict with state_dict_type, but got '
                        f'{state_dict_cfg!r}')
    short = name.lower().removesuffix('_state_dict')
    if short not in _FORMS:
        raise ValueError(f'state_dict_cfg of FSDPStrategy should be one of {tuple(_FORMS)}, but got {name!r}.'
                         f'{did_you_mean(short, _FORMS)}')
    return short


def _parameters(optim_wrapper: Any) -> list[Any]:
    return [parameter for group in optim_wrapper.optimizer.param_groups for parameter in group['params']]


def _spread(state: dict[str, Any], optim_wrapper: Any) -> dict[str, Any]:
    """Spread the state of each parameter as the parameter is."""
    parameters = _parameters(optim_wrapper)
    spread = {index: {key: sharded_like(value, parameters[index]) if isinstance(value, torch.Tensor) else value
                      for key, value in values.items()} for index, values in state['state'].items()}
    return {**state, 'state': spread}
