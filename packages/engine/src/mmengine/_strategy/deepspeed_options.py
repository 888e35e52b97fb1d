"""The config of DeepSpeed: from a file or a dict and the arguments of a strategy, checked against what is installed."""
from __future__ import annotations

import copy
import importlib
import inspect
import os
import re
import sys
from types import ModuleType
from typing import Any

from mmengine.fileio import load
from mmengine.utils.suggest import did_you_mean

#: What takes a section of the config, as far as it is of the kind that lists its fields.
_SECTIONS = {
    'zero_optimization': 'deepspeed.runtime.zero.config:DeepSpeedZeroConfig',
    'zero_optimization.offload_param': 'deepspeed.runtime.zero.offload_config:DeepSpeedZeroOffloadParamConfig',
    'zero_optimization.offload_optimizer': 'deepspeed.runtime.zero.offload_config:DeepSpeedZeroOffloadOptimizerConfig',
    'fp16': 'deepspeed.runtime.precision_config:DeepSpeedFP16Config',
    'bf16': 'deepspeed.runtime.precision_config:DeepSpeedBF16Config',
}
_QUOTED = re.compile(r'["\']([a-z][a-z0-9_]*)["\']')
#: What configs for other trainers leave to be filled in.
_AUTO = ('train_batch_size', 'train_micro_batch_size_per_gpu', 'gradient_accumulation_steps', 'gradient_clipping')


def import_deepspeed() -> ModuleType:
    """Import DeepSpeed.

    Raises:
        ImportError: It is not installed.
    """
    try:
        return importlib.import_module('deepspeed')
    except ModuleNotFoundError as error:
        if error.name != 'deepspeed':
            raise
        raise ImportError("DeepSpeedStrategy needs deepspeed: pip install 'mmparts-engine[deepspeed]'. FSDPStrategy "
                          'spreads a model as well, and needs nothing but torch') from error


def engine_config(config: str | dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any]:
    """Put the config of DeepSpeed together.

    Args:
        config: A JSON or YAML file, or a dict.
        given: Options that go before those of `config`, unless they are None.

    Raises:
        FileNotFoundError: The file is not there.
        TypeError: `config` is neither a path nor a dict.
    """
    if config is None:
        merged: dict[str, Any] = {}
    elif isinstance(config, str):
        if not os.path.isfile(config):
            raise FileNotFoundError(f'config of DeepSpeedStrategy: there is no file {config!r}')
        merged = dict(load(config))
    elif isinstance(config, dict):
        merged = _plain(config)
    else:
        raise TypeError(f'config of DeepSpeedStrategy should be the path of a JSON or YAML file or a dict, '
                        f'but got {config!r}')
    merged = {name: value for name, value in merged.items() if not (name in _AUTO and value == 'auto')}
    merged.update({name: _plain(value) for name, value in given.items() if value is not None})
    # Any optimizer of torch may be used, also on a CPU, as with every other strategy.
    merged.setdefault('zero_allow_untested_optimizer', True)
    merged.setdefault('zero_force_ds_cpu_optimizer', False)
    merged.setdefault('gradient_accumulation_steps', 1)
    if 'train_batch_size' not in merged:
        merged.setdefault('train_micro_batch_size_per_gpu', 1)  # which DeepSpeed counts samples per second with
    return merged


def _plain(value: Any) -> Any:
    """Copy dicts of any class, as a config file has them, to plain ones."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return copy.deepcopy(value)


def check_options(config: dict[str, Any], deepspeed: ModuleType) -> None:
    """Find options that the installed DeepSpeed does not know; those of the top level it would pass over in silence.

    Args:
        config: The config.
        deepspeed: The package.

    Raises:
        ValueError: An option is unknown; the error names the nearest.
    """
    known = _top_level(deepspeed)
    for name in config:
        if name not in known:
            raise ValueError(_unknown(deepspeed, f'option {name!r}', name, known))
    for path, model in _SECTIONS.items():
        section: Any = config
        for key in path.split('.'):
            section = section.get(key) if isinstance(section, dict) else None
        fields = _fields(model)
        for name in section if isinstance(section, dict) and fields else ():
            if name not in fields:
                raise ValueError(_unknown(deepspeed, f'option {name!r} in {path}', name, fields))


def _unknown(deepspeed: ModuleType, what: str, name: str, known: set[str]) -> str:
    version = deepspeed.__version__
    return f'DeepSpeed {version}, which is installed, has no {what}.{did_you_mean(name, sorted(known))}'


def _top_level(deepspeed: ModuleType) -> set[str]:
    """List the words that DeepSpeed's own modules of configs quote or name fields by, its options among them.

    It has no list of them: each is asked for where it is used.
    """
    prefix, words = f'{deepspeed.__name__}.', set()
    for name, module in list(sys.modules.items()):
        if name.startswith(prefix) and name.endswith(('constants', 'config')):
            words.update(_QUOTED.findall(inspect.getsource(module)))
            for member in vars(module).values():
                words.update(getattr(member, 'model_fields', ()) if isinstance(member, type) else ())
    return words


def _fields(model: str) -> set[str]:
    module, _, name = model.partition(':')
    try:
        fields = getattr(importlib.import_module(module), name).model_fields
    except (ImportError, AttributeError):
        return set()  # of a version that has it elsewhere: DeepSpeed checks it itself
    return {word for key, field in fields.items() for word in (key, field.alias) if word}


def take_from_wrapper(optim_wrapper: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Hand the part of an optimizer wrapper's config that DeepSpeed does itself over to DeepSpeed.

    Args:
        optim_wrapper: Config of any `OptimWrapper`; it is not changed.
        config: Config of DeepSpeed, which gets `gradient_accumulation_steps` and `gradient_clipping`.

    Returns:
        The config of a `DeepSpeedOptimWrapper`.

    Raises:
        ValueError: The wrapper is of a kind that DeepSpeed takes no part of, or both configs say different things.
    """
    left = dict(optim_wrapper)
    kind = left.get('type', 'DeepSpeedOptimWrapper')
    name = kind if isinstance(kind, str) else kind.__name__
    if name.rpartition('.')[2] not in ('OptimWrapper', 'DeepSpeedOptimWrapper') and 'constructor' not in left:
        precise = ': mixed precision is fp16=dict(enabled=True) or bf16=dict(enabled=True) of the strategy' \
            if 'Amp' in name or 'Apex' in name else ''
        raise ValueError(f'DeepSpeedStrategy takes an optim_wrapper of the type DeepSpeedOptimWrapper or OptimWrapper, '
                         f'but got {name!r}{precise}')
    left['type'] = 'DeepSpeedOptimWrapper'
    clip_grad = left.pop('clip_grad', None)
    if clip_grad is not None:
        options = {key: value for key, value in clip_grad.items() if (key, value) not in _SAME_CLIPPING}
        if set(options) != {'max_norm'}:
            raise ValueError(f'DeepSpeed clips gradients by their 2-norm: clip_grad of the optim_wrapper should be '
                             f'dict(max_norm=...), but got {clip_grad!r}')
        _agree(config, 'gradient_clipping', options['max_norm'], 'clip_grad.max_norm', 0.0)
    if 'accumulative_counts' in left:
        _agree(config, 'gradient_accumulation_steps', left.pop('accumulative_counts'), 'accumulative_counts', 1)
    return left


_SAME_CLIPPING = (('type', 'norm'), ('norm_type', 2), ('error_if_nonfinite', False))


def _agree(config: dict[str, Any], name: str, value: Any, other_name: str, default: Any) -> None:
    own = config.get(name, default)
    if own not in (default, value):
        raise ValueError(f'{name}={own} of DeepSpeedStrategy and {other_name}={value} of the optim_wrapper mean the '
                         f'same and differ: give one of them')
    config[name] = value
