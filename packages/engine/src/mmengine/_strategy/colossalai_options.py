"""ColossalAI as it is installed: the package, or why it is of no use here, and its plugins and precisions by name."""
from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, requires, version
from types import ModuleType
from typing import Any

import torch

from mmengine.utils.suggest import did_you_mean

#: The newest release that there was to look at, and the torch that it asks for.
_LOOKED_AT = 'ColossalAI 0.5.0 asks for torch>=2.2,<=2.5.1, and mmparts-engine for torch>=2.6'
_PLUGINS = {'gemini': 'GeminiPlugin', 'lowlevel_zero': 'LowLevelZeroPlugin', 'low_level_zero': 'LowLevelZeroPlugin',
            'hybrid_parallel': 'HybridParallelPlugin', 'torch_ddp': 'TorchDDPPlugin', 'torch_fsdp': 'TorchFSDPPlugin'}
_PRECISIONS = ('fp16', 'fp16_apex', 'fp16_naive', 'bf16', 'fp8')


def import_colossalai() -> ModuleType:
    """Import ColossalAI.

    Raises:
        ImportError: It is not installed, or not usable beside the installed torch; the error says which versions are.
    """
    try:
        return importlib.import_module('colossalai')
    except ImportError as error:
        raise ImportError(f'ColossalAIStrategy needs colossalai, {_state(error)}. {_wanted()}: until a release takes '
                          f'a newer one, FSDPStrategy or DeepSpeedStrategy do the same work') from error


def _state(error: ImportError) -> str:
    try:
        return f'of which {version("colossalai")} is installed, but cannot be imported ({error})'
    except PackageNotFoundError:
        return 'which is not installed'


def _wanted() -> str:
    try:
        asked = [line for line in requires('colossalai') or [] if line.replace(' ', '').startswith(('torch>', 'torch<',
                                                                                                   'torch='))]
    except PackageNotFoundError:
        asked = []
    return f'It asks for {asked[0]}, and torch is {torch.__version__}' if asked else _LOOKED_AT


def build_plugin(plugin: str | dict[str, Any] | object) -> Any:
    """Make a plugin of ColossalAI.

    Args:
        plugin: Its name, 'gemini' or 'lowlevel-zero' for example; a dict of its `type`, such a name or that of its
            class, and its arguments; or a plugin.

    Raises:
        ValueError: The installed ColossalAI has no such plugin, or the plugin no such argument.
    """
    if not isinstance(plugin, (str, dict)):
        return plugin
    options = dict(plugin) if isinstance(plugin, dict) else {}
    name = options.pop('type', None) if isinstance(plugin, dict) else plugin
    plugins = importlib.import_module('colossalai.booster.plugin')
    key = str(name).lower().replace('-', '_')
    found = getattr(plugins, _PLUGINS.get(key, str(name)), None)
    if not isinstance(found, type):
        known = [*(short for short, long in _PLUGINS.items() if hasattr(plugins, long)),
                 *(long for long in vars(plugins) if long.endswith('Plugin'))]
        raise ValueError(f'{_name()} has no plugin {name!r}.{did_you_mean(key, known) or f" It has {known}"}')
    try:
        return found(**options)
    except TypeError as error:
        raise ValueError(f'{found.__name__} of {_name()} does not take {sorted(options)}: {error}') from error


def build_precision(mixed_precision: str | dict[str, Any] | None) -> Any:
    """Make what `Booster` takes as `mixed_precision`.

    Args:
        mixed_precision: A name, 'fp16' or 'bf16' for example; or a dict of the `type`, the name of a class of
            `colossalai.booster.mixed_precision`, and its arguments.

    Raises:
        ValueError: There is none of this name.
    """
    if isinstance(mixed_precision, str) and mixed_precision not in _PRECISIONS:
        raise ValueError(f'mixed_precision of ColossalAIStrategy should be one of {_PRECISIONS}, but got '
                         f'{mixed_precision!r}.{did_you_mean(mixed_precision, _PRECISIONS)}')
    if not isinstance(mixed_precision, dict):
        return mixed_precision
    options = dict(mixed_precision)
    name = str(options.pop('type', None))
    module = importlib.import_module('colossalai.booster.mixed_precision')
    found = getattr(module, name, None)
    if not isinstance(found, type):
        known = [each for each in vars(module) if each.endswith('MixedPrecision')]
        raise ValueError(f'{_name()} has no mixed precision {name!r}.{did_you_mean(name, known) or f" It has {known}"}')
    return found(**options)


def _name() -> str:
    return f'ColossalAI {getattr(importlib.import_module("colossalai"), "__version__", "of an unknown version")}'
