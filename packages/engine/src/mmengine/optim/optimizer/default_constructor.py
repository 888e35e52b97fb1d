"""Building of an optimizer with settings that depend on the parameter."""
from __future__ import annotations

import importlib
import inspect
import logging
from typing import Any

import torch
from torch import nn

from mmengine.logging import print_log
from mmengine.optim.optimizer.layer_decay import LayerDecay
from mmengine.optim.optimizer.optimizer_wrapper import OptimWrapper
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from mmengine.utils.dl_utils import is_norm, mmcv_full_available
from mmengine.utils.suggest import did_you_mean

_DECAY_KEYS = ('norm_decay_mult', 'bias_decay_mult', 'dwconv_decay_mult', 'flat_decay_mult')
_KEYS = (*_DECAY_KEYS, 'custom_keys', 'bias_lr_mult', 'dcn_offset_lr_mult', 'layer_decay', 'bypass_duplicate')


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class DefaultOptimWrapperConstructor:
    """Builds an `OptimWrapper`, with a parameter group for all parameters, or one for each if `paramwise_cfg` says so.

    A parameter whose name contains a key of `custom_keys` takes the settings of the longest such key, the first by
    alphabet among equals; for all others, what they belong to decides, in the order below. Frozen parameters are left
    out of parameter-wise groups.

    Args:
        optim_wrapper_cfg: Config of the wrapper, with that of the optimizer as `optimizer`.
        paramwise_cfg: Multipliers of learning rate and weight decay:

            - `custom_keys` (dict): for a part of a parameter's name a dict of `lr_mult`, `decay_mult`, and further
              settings of its group.
            - `bias_lr_mult`: of biases, but for normalisation layers and offsets of deformable convolutions.
            - `dcn_offset_lr_mult`: of the offset layers of deformable convolutions.
            - `norm_decay_mult`: of weights and biases of normalisation layers.
            - `bias_decay_mult`: of other biases, but for offsets of deformable convolutions.
            - `dwconv_decay_mult`: of the weights of depthwise convolutions.
            - `flat_decay_mult`: of other parameters of one dimension.
            - `layer_decay` (dict): the arguments of `LayerDecay`, `rate` and `layers`: on top of all else, learning
              rates fall from the last layer to the first.
            - `bypass_duplicate` (bool): whether a parameter that several modules share is taken once, instead of being
              an error.

    Raises:
        TypeError: A config is no dict.
        AssertionError: There is no `optimizer`.
        ValueError: Weight decay or a learning rate is multiplied that is not set.
        KeyError: `paramwise_cfg` has an unknown key.

    Examples:
        A config that spares normalisation layers the weight decay, and lets the backbone learn slowly:

            optim_wrapper = dict(
                optimizer=dict(type='SGD', lr=0.1, weight_decay=0.01),
                paramwise_cfg=dict(norm_decay_mult=0., custom_keys={'backbone': dict(lr_mult=0.1)}))

        One for the fine-tuning of a transformer, whose first layers learn the slowest:

            paramwise_cfg = dict(bias_decay_mult=0., flat_decay_mult=0., layer_decay=dict(
                rate=0.75, layers=[['backbone.patch_embed', 'backbone.pos_embed'], 'backbone.blocks.*']))
    """

    def __init__(self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None) -> None:
        if not isinstance(optim_wrapper_cfg, dict):
            raise TypeError(f'optimizer_cfg should be a dict, but got {type(optim_wrapper_cfg)}')
        if 'optimizer' not in optim_wrapper_cfg:
            raise AssertionError(f'`optim_wrapper_cfg` must contain "optimizer" config, '
                                 f'but got {list(optim_wrapper_cfg)}')
        self.optim_wrapper_cfg = optim_wrapper_cfg.copy()
        self.optim_wrapper_cfg.setdefault('type', 'OptimWrapper')
        self.optimizer_cfg = self.optim_wrapper_cfg.pop('optimizer').copy()
        self.paramwise_cfg: dict[str, Any] = {} if paramwise_cfg is None else paramwise_cfg
        self.base_lr: Any = self.optimizer_cfg.get('lr', None)
        self.base_wd: Any = self.optimizer_cfg.get('weight_decay', None)
        self._validate_cfg()

        self._layer_decay = self._build_layer_decay()

    def _build_layer_decay(self) -> LayerDecay | None:
        options = self.paramwise_cfg.get('layer_decay')
        if options is None:
            return None
        if not isinstance(options, dict):
            raise TypeError(f'paramwise_cfg.layer_decay should be a dict of rate and layers, but got {type(options)}')
        if self.base_lr is None:
            raise ValueError('base_lr should not be None: paramwise_cfg.layer_decay multiplies the learning rate, but '
                             'the optimizer has none: add lr=...')
        return LayerDecay(**options)

    def _validate_cfg(self) -> None:
        if not isinstance(self.paramwise_cfg, dict):
            raise TypeError(f'paramwise_cfg should be None or a dict, but got {type(self.paramwise_cfg)}')
        # A subclass may have keys of its own.
        unknown = [key for key in self.paramwise_cfg if key not in _KEYS]
        if unknown and type(self) is DefaultOptimWrapperConstructor:
            raise KeyError(f'paramwise_cfg has the unknown key {unknown[0]!r}: it may have {list(_KEYS)}.'
                           f'{did_you_mean(unknown[0], _KEYS)}')
        custom_keys = self.paramwise_cfg.get('custom_keys', {})
        if not isinstance(custom_keys, dict):
            raise TypeError(f'If specified, custom_keys must be a dict, but got {type(custom_keys)}')
        multiplied = [key for key in _DECAY_KEYS if key in self.paramwise_cfg]
        multiplied += [key for key, settings in custom_keys.items() if 'decay_mult' in settings]
        if multiplied and self.base_wd is None:
            raise ValueError(f'base_wd should not be None: paramwise_cfg multiplies the weight decay '
                             f'({multiplied[0]}), but the optimizer has none: add weight_decay=...')

    def _is_in(self, param_group: dict[str, Any], param_group_list: list[dict[str, Any]]) -> bool:
        """Tell whether a parameter of a group is in one of the groups already."""
        known = {parameter for group in param_group_list for parameter in group['params']}
        return not known.isdisjoint(param_group['params'])

    def add_params(self, params: list[dict[str, Any]], module: nn.Module, prefix: str = '',
                   is_dcn_module: int | float | None = None) -> None:
        """Add a group for each trainable parameter of a module and of what is below it.

        Args:
            params: List that groups are added to.
            module: The module.
            prefix: Its name in the model.
            is_dcn_module: Whether it is directly below a deformable convolution.
        """
        bypass_duplicate = self.paramwise_cfg.get('bypass_duplicate', False)
        for name, parameter in module.named_parameters(recurse=False):
            full_name = f'{prefix}.{name}' if prefix else name
            group: dict[str, Any] = {'params': [parameter]}
            if bypass_duplicate and self._is_in(group, params):
                print_log(f'{full_name} is duplicate. It is skipped since bypass_duplicate={bypass_duplicate}',
                          logger='current', level=logging.WARNING)
                continue
            if not parameter.requires_grad:
                continue
            settings = self._custom_settings(f'{prefix}.{name}')
            if settings is None:
                settings = self._common_settings(name, parameter, module, prefix, bool(is_dcn_module))
            if self._layer_decay is not None:
                settings['lr'] = settings.get('lr', self.base_lr) * self._layer_decay.factor(full_name)
            group.update(settings)
            params.append(group)
            for key, value in settings.items():
                print_log(f'paramwise_options -- {full_name}:{key}={value}', logger='current')
        below_dcn = isinstance(module, _deformable_convolutions())
        for child_name, child in module.named_children():
            self.add_params(params, child, prefix=f'{prefix}.{child_name}' if prefix else child_name,
                            is_dcn_module=below_dcn)

    def _custom_settings(self, name: str) -> dict[str, Any] | None:
        custom_keys = self.paramwise_cfg.get('custom_keys', {})
        for key in sorted(custom_keys, key=lambda key: (-len(key), key)):
            if key in name:
                settings = dict(custom_keys[key])
                if self.base_lr is not None:
                    settings['lr'] = self.base_lr * settings.get('lr_mult', 1.)
                if self.base_wd is not None:
                    settings['weight_decay'] = self.base_wd * settings.get('decay_mult', 1.)
                return settings
        return None

    def _common_settings(self, name: str, parameter: torch.Tensor, module: nn.Module, prefix: str,
                         is_dcn_module: bool) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        lr_key = None
        if name == 'bias' and not (is_norm(module) or is_dcn_module):
            lr_key = 'bias_lr_mult'
        if is_dcn_module and 'conv_offset' in prefix and isinstance(module, nn.Conv2d):
            lr_key = 'dcn_offset_lr_mult'
        if lr_key in self.paramwise_cfg:
            settings['lr'] = self.base_lr * self.paramwise_cfg[lr_key]
        decay_mult = self._decay_mult(name, parameter, module, is_dcn_module)
        if decay_mult is not None:
            settings['weight_decay'] = self.base_wd * decay_mult
        return settings

    def _decay_mult(self, name: str, parameter: torch.Tensor, module: nn.Module, is_dcn_module: bool) -> float | None:
        applies = {
            'norm_decay_mult': is_norm(module),
            'bias_decay_mult': name == 'bias' and not is_dcn_module,
            'dwconv_decay_mult': isinstance(module, nn.Conv2d) and module.in_channels == module.groups,
            'flat_decay_mult': parameter.ndim == 1 and not is_dcn_module,
        }
        return next((self.paramwise_cfg[key] for key, applied in applies.items()
                     if applied and self.paramwise_cfg.get(key) is not None), None)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the optimizer of a model, wrapped.

        Args:
            model: The model, maybe wrapped.
        """
        unwrapped: Any = getattr(model, 'module', model)
        cfg = self.optimizer_cfg.copy()
        params: Any = unwrapped.parameters()
        if self.paramwise_cfg:
            params = []
            if self._layer_decay is not None:
                self._layer_decay.read(unwrapped)
            self.add_params(params, unwrapped)
        cfg[self._first_argument(cfg)] = params
        optimizer = OPTIMIZERS.build(cfg)
        wrapper: OptimWrapper = OPTIM_WRAPPERS.build(self.optim_wrapper_cfg, default_args={'optimizer': optimizer})
        return wrapper

    @staticmethod
    def _first_argument(cfg: dict[str, Any]) -> str:
        """Find what an optimizer calls its parameters; not all say `params`."""
        optimizer = cfg.get('type')
        if isinstance(optimizer, str):
            with OPTIMIZERS.switch_scope_and_registry(cfg.get('_scope_')) as registry:
                optimizer = registry.get(optimizer)
        if optimizer is None:
            return 'params'
        return next(iter(inspect.signature(optimizer).parameters), 'params')


def _deformable_convolutions() -> tuple[type, ...]:
    if not mmcv_full_available():
        return ()
    operators = importlib.import_module('mmcv.ops')
    return operators.DeformConv2d, operators.ModulatedDeformConv2d
