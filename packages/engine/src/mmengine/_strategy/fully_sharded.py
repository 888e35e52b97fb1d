"""Training on several ranks, over which parameters, gradients and the optimizer's state are spread (FSDP2)."""
from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from mmengine._strategy.base import PREFIX_OF_WRAPPER, BaseStrategy
from mmengine._strategy.fsdp_options import options_of, units_of
from mmengine._strategy.sharded_copy import let_copy, outline_of, settle
from mmengine._strategy.sharded_init import build_spread, hand_over, init_spread, materialise
from mmengine._strategy.sharding import gathered, sharded_like
from mmengine.checkpoint.files import MapLocation
from mmengine.checkpoint.forms import is_sharded
from mmengine.checkpoint.sharded import PartsWriter, read_sharded, write_sharded
from mmengine.checkpoint.state_dict import rename_keys
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
        meta_init: Whether the parameters of a model that is built from a config are spread one by one, as they come to
            be, so that no rank ever holds the whole model. It starts from the same numbers as otherwise. A ready
            model whose parameters are on the device 'meta' starts from `reset_parameters` of its modules and from
            `init_weights`.
        **kwargs: Arguments of `BaseStrategy`.

    Raises:
        ValueError: An option is unknown.
        TypeError: `state_dict_cfg` is neither a string nor a dict.
    """

    collective_state = True

    def __init__(self, *, model_wrapper: dict[str, Any] | None = None, skip_init_weights: bool = False,
                 state_dict_cfg: str | dict[str, Any] = 'full',
                 activation_checkpointing: str | list[str] | None = None, meta_init: bool = False,
                 **kwargs: Any) -> None:
        self._wrapper_cfg = dict(model_wrapper or {})
        self._options = options_of(self._wrapper_cfg)
        self._saves_shards = _FORMS[_form(state_dict_cfg)]
        self.skip_init_weights = skip_init_weights
        self.activation_checkpointing = activation_checkpointing
        self.meta_init = meta_init
        self._parts_writer: PartsWriter | None = None
        super().__init__(**kwargs)

    # -- the model --------------------------------------------------------------------------------------------------

    def build_model(self, model: nn.Module | dict[str, Any]) -> nn.Module:
        """Build a model from its config, or take it as it is."""
        if self.meta_init and isinstance(model, dict):
            return build_spread(partial(super().build_model, model), self._mesh())
        return super().build_model(model)

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
        device, spread_already = torch.device(get_device()), self._init_parameters(model)
        outline, spread = outline_of(model), partial(self._spread, self._mesh())
        if spread_already:
            offloads = isinstance(self._options['offload_policy'], CPUOffloadPolicy)
            hand_over(model, spread, torch.device('cpu') if offloads else device)
        else:
            spread(model)
        for buffer in model.buffers():
            buffer.data = buffer.data.to(device)
        let_copy(model, outline, spread)
        return model

    def _init_parameters(self, model: nn.Module) -> bool:
        """Initialise the weights, unless they are not to be, and tell whether the model is spread by now."""
        if any(value.is_meta for value in model.parameters()):
            materialise(model, self._mesh(), init=not self.skip_init_weights)
            return True
        spread = any(isinstance(value, DTensor) for value in model.parameters())
        if not self.skip_init_weights:
            if spread:
                init_spread(model)
            else:
                super()._init_model_weights(model)  # whole, as on a single device, so that it starts from the same
        return spread

    def _mesh(self) -> DeviceMesh:
        if not self.distributed:
            raise RuntimeError('FSDPStrategy spreads a model over ranks, but no process group was started: give '
                               "launcher='pytorch' and start with torchrun; one rank is enough")
        return init_device_mesh(torch.device(get_device()).type, (get_world_size(),))

    def _spread(self, mesh: DeviceMesh, model: nn.Module) -> None:
        for module in units_of(model, self._wrapper_cfg):
            fully_shard(module, mesh=mesh, **self._options)
        fully_shard(model, mesh=mesh, **self._options)

    def settle(self, model: nn.Module) -> None:
        """Let go of parameters that were put together and kept."""
        settle(model)

    def _init_model_weights(self, model: nn.Module) -> nn.Module:
        return model  # was done before it was spread

    # -- state ------------------------------------------------------------------------------------------------------

    def state_of(self, model: nn.Module) -> dict[str, Any]:
        """Take the weights of a model: whole on the CPU of rank 0, or spread as they are where checkpoints are."""
        state: dict[str, Any] = model.state_dict()
        return state if self._saves_shards else gathered(state)

    def optim_state_dict(self) -> dict[str, Any]:
        """Take the state of the optimizer or optimizers, likewise."""
        state = super().optim_state_dict()
        return state if self._saves_shards else gathered(state)

    def load_model_state_dict(self, state_dict: dict[str, Any], **options: Any) -> None:
        """Load weights, whole on all ranks or spread already, see `BaseStrategy.load_model_state_dict`."""
        renamed = rename_keys(state_dict, options.pop('revise_keys', PREFIX_OF_WRAPPER))
        super().load_model_state_dict(self.placed(renamed, self.model), revise_keys=(), **options)

    def placed(self, state_dict: dict[str, Any], model: nn.Module) -> dict[str, Any]:
        """Spread the weights of a state dict, whole on all ranks or spread already, as those of a model are."""
        own = model.state_dict()
        made = OrderedDict((name, sharded_like(value, own[name]) if name in own else value)
                           for name, value in state_dict.items())
        made.__dict__.update(getattr(state_dict, '__dict__', {}))  # the metadata
        return made

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
        if part in ('state_dict', 'ema_state_dict'):
            model = self.model.state_dict().get(rest.removeprefix('module.') if part == 'ema_state_dict' else rest)
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
            if self.background is None:
                write_sharded(checkpoint, filename)
            else:
                self._parts_writer = self._parts_writer or PartsWriter()
                self._parts_writer.write(self.background, checkpoint, filename)
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
