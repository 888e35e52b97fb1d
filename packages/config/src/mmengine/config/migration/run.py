"""Hooks, logging, checkpoints, and the environment of a run."""
from __future__ import annotations

from typing import Any

from mmengine.config.migration.draft import BY_HAND, Draft
from mmengine.config.migration.log_config import take_log_config

#: Keys that only the training scripts of MMCV's libraries read.
_GONE = {
    'gpu_ids': 'The launcher chooses devices: CUDA_VISIBLE_DEVICES.',
    'gpus': 'The launcher chooses devices: CUDA_VISIBLE_DEVICES.',
    'device': 'The runner takes the accelerator that is there.',
    'total_batch_size': 'auto_scale_lr.base_batch_size has its place.',
    'meta': 'The runner makes it.',
}
_WRAPPED = 'The wrapper of the optimizer does this.'
#: Hooks of MMCV's libraries -> what has their place.
_HOOKS: dict[str, tuple[str, str]] = {
    'ExpMomentumEMAHook': ("dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=..., gamma=...)",
                           'One EMAHook takes the kind of average as ema_type. Its momentum weighs the new value.'),
    'LinearMomentumEMAHook': ("dict(type='EMAHook', ema_type='MomentumAnnealingEMA', momentum=...)",
                              'One EMAHook takes the kind of average as ema_type.'),
    'SyncRandomSizeHook': ("model.data_preprocessor.batch_augments = [dict(type='BatchSyncRandomResize', ...)]",
                           'Sizes of batches are changed by the data preprocessor.'),
    'EvalHook': ('train_cfg = dict(val_interval=...)', 'Validation is a loop and no hook.'),
    'DistEvalHook': ('train_cfg = dict(val_interval=...)', 'Validation is a loop and no hook.'),
    'OptimizerHook': ("optim_wrapper = dict(type='OptimWrapper', ...)", _WRAPPED),
    'Fp16OptimizerHook': ("optim_wrapper = dict(type='AmpOptimWrapper', ...)", _WRAPPED),
}
_EMA = ('warm_up', 'resume_from', 'interval_iters')


def checkpoints(draft: Draft) -> None:
    """`checkpoint_config` becomes the hook `default_hooks.checkpoint`."""
    old = draft.pop('checkpoint_config')
    if not isinstance(old, dict):
        return
    hook = {'type': 'CheckpointHook', **{key: value for key, value in old.items()
                                         if key not in ('type', 'create_symlink', 'meta')}}
    if not (draft.values.get('train_cfg') or {}).get('by_epoch', True):
        hook.setdefault('by_epoch', False)  # as MMCV's runner by iterations had it
    known = (draft.values.get('default_hooks') or {}).get('checkpoint') or {}
    draft.put('default_hooks.checkpoint', {**hook, **known})
    draft.find('checkpoint_config', {'default_hooks.checkpoint': hook},
               'Saving is a hook. The file last_checkpoint has the place of the link latest.pth.')


def logging(draft: Draft) -> None:
    """`log_config` becomes the logger hook and the backends of the visualizer, as the runner does it by itself."""
    if draft.values.get('log_config') is None:
        draft.pop('log_config')
        return
    try:
        moved = take_log_config(draft.values)
    except (TypeError, KeyError) as error:
        draft.find('log_config', '', str(error.args[0]), BY_HAND)
        return
    places: dict[str, Any] = {key: draft.values[key] for key in ('visualizer', 'log_processor') if key in draft.values}
    hook = (draft.values.get('default_hooks') or {}).get('logger')
    draft.find('log_config', {**({'default_hooks.logger': hook} if hook else {}), **places},
               f'Logging is a hook, and trackers are backends of the visualizer: {"; ".join(moved) or "nothing left"}.')


def hooks(draft: Draft) -> None:
    """Custom hooks that have another name or form today."""
    for index, hook in enumerate(draft.values.get('custom_hooks') or ()):
        kind = hook.get('type') if isinstance(hook, dict) else None
        if kind in _HOOKS:
            draft.find(f'custom_hooks.{index}', *_HOOKS[kind], BY_HAND)
        elif kind == 'EMAHook' and any(key in hook for key in _EMA):
            draft.find(f'custom_hooks.{index}',
                       "dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=...)",
                       f'EMAHook has no {", ".join(key for key in _EMA if key in hook)}: the average is in the '
                       f'checkpoint, and begins at begin_epoch or begin_iter.', BY_HAND)


def workflow(draft: Draft) -> None:
    """`workflow` is gone: training validates by `train_cfg.val_interval`, with losses where it is told to."""
    old = draft.pop('workflow')
    if old is None:
        return
    why = 'A training validates every train_cfg.val_interval epochs or iterations.'
    if any(step and step[0] == 'val' for step in old):
        draft.put('val_cfg.compute_loss', True)
        draft.find('workflow', dict(val_cfg=dict(compute_loss=True)), f'{why} With compute_loss it has the losses of '
                                                                      f'the model, which a val step of workflow had.')
    else:
        draft.find('workflow', '', why)


def environment(draft: Draft) -> None:
    """Settings of processes, seeds and devices."""
    moves = (('dist_params', 'env_cfg.dist_cfg'), ('cudnn_benchmark', 'env_cfg.cudnn_benchmark'),
             ('opencv_num_threads', 'env_cfg.mp_cfg.opencv_num_threads'),
             ('mp_start_method', 'env_cfg.mp_cfg.mp_start_method'), ('seed', 'randomness.seed'),
             ('deterministic', 'randomness.deterministic'))
    for old, new in moves:
        if old in draft.values:
            value = draft.pop(old)
            if value is not None:
                draft.put(new, value)
            draft.find(old, {new: value} if value is not None else '', f'It is {new}.')
    for key, why in _GONE.items():
        if key in draft.values and (key != 'device' or isinstance(draft.values[key], str)):
            draft.pop(key)
            draft.find(key, '', why)


def resuming(draft: Draft) -> None:
    """`resume_from` and `auto_resume` become `load_from` and `resume`."""
    path = draft.pop('resume_from')
    automatic = draft.pop('auto_resume')
    if path:
        new: dict[str, Any] = dict(load_from=path, resume=True)
        draft.values.update(new)
        draft.find('resume_from', new, 'resume says whether a run goes on, load_from from where.')
    elif 'resume_from' in draft.cfg:
        draft.find('resume_from', '', 'resume says whether a run goes on, load_from from where.')
    if automatic:
        draft.put('resume', True)
    if 'auto_resume' in draft.cfg:
        draft.find('auto_resume', dict(resume=bool(automatic)), 'resume without load_from takes the newest checkpoint '
                                                                'of the work_dir that is whole.')


def pretrained(draft: Draft) -> None:
    """`model.pretrained` becomes the initialisation of the backbone."""
    model = draft.values.get('model')
    if not isinstance(model, dict) or 'pretrained' not in model:
        return
    backbone = model.get('backbone')
    path = model['pretrained']
    if path is None or (isinstance(backbone, dict) and backbone.get('init_cfg') is None):
        del model['pretrained']
        new = dict(type='Pretrained', checkpoint=path)
        if path is not None and isinstance(backbone, dict):
            backbone['init_cfg'] = new
        draft.find('model.pretrained', {} if path is None else {'model.backbone.init_cfg': new},
                   'Weights to begin with are an init_cfg.')
