"""Compatibility: `log_config` of configs from before mmengine, put into the keys that have its place today.

The runner does this to a config that it is given, and `mmengine migrate` to the file.
"""
from __future__ import annotations

from typing import Any

from mmengine.utils.suggest import did_you_mean

_KEYS = ('interval', 'hooks')
#: Arguments of the text logger that the logger hook has as well.
_TEXT = ('interval', 'ignore_last', 'interval_exp_name', 'out_dir', 'out_suffix', 'keep_local', 'file_client_args')
#: Hook of a tracker -> its backend, and the names that arguments have there; others mean nothing to it.
_TRACKERS: dict[str, tuple[str, dict[str, str]]] = {
    'TensorboardLoggerHook': ('TensorboardVisBackend', {'log_dir': 'save_dir'}),
    'WandbLoggerHook': ('WandbVisBackend', {'init_kwargs': 'init_kwargs', 'commit': 'commit'}),
    'MlflowLoggerHook': ('MLflowVisBackend', {'exp_name': 'exp_name', 'tags': 'tags', 'params': 'params'}),
    'ClearMLLoggerHook': ('ClearMLVisBackend', {'init_kwargs': 'init_kwargs'}),
    'NeptuneLoggerHook': ('NeptuneVisBackend', {'init_kwargs': 'init_kwargs'}),
    'DvcliveLoggerHook': ('DVCLiveVisBackend', {'path': 'save_dir'}),
}


def take_log_config(cfg: Any) -> list[str]:
    """Put what `log_config` says into `default_hooks`, `log_processor`, `visualizer` and `custom_hooks`, in place.

    Args:
        cfg: The config, with a `log_config`.

    Returns:
        What has been taken over, and where to.

    Raises:
        TypeError: `log_config` or one of its hooks is no dict.
        KeyError: `log_config` has a key that is not known, or a hook has no `type`.
    """
    old = cfg['log_config']
    _check(old)
    interval, moved = old.get('interval', 10), []
    for hook in old.get('hooks') or ():
        options = dict(hook)
        name = options.pop('type')
        options.setdefault('interval', interval)
        if name == 'TextLoggerHook':
            moved.append(_take_text(cfg, options))
        elif name in _TRACKERS:
            moved.append(_take_tracker(cfg, name, options))
        else:
            cfg['custom_hooks'] = [*(cfg.get('custom_hooks') or ()), {'type': name, **options}]
            moved.append(f'{name} to custom_hooks')
    del cfg['log_config']
    return moved


def _check(old: Any) -> None:
    if not isinstance(old, dict):
        raise TypeError(f'log_config should be a dict with {_KEYS}, but got {old!r}')
    for key in old:
        if key not in _KEYS:
            raise KeyError(f'log_config has the unknown key {key!r}: it takes {_KEYS}.{did_you_mean(key, _KEYS)}')
    for index, hook in enumerate(old.get('hooks') or ()):
        if not isinstance(hook, dict):
            raise TypeError(f'log_config.hooks[{index}] should be a dict with type, but got {hook!r}')
        if 'type' not in hook:
            raise KeyError(f'log_config.hooks[{index}] needs the key type, but has {list(hook)}')


def _take_text(cfg: Any, options: dict[str, Any]) -> str:
    hooks = dict(cfg.get('default_hooks') or {})
    hooks['logger'] = {'type': 'LoggerHook', **{key: options[key] for key in _TEXT if key in options}}
    cfg['default_hooks'] = hooks
    if 'by_epoch' in options:
        cfg['log_processor'] = {'by_epoch': options['by_epoch'], **(cfg.get('log_processor') or {})}
    return 'TextLoggerHook to default_hooks.logger'


def _take_tracker(cfg: Any, name: str, options: dict[str, Any]) -> str:
    backend, names = _TRACKERS[name]
    visualizer = dict(cfg.get('visualizer') or {'type': 'Visualizer'})
    own = visualizer.get('vis_backends') or [{'type': 'LocalVisBackend'}]
    added = {'type': backend, **{new: options[old] for old, new in names.items() if options.get(old) is not None}}
    if isinstance(own, dict) and 'type' not in own:  # backends by name
        visualizer['vis_backends'] = {**own, backend: added}
    else:
        visualizer['vis_backends'] = [*([own] if isinstance(own, dict) else own), added]
    cfg['visualizer'] = visualizer
    return f'{name} to visualizer.vis_backends as {backend}'
