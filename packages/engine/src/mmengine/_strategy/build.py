"""Model, optimizer wrapper and parameter schedulers from their configs."""
from __future__ import annotations

import copy
from typing import Any

from torch import nn
from torch.optim import Optimizer

from mmengine.checkpoint.wrappers import unwrap
from mmengine.dist import get_world_size
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict, _ParamScheduler, build_optim_wrapper
from mmengine.registry import MODELS, OPTIM_WRAPPERS, PARAM_SCHEDULERS

ParamSchedulers = list[_ParamScheduler] | dict[str, list[_ParamScheduler]]


def build_model(model: nn.Module | dict[str, Any]) -> nn.Module:
    """Build a model from a config, or take it as it is.

    Raises:
        TypeError: `model` is neither a config nor a module.
    """
    if isinstance(model, nn.Module):
        return model
    if isinstance(model, dict):
        built: nn.Module = MODELS.build(model)
        return built
    raise TypeError(f'model should be a nn.Module object or dict, but got {model!r}')


def build_optimizer(optim_wrapper: Any, model: nn.Module) -> Any:
    """Build an optimizer wrapper from a config, or one for each of several optimizers.

    Args:
        optim_wrapper: A wrapper; a config with `optimizer`, which may be a ready optimizer; a config with
            `constructor`; or a dict of ready wrappers by name.
        model: The model whose parameters are optimised.

    Raises:
        TypeError: `optim_wrapper` is none of these.
        ValueError: It is a dict of which only some items are wrappers.
    """
    if isinstance(optim_wrapper, OptimWrapper):
        return optim_wrapper
    if not isinstance(optim_wrapper, (dict, OptimWrapperDict)):
        raise TypeError(f'optimizer wrapper should be an OptimWrapper object or dict, but got {optim_wrapper!r}')
    if isinstance(optim_wrapper, OptimWrapperDict):
        return optim_wrapper
    optimizer = optim_wrapper.get('optimizer')
    if isinstance(optimizer, Optimizer):
        return OPTIM_WRAPPERS.build(optim_wrapper, default_args=dict(type='OptimWrapper'))
    if optimizer is not None or 'constructor' in optim_wrapper:
        return build_optim_wrapper(unwrap(model), optim_wrapper)
    if not any(isinstance(item, OptimWrapper) for item in optim_wrapper.values()):
        return build_optim_wrapper(unwrap(model), optim_wrapper)  # which tells what is missing
    for name, item in optim_wrapper.items():
        if not isinstance(item, OptimWrapper):
            raise ValueError(f'each item mush be an optimizer object when "type" and "constructor" are not in '
                             f'optimizer, but got {name}={item!r}')
    return OptimWrapperDict(**optim_wrapper)


def build_schedulers(scheduler: Any, optim_wrapper: Any, defaults: dict[str, Any]) -> ParamSchedulers:
    """Build the parameter schedulers, a list of them for each optimizer.

    Args:
        scheduler: A scheduler or config, a list of them, or a dict of these by the name of an optimizer.
        optim_wrapper: The ready optimizer wrapper.
        defaults: `max_epochs` (default of `end`), `max_iters` and `epoch_length` (for `convert_to_iter_based`).
    """
    if not isinstance(optim_wrapper, OptimWrapperDict):
        return _schedulers_of(scheduler, optim_wrapper, defaults)
    if isinstance(scheduler, dict) and 'type' not in scheduler:
        return {name: _schedulers_of(item, optim_wrapper[name], defaults) for name, item in scheduler.items()}
    return {name: _schedulers_of(copy.deepcopy(scheduler), wrapper, defaults)
            for name, wrapper in optim_wrapper.items()}


def _schedulers_of(scheduler: Any, optim_wrapper: Any, defaults: dict[str, Any]) -> list[_ParamScheduler]:
    return [_build_scheduler(item, optim_wrapper, defaults)
            for item in (scheduler if isinstance(scheduler, (list, tuple)) else [scheduler])]


def _build_scheduler(scheduler: Any, optim_wrapper: Any, defaults: dict[str, Any]) -> _ParamScheduler:
    if isinstance(scheduler, _ParamScheduler):
        return scheduler
    if not isinstance(scheduler, dict):
        raise TypeError(f'`param_scheduler` should be a _ParamScheduler, a dict or a list of these, '
                        f'but got {scheduler!r}')
    cfg = copy.deepcopy(scheduler)
    by_iter = cfg.get('convert_to_iter_based', False)
    if cfg.get('by_epoch', True):
        cfg.setdefault('end', defaults['max_epochs'])
    else:
        cfg.setdefault('end', defaults['max_iters'])
    built: _ParamScheduler = PARAM_SCHEDULERS.build(cfg, default_args=dict(
        optimizer=optim_wrapper, **({'epoch_length': defaults['epoch_length']} if by_iter else {})))
    return built


def check_schedulers(scheduler: Any) -> None:
    """Check the form of a `param_scheduler` argument before anything is built from it.

    Raises:
        TypeError: It is no scheduler, dict or list.
        AssertionError: An item of a dict or list is of the wrong form.
    """
    if scheduler is None or isinstance(scheduler, _ParamScheduler):
        return
    if isinstance(scheduler, (list, tuple)):
        for item in scheduler:
            if not isinstance(item, (dict, _ParamScheduler)):
                raise AssertionError(f'Each value of `param_scheduler` should be a dict or a _ParamScheduler, '
                                     f'but got {item!r}')
        return
    if not isinstance(scheduler, dict):
        raise TypeError(f'`param_scheduler` should be a _ParamScheduler, a dict or a list, but got {scheduler!r}')
    if 'type' not in scheduler:
        for name, item in scheduler.items():
            if not isinstance(item, (dict, list, tuple, _ParamScheduler)):
                raise AssertionError(f'Each value of `param_scheduler` should be a dict, a list or a _ParamScheduler, '
                                     f'but got {name}={item!r}')


def scale_learning_rate(optim_wrapper: Any, train_batch_size: int, auto_scale_lr: dict[str, Any] | None) -> None:
    """Scale the learning rate by the ratio of the real to the intended batch size.

    Args:
        optim_wrapper: Wrapper, or dict of wrappers, whose learning rates are changed in place.
        train_batch_size: Samples per rank and iteration.
        auto_scale_lr: `enable` and `base_batch_size`, the batch size over all ranks that the config was made for.

    Raises:
        AssertionError: `base_batch_size` is missing.
    """
    if not auto_scale_lr or not auto_scale_lr.get('enable', False):
        return
    if 'base_batch_size' not in auto_scale_lr:
        raise AssertionError('Lack of `base_batch_size` in `auto_scale_lr`: the batch size over all ranks '
                             'that the learning rate was chosen for')
    real, base = get_world_size() * train_batch_size, auto_scale_lr['base_batch_size']
    ratio = float(real) / float(base)
    print_log(f'LR is set based on batch size of {base} and the current batch size is {real}. '
              f'Scaling the original LR by {ratio}.', logger='current')
    wrappers = optim_wrapper.values() if isinstance(optim_wrapper, OptimWrapperDict) else [optim_wrapper]
    for wrapper in wrappers:
        for group in wrapper.optimizer.param_groups:
            group['lr'] *= ratio
            if 'initial_lr' in group:
                group['initial_lr'] *= ratio
