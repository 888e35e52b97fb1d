"""Modules that initialise their weights from a config."""
from __future__ import annotations

import copy
import logging
from abc import ABCMeta
from collections.abc import Iterable
from typing import Any

from torch import nn

from mmengine.checkpoint.wrappers import is_model_wrapper
from mmengine.logging import MMLogger, print_log
from mmengine.model.init_info import start_init_info, update_init_info
from mmengine.model.initializers import PretrainedInit, initialize

InitCfg = dict[str, Any] | list[dict[str, Any]] | None


class BaseModule(nn.Module, metaclass=ABCMeta):
    """A module whose weights `init_weights` initialises, as `init_cfg` says.

    Args:
        init_cfg: Config of an initialiser, or a list of them: its `type` in `WEIGHT_INITIALIZERS`, `layer` with the
            class names of the layers it is for, its arguments, and maybe `override` for children by name.

    Examples:
        >>> from torch import nn
        >>> from mmengine.model import BaseModule
        >>> class Head(BaseModule):
        ...     def __init__(self):
        ...         super().__init__(init_cfg=dict(type='Constant', layer='Linear', val=1, bias=2))
        ...         self.fc = nn.Linear(1, 1)
        >>> head = Head()
        >>> head.init_weights()
        >>> head.fc.weight.item(), head.fc.bias.item()
        (1.0, 2.0)
    """

    def __init__(self, init_cfg: InitCfg = None) -> None:
        super().__init__()
        self._is_init = False
        self.init_cfg = copy.deepcopy(init_cfg)

    @property
    def is_init(self) -> bool:
        """Whether the weights have been initialised."""
        return self._is_init

    @is_init.setter
    def is_init(self, value: bool) -> None:
        self._is_init = value

    def init_weights(self) -> None:
        """Initialise the weights, once.

        First by `init_cfg`, then by `init_weights` of each child that has one and has not been initialised, last by
        the entry of type 'Pretrained', so that loaded weights stay.
        """
        if self._is_init:
            print_log(f'init_weights of {type(self).__name__} has been called more than once.',
                      logger='current', level=logging.WARNING)
            return
        is_top = not hasattr(self, '_params_init_info')
        if is_top:
            start_init_info(self)
        self._init_by_cfg()
        self._is_init = True
        if is_top:
            self._dump_init_info()
            for module in self.modules():
                module.__dict__.pop('_params_init_info', None)

    def _init_by_cfg(self) -> None:
        cfgs = [self.init_cfg] if isinstance(self.init_cfg, dict) else self.init_cfg or []
        if cfgs:
            print_log(f'initialize {type(self).__name__} with init_cfg {self.init_cfg}',
                      logger='current', level=logging.DEBUG)
        pretrained = [cfg for cfg in cfgs if _is_pretrained(cfg)]
        others = [cfg for cfg in cfgs if not _is_pretrained(cfg)]
        if others:
            initialize(self, others)
        for module in self.children():
            wrapped = is_model_wrapper(module) and not hasattr(module, 'init_weights')
            child: Any = module.module if wrapped else module
            if hasattr(child, 'init_weights') and not getattr(child, 'is_init', False):
                child.init_weights()
                # What neither a config nor a child of its own accounts for was changed by the method itself.
                update_init_info(child, f'Initialized by user-defined `init_weights` in {type(child).__name__} ')
        if pretrained:
            initialize(self, pretrained)

    def _dump_init_info(self) -> None:
        """Write how each parameter was initialised to the log files; it is too long for the screen."""
        logger = MMLogger.get_current_instance()
        handlers = [handler for handler in logger.handlers
                    if isinstance(handler, logging.FileHandler) and handler.level <= logging.INFO]
        if not handlers:
            return
        record_of: Any = self._params_init_info
        lines = [f'\n{name} - {parameter.shape}: \n{record_of[parameter]["init_info"]} \n'
                 for name, parameter in self.named_parameters()]
        record = logger.makeRecord(logger.name, logging.INFO, __file__, 0,
                                   'Name of parameter - Initialization information\n' + ''.join(lines), (), None)
        for handler in handlers:
            handler.handle(record)

    def __repr__(self) -> str:
        text = super().__repr__()
        return f'{text}\ninit_cfg={self.init_cfg}' if self.init_cfg else text


def _is_pretrained(cfg: Any) -> bool:
    return isinstance(cfg, dict) and cfg.get('type') in ('Pretrained', PretrainedInit)


class Sequential(BaseModule, nn.Sequential):
    """`torch.nn.Sequential` with `init_cfg`.

    Args:
        *args: Modules, or one ordered dict of them.
        init_cfg: How weights are initialised, see `BaseModule`; a child's own `init_cfg` wins.
    """

    def __init__(self, *args: Any, init_cfg: InitCfg = None) -> None:
        BaseModule.__init__(self, init_cfg)
        nn.Sequential.__init__(self, *args)


class ModuleList(BaseModule, nn.ModuleList):
    """`torch.nn.ModuleList` with `init_cfg`.

    Args:
        modules: Modules to hold.
        init_cfg: How weights are initialised, see `BaseModule`; a child's own `init_cfg` wins.
    """

    def __init__(self, modules: Iterable[nn.Module] | None = None, init_cfg: InitCfg = None) -> None:
        BaseModule.__init__(self, init_cfg)
        nn.ModuleList.__init__(self, modules)


class ModuleDict(BaseModule, nn.ModuleDict):
    """`torch.nn.ModuleDict` with `init_cfg`.

    Args:
        modules: Modules to hold, by name.
        init_cfg: How weights are initialised, see `BaseModule`; a child's own `init_cfg` wins.
    """

    def __init__(self, modules: dict[str, nn.Module] | None = None, init_cfg: InitCfg = None) -> None:
        BaseModule.__init__(self, init_cfg)
        nn.ModuleDict.__init__(self, modules)
