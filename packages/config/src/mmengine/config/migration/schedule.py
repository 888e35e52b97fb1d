"""Optimizer, learning rate and length of the training."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.config.migration.draft import BY_HAND, Draft

_ACCUMULATING = ('GradientCumulativeOptimizerHook', 'GradientCumulativeFp16OptimizerHook')
_HALF = ('Fp16OptimizerHook', 'GradientCumulativeFp16OptimizerHook')
#: Arguments of MMCV's hook that changed how gradients were summed over ranks; DDP does that by itself.
_GONE = frozenset({'type', 'grad_clip', 'coalesce', 'bucket_size_mb', 'loss_scale', 'distributed', 'cumulative_iters'})


def length(draft: Draft) -> None:
    """`runner`, `total_epochs` and `total_iters` become `train_cfg`."""
    runner, epochs, iters = draft.pop('runner'), draft.pop('total_epochs'), draft.pop('total_iters')
    if isinstance(runner, dict):
        epochs, iters = runner.get('max_epochs', epochs), runner.get('max_iters', iters)
    if epochs is None and iters is None:
        return
    by_epoch = iters is None
    new = dict(by_epoch=True, max_epochs=epochs) if by_epoch else dict(by_epoch=False, max_iters=iters)
    draft.put('train_cfg', new)
    key = 'runner' if runner is not None else 'total_epochs' if by_epoch else 'total_iters'
    draft.find(key, dict(train_cfg=new), 'The length of the training is a matter of its loop, train_cfg.')
    kind = runner.get('type') if isinstance(runner, dict) else None
    if kind not in (None, 'EpochBasedRunner', 'IterBasedRunner'):
        draft.find('runner', '', f'There is one Runner; what {kind} did in its loop belongs into a loop, '
                                 f'train_cfg.type, registered in LOOPS.', BY_HAND)
    if not by_epoch:
        draft.put('log_processor', {'by_epoch': False, **(draft.values.get('log_processor') or {})})


def model_settings(draft: Draft) -> None:
    """`train_cfg` and `test_cfg` that speak of the model belong into it."""
    for key in ('train_cfg', 'test_cfg'):
        value = draft.values.get(key)
        if not isinstance(value, dict) or not value or {'by_epoch', 'type', 'max_epochs', 'max_iters', 'fp16',
                                                        'val_interval', 'compute_loss'} & value.keys():
            continue
        model = draft.values.get('model')
        if isinstance(model, dict) and not model.get(key):
            model[key] = draft.pop(key)
            draft.find(key, {f'model.{key}': value}, f'{key} at the top is the loop today; settings of the model are '
                                                     f'in the model.')


def optimizer(draft: Draft) -> None:
    """`optimizer`, `optimizer_config` and `fp16` become `optim_wrapper`."""
    if 'optimizer' not in draft.values or 'optim_wrapper' in draft.values:
        return
    own = draft.values['optimizer']
    if not isinstance(own, dict) or 'type' not in own:
        draft.find('optimizer', '', 'Several optimizers need an OptimWrapperDict, built by a constructor of yours '
                                    '(optim_wrapper.constructor), and a train_step that updates each.', BY_HAND)
        return
    draft.pop('optimizer')
    inner = dict(own)
    wrapper: dict[str, Any] = dict(type='OptimWrapper', optimizer=inner)
    for key in ('constructor', 'paramwise_cfg'):
        if key in inner:
            wrapper[key] = inner.pop(key)
    config, half = draft.pop('optimizer_config') or {}, draft.pop('fp16')
    _take_optimizer_config(draft, wrapper, config)
    if half is not None or config.get('type') in _HALF:
        scale = half.get('loss_scale') if isinstance(half, dict) else config.get('loss_scale')
        wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic' if scale is None else scale)
    draft.put('optim_wrapper', wrapper)
    draft.find('optimizer', dict(optim_wrapper=wrapper), 'The optimizer is in a wrapper, which also clips and '
                                                         'accumulates gradients and trains in mixed precision.')
    for key, value in (('optimizer_config', config), ('fp16', half)):
        if value:
            draft.find(key, '', 'It is part of optim_wrapper, which see.')


def _take_optimizer_config(draft: Draft, wrapper: dict[str, Any], config: dict[str, Any]) -> None:
    if config.get('grad_clip'):
        wrapper['clip_grad'] = config['grad_clip']
    kind = config.get('type', 'OptimizerHook')
    if kind in _ACCUMULATING:
        wrapper['accumulative_counts'] = config.get('cumulative_iters', 1)
    others = sorted(config.keys() - _GONE)
    if others or kind not in ('OptimizerHook', *_ACCUMULATING, *_HALF):
        draft.find('optimizer_config', '', f'What {kind} does with {", ".join(others) or "gradients"} belongs into an '
                                           f'OptimWrapper of yours, optim_wrapper.type.', BY_HAND)


def rates(draft: Draft) -> None:
    """`lr_config` becomes `param_scheduler`, a list of schedulers that multiply each other."""
    old = draft.values.get('lr_config')
    if draft.values.get('momentum_config') is None:
        draft.pop('momentum_config')
    else:
        draft.find('momentum_config', "param_scheduler = [..., dict(type='CosineAnnealingMomentum', ...)]",
                   'Schedules of the momentum are schedulers of param_scheduler, whose types end in Momentum.', BY_HAND)
    if not isinstance(old, dict):
        return
    loop = draft.values.get('train_cfg') or {}
    loop_by_epoch = loop.get('by_epoch', True)
    main = _scheduler(old, loop.get('max_epochs' if loop_by_epoch else 'max_iters'), loop_by_epoch)
    if main is None:
        draft.find('lr_config', "param_scheduler = [dict(type='LambdaLR', ...)]",
                   f'The policy {old.get("policy")!r} has no scheduler that does the very same with these arguments.',
                   BY_HAND)
        return
    draft.pop('lr_config')
    warmup = _warmup(draft, old)
    new = [*warmup, *([main] if main else [])]
    draft.put('param_scheduler', new)
    draft.find('lr_config', dict(param_scheduler=new), 'Each stage of the schedule is a scheduler of its own, with '
                                                       'begin and end.')


def _scheduler(old: dict[str, Any], last: int | None, loop_by_epoch: bool) -> dict[str, Any] | None:
    """Make the scheduler of the time after the warm-up; nothing where the rate stays, None where there is none."""
    make = _POLICIES.get(str(old.get('policy')))
    by_epoch = old.get('by_epoch', loop_by_epoch)
    if make is None or (by_epoch and not loop_by_epoch):  # epochs, in a training that counts iterations
        return None
    main = make(old, last)
    if not main:
        return main
    if loop_by_epoch and not by_epoch and make in (_cosine, _poly):  # their end is known in epochs alone
        return {**main, 'by_epoch': True, 'convert_to_iter_based': True}
    return {**main, 'by_epoch': by_epoch}


def _warmup(draft: Draft, old: dict[str, Any]) -> list[dict[str, Any]]:
    kind = old.get('warmup')
    if kind is None:
        return []
    ratio = old.get('warmup_ratio', 0.1)
    span = dict(begin=0, end=old.get('warmup_iters', 0), by_epoch=bool(old.get('warmup_by_epoch', False)))
    if kind == 'constant':
        return [dict(type='ConstantLR', factor=ratio, **span)]
    if kind == 'exp':
        draft.find('lr_config.warmup', 'dict(type=\'LinearLR\', ...)', 'There is no exponential warm-up: a linear one '
                   'of the same length has its place, with other values in between.', BY_HAND)
    return [dict(type='LinearLR', start_factor=ratio, **span)]


def _step(old: dict[str, Any], last: int | None) -> dict[str, Any] | None:
    if 'min_lr' in old:
        return None
    step, gamma = old.get('step'), old.get('gamma', 0.1)
    if isinstance(step, int):
        return dict(type='StepLR', step_size=step, gamma=gamma)
    return dict(type='MultiStepLR', milestones=step, gamma=gamma) if step else None


def _cosine(old: dict[str, Any], last: int | None) -> dict[str, Any] | None:
    if last is None:
        return None
    low = dict(eta_min_ratio=old['min_lr_ratio']) if old.get('min_lr_ratio') is not None else dict(
        eta_min=old.get('min_lr', 0.0))
    return dict(type='CosineAnnealingLR', T_max=last, **low)


def _poly(old: dict[str, Any], last: int | None) -> dict[str, Any] | None:
    return None if last is None else dict(type='PolyLR', power=old.get('power', 1.0), eta_min=old.get('min_lr', 0.0),
                                          begin=0, end=last)


def _exp(old: dict[str, Any], last: int | None) -> dict[str, Any] | None:
    return dict(type='ExponentialLR', gamma=old['gamma']) if 'gamma' in old else None


def _restart(old: dict[str, Any], last: int | None) -> dict[str, Any] | None:
    if 'periods' not in old:
        return None
    low = dict(eta_min_ratio=old['min_lr_ratio']) if old.get('min_lr_ratio') is not None else dict(
        eta_min=old.get('min_lr', 0.0))
    return dict(type='CosineRestartLR', periods=old['periods'], restart_weights=old.get('restart_weights', [1]), **low)


#: Policy -> what makes its scheduler: None where there is no equal one, nothing where the rate stays.
_POLICIES: dict[str, Callable[[dict[str, Any], int | None], dict[str, Any] | None]] = {
    'step': _step, 'CosineAnnealing': _cosine, 'poly': _poly, 'exp': _exp, 'CosineRestart': _restart,
    'fixed': lambda old, last: {},
}
