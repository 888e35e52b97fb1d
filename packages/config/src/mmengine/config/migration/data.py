"""Data: `data` of MMCV becomes a loader for each split, and the steps of its pipelines change."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.config.migration.draft import BY_HAND, Draft
from mmengine.config.pretty import pretty

#: Arguments of a loader that mean the same today; old name -> new.
_LOADER = {'samples_per_gpu': 'batch_size', 'imgs_per_gpu': 'batch_size', 'workers_per_gpu': 'num_workers',
           'persistent_workers': 'persistent_workers', 'pin_memory': 'pin_memory', 'prefetch_factor': 'prefetch_factor',
           'drop_last': 'drop_last'}
#: Arguments of data sets -> the entry of `data_prefix` that has their place.
_PREFIXES = {'img_prefix': 'img', 'seg_prefix': 'seg', 'img_dir': 'img_path', 'ann_dir': 'seg_map_path'}
#: Type of a step -> its argument that has another name, the new name, and the types that take it.
_RENAMED = {'Resize': ('img_scale', 'scale'), 'RandomFlip': ('flip_ratio', 'prob')}
#: Steps that are gone, and what has their place.
_STEPS = {
    'Normalize': ('model.data_preprocessor = dict(type=..., mean=..., std=..., bgr_to_rgb=...)',
                  "The model's data preprocessor normalizes, on the device."),
    'Pad': ('model.data_preprocessor = dict(type=..., pad_size_divisor=...)',
            "The model's data preprocessor pads, batch by batch."),
    'DefaultFormatBundle': ("dict(type='PackDetInputs')", 'One step of the library packs inputs and data samples.'),
    'Collect': ("dict(type='PackDetInputs', meta_keys=...)", 'One step of the library packs inputs and data samples.'),
    'ImageToTensor': ("dict(type='PackDetInputs')", 'One step of the library packs inputs and data samples.'),
    'ToTensor': ("dict(type='PackInputs')", 'One step of the library packs inputs and data samples.'),
    'MultiScaleFlipAug': ("test_pipeline = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=...), ...]",
                          'The pipeline of a test is flat; augmentation at test time is tta_model and tta_pipeline.'),
}


def data(draft: Draft) -> None:
    """`data` becomes `train_dataloader`, `val_dataloader` and `test_dataloader`."""
    old = draft.pop('data')
    if not isinstance(old, dict):
        return
    shared = {new: old[name] for name, new in _LOADER.items() if name in old}
    by_epoch = (draft.values.get('train_cfg') or {}).get('by_epoch', True)
    for split in ('train', 'val', 'test'):
        if old.get(split) is None:
            continue
        loader = _loader(draft, split, shared, {**old, **(old.get(f'{split}_dataloader') or {})}, by_epoch)
        draft.put(f'{split}_dataloader', loader)
        if split != 'train':
            draft.values.setdefault(f'{split}_cfg', {})
        draft.find(f'data.{split}', {f'{split}_dataloader': loader},
                   'Each split has a loader of its own, with its batch size, workers, sampler and data set.')
    for name in _LOADER:
        if name in old:
            draft.find(f'data.{name}', {f'train_dataloader.{_LOADER[name]}': old[name]}, 'It is an argument of the '
                                                                                         'loaders.')


def _loader(draft: Draft, split: str, shared: dict[str, Any], old: dict[str, Any], by_epoch: bool) -> dict[str, Any]:
    is_train = split == 'train'
    loader: dict[str, Any] = {**shared, **{new: old[name] for name, new in _LOADER.items() if name in old}}
    own = old[split]
    if not is_train:
        nested = own.get('samples_per_gpu') if isinstance(own, dict) else None
        given = (draft.cfg.data.get(f'{split}_dataloader') or {}).get('samples_per_gpu', nested)
        loader['batch_size'] = 1 if given is None else given
    if loader.get('num_workers', 0) == 0:
        loader.pop('persistent_workers', None)
        loader.pop('prefetch_factor', None)
    sampler = 'DefaultSampler' if by_epoch or not is_train else 'InfiniteSampler'
    loader['sampler'] = dict(type=sampler, shuffle=is_train)
    loader['dataset'] = _dataset(draft, own, f'data.{split}', is_train)
    return loader


def _dataset(draft: Draft, own: Any, path: str, is_train: bool) -> Any:
    if isinstance(own, (list, tuple)):
        parts = [_dataset(draft, one, f'{path}.{index}', is_train) for index, one in enumerate(own)]
        draft.find(path, "dict(type='ConcatDataset', datasets=[...])", 'A list of data sets is a ConcatDataset.')
        return dict(type='ConcatDataset', datasets=parts)
    if not isinstance(own, dict):
        return own
    new = {key: value for key, value in own.items() if key != 'samples_per_gpu'}
    if isinstance(new.get('dataset'), dict):
        new['dataset'] = _dataset(draft, new['dataset'], f'{path}.dataset', is_train)
        return new
    for key in [key for key in new if key in _PREFIXES]:
        prefix = {_PREFIXES[key]: new.pop(key)}
        new['data_prefix'] = {**(new.get('data_prefix') or {}), **prefix}
        draft.find(f'{path}.{key}', dict(data_prefix=prefix), 'Folders of a data set are entries of its data_prefix.')
    if 'classes' in new:
        new['metainfo'] = {**(new.get('metainfo') or {}), 'classes': new.pop('classes')}
        draft.find(f'{path}.classes', dict(metainfo=new['metainfo']), 'Facts about a data set are its metainfo.')
    if not is_train:
        new['test_mode'] = True
    if isinstance(new.get('pipeline'), list):
        new['pipeline'] = [_transform(draft, step, f'{path}.pipeline.{index}')
                           for index, step in enumerate(new['pipeline'])]
    return new


def _transform(draft: Draft, step: Any, path: str) -> Any:
    if not isinstance(step, dict):
        return step
    kind = step.get('type')
    if kind in _STEPS:
        draft.find(path, *_STEPS[kind], BY_HAND)
    if kind in _RENAMED and _RENAMED[kind][0] in step:
        old, name = _RENAMED[kind]
        step = {name if key == old else key: value for key, value in step.items()}
        text = pretty({'step': step}).removeprefix('step = ').rstrip('\n')
        draft.find(path, text, f'{old} of {kind} is called {name}.')
    return step


#: Metric of `evaluation` -> the type of the metric in the library, and the argument that names it.
_METRICS = {'bbox': ('CocoMetric', 'metric'), 'segm': ('CocoMetric', 'metric'), 'proposal': ('CocoMetric', 'metric'),
            'mAP': ('VOCMetric', 'metric'), 'accuracy': ('Accuracy', None), 'mIoU': ('IoUMetric', 'iou_metrics'),
            'mDice': ('IoUMetric', 'iou_metrics')}


def evaluation(draft: Draft) -> None:
    """`evaluation` becomes the interval of the validation, its evaluator, and which checkpoint is the best."""
    old = draft.pop('evaluation')
    if not isinstance(old, dict):
        return
    new: dict[str, Any] = {}
    for name, key in (('interval', 'train_cfg.val_interval'), ('start', 'train_cfg.val_begin'),
                      ('save_best', 'default_hooks.checkpoint.save_best'), ('rule', 'default_hooks.checkpoint.rule')):
        if old.get(name) is not None:
            new[key] = old[name]
            draft.put(key, old[name])
    if 'default_hooks' in draft.values:
        draft.values['default_hooks'].setdefault('checkpoint', {}).setdefault('type', 'CheckpointHook')
    draft.find('evaluation', new, 'Validation is a loop of its own; its interval is one of train_cfg.')
    if 'val_evaluator' in draft.values or 'val_dataloader' not in draft.values:
        return
    metrics = list(_metrics(draft, old))
    evaluator = metrics[0] if len(metrics) == 1 else metrics
    draft.find('evaluation', dict(val_evaluator=evaluator or dict(type='...')),
               'What is measured is no method of the data set any more, but metrics of an evaluator: look at the '
               "library's list of them.", BY_HAND)
    if metrics:
        draft.put('val_evaluator', evaluator)
        if 'test_dataloader' in draft.values:
            draft.put('test_evaluator', evaluator)


def _metrics(draft: Draft, old: dict[str, Any]) -> Iterator[dict[str, Any]]:
    named = old.get('metric')
    found: dict[str, list[str]] = {}
    for name in [named] if isinstance(named, str) else named or []:
        if name in _METRICS:
            found.setdefault(_METRICS[name][0], []).append(name)
    dataset = draft.values['val_dataloader']['dataset']
    for kind, names in found.items():
        argument = next(argument for metric, argument in _METRICS.values() if metric == kind)
        metric: dict[str, Any] = dict(type=kind)
        if argument is not None:
            metric[argument] = names if argument == 'iou_metrics' or len(names) > 1 else names[0]
        if kind == 'CocoMetric' and isinstance(dataset, dict) and dataset.get('ann_file'):
            metric['ann_file'] = dataset['ann_file']
        yield metric
