"""What a config of mmengine 0.10 meets here that is otherwise; nothing has to change, but it is good to know."""
from __future__ import annotations

from importlib import metadata
from typing import Any

from mmengine.config.migration.draft import BY_HAND, NOTE, Draft
from mmengine.utils.suggest import did_you_mean

#: Keys that the constructor of the engine takes.
PARAMWISE = ('norm_decay_mult', 'bias_decay_mult', 'dwconv_decay_mult', 'flat_decay_mult', 'custom_keys',
             'bias_lr_mult', 'dcn_offset_lr_mult', 'layer_decay', 'bypass_duplicate')
#: Types of backends that upstream had in its one package, and that are distributions of their own here.
_TRACKERS = {'WandbVisBackend': 'wandb', 'TensorboardVisBackend': 'tensorboard', 'MLflowVisBackend': 'mlflow',
             'ClearMLVisBackend': 'clearml', 'NeptuneVisBackend': 'neptune', 'DVCLiveVisBackend': 'dvclive',
             'AimVisBackend': 'aim', 'SwanlabVisBackend': 'swanlab'}


def trackers(draft: Draft) -> None:
    """Trackers whose distribution is not installed."""
    offered = {entry.name for entry in metadata.entry_points(group='mmengine.vis_backends')}
    for key, backends in (('visualizer.vis_backends', (draft.values.get('visualizer') or {}).get('vis_backends')),
                          ('vis_backends', draft.values.get('vis_backends'))):
        for index, backend in enumerate(backends if isinstance(backends, (list, tuple)) else ()):
            kind = backend.get('type') if isinstance(backend, dict) else None
            if kind in _TRACKERS and kind not in offered:
                where = f'{key}.{index}' if key.partition('.')[0] in draft.cfg else 'log_config'
                draft.find(where, f'pip install mmparts-{_TRACKERS[kind]}', f'{kind} is in a distribution of its own, '
                                                                            f'which is not installed.', BY_HAND)


def parameter_groups(draft: Draft) -> None:
    """Keys of `paramwise_cfg` that upstream passes over, and that are errors here."""
    if 'optim_wrapper' not in draft.cfg:
        return
    wrapper: Any = draft.values.get('optim_wrapper')
    groups: Any = (wrapper or {}).get('paramwise_cfg') if isinstance(wrapper, dict) else None
    if not isinstance(groups, dict) or wrapper.get('constructor') not in (None, 'DefaultOptimWrapperConstructor'):
        return
    for key in groups:
        if key not in PARAMWISE:
            draft.find(f'optim_wrapper.paramwise_cfg.{key}', '', f'The key is not known: mmengine 0.10 passed over it, '
                       f'here it is an error.{did_you_mean(key, PARAMWISE)}', BY_HAND)


def checkpoints(draft: Draft) -> None:
    """Checkpoints of unknown origin are read as data."""
    path = draft.values.get('load_from')
    if isinstance(path, str) and not draft.values.get('trust_checkpoint'):
        key = 'load_from' if 'load_from' in draft.cfg and draft.cfg.load_from else 'resume_from'
        draft.find(key, 'trust_checkpoint = True', 'A checkpoint that holds more than tensors and plain values is '
                   'refused, since reading it may run code; this line lets one of yours pass.', NOTE)


def randomness(draft: Draft) -> None:
    """The same seed draws other numbers in workers."""
    loader: Any = draft.values.get('train_dataloader')
    workers = loader.get('num_workers', 0) if isinstance(loader, dict) else 0
    settings = draft.values.get('randomness')
    if isinstance(settings, dict) and settings.get('seed') is not None and workers:
        key = 'randomness.seed' if 'randomness' in draft.cfg else 'seed'
        draft.find(key, '', 'Random transforms in workers are seeded batch by batch, so that a resumed run reads the '
                   'same: with the same seed they draw other numbers than with mmengine 0.10.', NOTE)
