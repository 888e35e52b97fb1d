"""Initialisers that configs name, and their application to a module."""
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import nn

from mmengine.checkpoint.loader import _load_checkpoint_with_prefix, load_checkpoint
from mmengine.checkpoint.state_dict import load_state_dict
from mmengine.model.init_functions import (
    bias_init_with_prob,
    constant_init,
    kaiming_init,
    normal_init,
    trunc_normal_init,
    uniform_init,
    xavier_init,
)
from mmengine.model.init_info import update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS


class BaseInit:
    """The base of initialisers: which layers of a module it is for, and their bias.

    Args:
        bias: Value of the bias.
        bias_prob: Probability that a sigmoid is to start with; the bias is computed from it.
        layer: Class names of the layers to initialise, also as direct base classes.

    Raises:
        TypeError: An argument is of another type.
    """

    def __init__(self, *, bias: float = 0, bias_prob: float | None = None,
                 layer: str | list[str] | None = None) -> None:
        self.wholemodule = False
        if not isinstance(bias, (int, float)):
            raise TypeError(f'bias must be a number, but got a {type(bias)}')
        if bias_prob is not None and not isinstance(bias_prob, float):
            raise TypeError(f'bias_prob type must be float, but got {type(bias_prob)}')
        if layer is not None and not isinstance(layer, (str, list)):
            raise TypeError(f'layer must be a str or a list of str, but got a {type(layer)}')
        self.bias = bias if bias_prob is None else bias_init_with_prob(bias_prob)
        self.layer = [layer] if isinstance(layer, str) else layer or []

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}, bias={self.bias}'

    def _is_for(self, module: nn.Module) -> bool:
        names = {type(module).__name__, *(base.__name__ for base in type(module).__bases__)}
        return self.wholemodule or not names.isdisjoint(self.layer)

    def _apply(self, module: nn.Module, function: Callable[[nn.Module], None]) -> None:
        for part in module.modules():
            if self._is_for(part):
                function(part)
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())


@WEIGHT_INITIALIZERS.register_module(name='Constant')
class ConstantInit(BaseInit):
    """Sets weights to `val`; see `constant_init`.

    Args:
        val: Value of the weights.
        **kwargs: Arguments of `BaseInit`.
    """

    def __init__(self, val: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.val = val

    def __call__(self, module: nn.Module) -> None:
        """Initialise the layers of a module."""
        self._apply(module, lambda part: constant_init(part, self.val, self.bias))

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: val={self.val}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Xavier')
class XavierInit(BaseInit):
    """Draws weights by the number of inputs and outputs; see `xavier_init`.

    Args:
        gain: Factor.
        distribution: 'uniform' or 'normal'.
        **kwargs: Arguments of `BaseInit`.
    """

    def __init__(self, gain: float = 1, distribution: str = 'normal', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gain = gain
        self.distribution = distribution

    def __call__(self, module: nn.Module) -> None:
        """Initialise the layers of a module."""
        self._apply(module, lambda part: xavier_init(part, self.gain, self.bias, self.distribution))

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: gain={self.gain}, distribution={self.distribution}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Normal')
class NormalInit(BaseInit):
    """Draws weights from a normal distribution; see `normal_init`.

    Args:
        mean: Mean.
        std: Standard deviation.
        **kwargs: Arguments of `BaseInit`.
    """

    def __init__(self, mean: float = 0, std: float = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean = mean
        self.std = std

    def __call__(self, module: nn.Module) -> None:
        """Initialise the layers of a module."""
        self._apply(module, lambda part: normal_init(part, self.mean, self.std, self.bias))

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: mean={self.mean}, std={self.std}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='TruncNormal')
class TruncNormalInit(BaseInit):
    """Draws weights from a normal distribution that is cut off; see `trunc_normal_init`.

    Args:
        mean: Mean.
        std: Standard deviation.
        a: Lowest value.
        b: Highest value.
        **kwargs: Arguments of `BaseInit`.
    """

    def __init__(self, mean: float = 0, std: float = 1, a: float = -2, b: float = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean = mean
        self.std = std
        self.a = a
        self.b = b

    def __call__(self, module: nn.Module) -> None:
        """Initialise the layers of a module."""
        self._apply(module, lambda part: trunc_normal_init(part, self.mean, self.std, self.a, self.b, self.bias))

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: a={self.a}, b={self.b}, mean={self.mean}, std={self.std}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Uniform')
class UniformInit(BaseInit):
    """Draws weights from a uniform distribution; see `uniform_init`.

    Args:
        a: Lowest value.
        b: Highest value.
        **kwargs: Arguments of `BaseInit`.
    """

    def __init__(self, a: float = 0., b: float = 1., **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.a = a
        self.b = b

    def __call__(self, module: nn.Module) -> None:
        """Initialise the layers of a module."""
        self._apply(module, lambda part: uniform_init(part, self.a, self.b, self.bias))

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: a={self.a}, b={self.b}, bias={self.bias}'


@WEIGHT_INITIALIZERS.register_module(name='Kaiming')
class KaimingInit(BaseInit):
    """Draws weights for rectifiers; see `kaiming_init`.

    Args:
        a: Negative slope of the rectifier, for 'leaky_relu'.
        mode: 'fan_in' or 'fan_out'.
        nonlinearity: Name of the non-linear function.
        distribution: 'uniform' or 'normal'.
        **kwargs: Arguments of `BaseInit`.
    """

    def __init__(self, a: float = 0, mode: str = 'fan_out', nonlinearity: str = 'relu', distribution: str = 'normal',
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.a = a
        self.mode = mode
        self.nonlinearity = nonlinearity
        self.distribution = distribution

    def __call__(self, module: nn.Module) -> None:
        """Initialise the layers of a module."""
        self._apply(module, lambda part: kaiming_init(part, self.a, self.mode, self.nonlinearity, self.bias,
                                                      self.distribution))

    def _get_init_info(self) -> str:
        return (f'{type(self).__name__}: a={self.a}, mode={self.mode}, nonlinearity={self.nonlinearity}, '
                f'distribution ={self.distribution}, bias={self.bias}')


@WEIGHT_INITIALIZERS.register_module(name='Caffe2Xavier')
class Caffe2XavierInit(KaimingInit):
    """Draws weights as Caffe2's XavierFill does; see `caffe2_xavier_init`.

    Args:
        **kwargs: Arguments of `BaseInit`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(a=1, mode='fan_in', nonlinearity='leaky_relu', distribution='uniform', **kwargs)


@WEIGHT_INITIALIZERS.register_module(name='Pretrained')
class PretrainedInit:
    """Loads the weights of a checkpoint.

    Args:
        checkpoint: Path, URL or URI of the checkpoint.
        prefix: Prefix of the weights in the checkpoint that are meant, 'backbone.' for example.
        map_location: Where tensors go, as in `torch.load`.
    """

    def __init__(self, checkpoint: str, prefix: str | None = None, map_location: str | None = None) -> None:
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.map_location = map_location

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into a module."""
        if self.prefix is None:
            load_checkpoint(module, self.checkpoint, map_location=self.map_location, strict=False, logger='current')
        else:
            weights = _load_checkpoint_with_prefix(self.prefix, self.checkpoint, map_location=self.map_location)
            load_state_dict(module, weights, strict=False, logger='current')
        if hasattr(module, '_params_init_info'):
            update_init_info(module, init_info=self._get_init_info())

    def _get_init_info(self) -> str:
        return f'{type(self).__name__}: load from {self.checkpoint}'


def initialize(module: nn.Module, init_cfg: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Initialise a module as a config says.

    Args:
        module: The module.
        init_cfg: Config of an initialiser, or a list of them, applied one after the other. `override`, a dict or
            list of them, names children (`name`) that are initialised as a whole, by a config of their own or, if
            there is none, by this one.

    Raises:
        TypeError: A config is no dict.
        ValueError: An override has no `name`, or arguments without a `type`.
        RuntimeError: The module has no child of that name.
    """
    if not isinstance(init_cfg, (dict, list)):
        raise TypeError(f'init_cfg must be a dict or a list of dict, but got {type(init_cfg)}')
    for cfg in [init_cfg] if isinstance(init_cfg, dict) else init_cfg:
        if not isinstance(cfg, dict):
            raise TypeError(f'init_cfg must be a dict or a list of dict, but got a list with {type(cfg)}')
        options = copy.deepcopy(cfg)
        override = options.pop('override', None)
        _initialize(module, options)
        if override is not None:
            options.pop('layer', None)
            _initialize_override(module, override, options)


def _initialize(module: nn.Module, cfg: dict[str, Any], wholemodule: bool = False) -> None:
    initializer = WEIGHT_INITIALIZERS.build(cfg)
    initializer.wholemodule = wholemodule
    initializer(module)


def _initialize_override(module: nn.Module, override: Any, cfg: dict[str, Any]) -> None:
    if not isinstance(override, (dict, list)):
        raise TypeError(f'override must be a dict or a list of dict, but got {type(override)}')
    for entry in [override] if isinstance(override, dict) else override:
        options = copy.deepcopy(entry)
        name = options.pop('name', None)
        if name is None:
            raise ValueError(f'`override` must contain the key "name", but got {entry}')
        if options and 'type' not in options:
            raise ValueError(f'`override` need "type" key, but got {entry}')
        if not hasattr(module, name):
            raise RuntimeError(f'module {type(module).__name__} did not have attribute {name}, '
                               f'but init_cfg is {entry}.')
        _initialize(getattr(module, name), options or copy.deepcopy(cfg), wholemodule=True)
