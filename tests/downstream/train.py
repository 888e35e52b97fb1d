"""Train a released config of one library for a few steps on pictures made here, then resume.

    python train.py mmpretrain|mmdet|mmseg FOLDER

The config is the library's own: its model, pipelines, hooks, visualizer and evaluator. Only where the data lie, how
many there are and how long it trains is changed, as a user would.
"""
from __future__ import annotations

import importlib.util
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import stand_ins
import torch


def pictures(folder: Path, count: int, size: int) -> list[tuple[Path, int]]:
    """Write pictures of a bright square in one of four corners; give each with its corner."""
    import cv2
    random = np.random.default_rng(0)
    found = []
    for number in range(count):
        corner = number % 4
        pixels = random.integers(0, 60, (size, size, 3), dtype=np.uint8)
        top, left = corner // 2 * size // 2, corner % 2 * size // 2
        pixels[top:top + size // 2, left:left + size // 2] += 150
        file = folder / f'corner{corner}' / f'{number}.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), pixels)
        found.append((file, corner))
    return found


def square(corner: int, size: int) -> list[int]:
    """Give left, top, width and height of the square in a corner."""
    return [corner % 2 * size // 2, corner // 2 * size // 2, size // 2, size // 2]


def mmpretrain(cfg: Any, folder: Path) -> str:
    """ResNet-18 on a folder of pictures for each class."""
    pictures(folder / 'data', 32, 32)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        pipeline = [dict(type='LoadImageFromFile'), *loader.dataset.pipeline]
        loader.dataset = dict(type='CustomDataset', data_prefix=str(folder / 'data'), pipeline=pipeline)
    cfg.default_hooks.visualization.update(enable=True, interval=1)
    return 'accuracy/top1'


def mmdet(cfg: Any, folder: Path) -> str:
    """RetinaNet on annotations in the format of COCO."""
    size = 96
    found = pictures(folder / 'data', 8, size)
    annotations = folder / 'annotations.json'
    annotations.write_text(json.dumps({
        'categories': [{'id': 1, 'name': 'square'}],
        'images': [{'id': n, 'file_name': str(file.relative_to(folder / 'data')), 'width': size, 'height': size}
                   for n, (file, _) in enumerate(found)],
        'annotations': [{'id': n + 1, 'image_id': n, 'category_id': 1, 'bbox': square(corner, size), 'iscrowd': 0,
                         'area': size * size // 4} for n, (_, corner) in enumerate(found)]}))
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.update(ann_file=str(annotations), data_root='', data_prefix=dict(img=str(folder / 'data')),
                              metainfo=dict(classes=('square', )))
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (128, 128)
    cfg.val_evaluator.ann_file = cfg.test_evaluator.ann_file = str(annotations)
    cfg.model.bbox_head.num_classes = 1
    cfg.model.test_cfg.score_thr = 0.0  # after a few steps it is sure of nothing
    cfg.default_hooks.visualization.update(draw=True, interval=1)
    return 'coco/bbox_mAP'


def mmseg(cfg: Any, folder: Path) -> str:
    """FCN with a small U-Net on a mask for each picture."""
    import cv2
    size = 64
    for file, corner in pictures(folder / 'data', 8, size):
        left, top, width, height = square(corner, size)
        mask = np.zeros((size, size), dtype=np.uint8)
        mask[top:top + height, left:left + width] = 1
        target = folder / 'masks' / file.relative_to(folder / 'data')
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), mask)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        pipeline = loader.dataset.get('pipeline') or loader.dataset.dataset.pipeline
        for step in pipeline:
            if step.type in ('Resize', 'RandomResize'):
                step.scale = (size, size)
            if step.type == 'RandomCrop':
                step.crop_size = (size, size)
        loader.dataset = dict(type='BaseSegDataset', data_root=str(folder), pipeline=pipeline, img_suffix='.png',
                              data_prefix=dict(img_path='data', seg_map_path='masks'),
                              metainfo=dict(classes=('ground', 'square'), palette=[[0, 0, 0], [255, 255, 255]]))
    cfg.model.data_preprocessor.size = (size, size)
    cfg.model.test_cfg.update(crop_size=(size, size), stride=(size // 2, size // 2))
    cfg.default_hooks.visualization.update(draw=True, interval=1)
    cfg.val_evaluator.iou_metrics = cfg.test_evaluator.iou_metrics = ['mIoU']
    return 'mIoU'


#: library -> the config that is trained, what changes in it
LIBRARIES: dict[str, tuple[str, Callable[[Any, Path], str]]] = {
    'mmpretrain': ('resnet/resnet18_8xb16_cifar10.py', mmpretrain),
    'mmdet': ('retinanet/retinanet_r18_fpn_1x_coco.py', mmdet),
    'mmseg': ('unet/unet-s5-d16_fcn_4xb4-40k_chase-db1-128x128.py', mmseg),
}


def short(cfg: Any, steps: int) -> None:
    """Train for a few steps with one evaluation in the middle and one at the end."""
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps, val_interval=steps // 2)
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=steps // 2)
    cfg.default_hooks.logger.interval = 1
    cfg.param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=steps)]
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.num_workers, loader.persistent_workers = 0, False
    cfg.train_dataloader.batch_size = 4


def without_weights(value: Any) -> None:
    """Take the addresses of weights to download out of a model."""
    if isinstance(value, dict):
        if isinstance(value.get('init_cfg'), dict) and value['init_cfg'].get('type') == 'Pretrained':
            value['init_cfg'] = None
        for item in value.values():
            without_weights(item)


def config(library: str, folder: Path, steps: int) -> tuple[Any, str]:
    """Load the library's config and make it small; give it and the metric to look at."""
    from mmengine.config import Config
    root = Path(str(importlib.util.find_spec(library).origin)).parent  # type: ignore[union-attr]
    name, change = LIBRARIES[library]
    cfg = Config.fromfile(root / '.mim' / 'configs' / name)
    if cfg.get('data_preprocessor') is not None:  # as the libraries' own tools/train.py do
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    short(cfg, steps)
    metric = change(cfg, folder)
    without_weights(cfg.model)
    cfg.work_dir, cfg.randomness, cfg.launcher = str(folder / 'work'), dict(seed=0), 'none'
    return cfg, metric


def main() -> None:
    """Train, resume from the middle, and compare."""
    library, folder = sys.argv[1], Path(sys.argv[2])
    stand_ins.install()
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    from mmengine.runner import Runner
    cfg, metric = config(library, folder, steps=6)
    whole = Runner.from_cfg(cfg)
    before = {name: value.clone() for name, value in whole.model.state_dict().items()}
    whole.train()
    scores = whole.test()
    trained = whole.model.state_dict()
    assert any(not torch.equal(before[name], trained[name]) for name in before), 'nothing was learnt'
    assert any(metric in key for key in scores), f'no {metric} in {scores}'
    assert list(Path(whole.log_dir).rglob('*.png')), 'the visualizer drew nothing'

    cfg.load_from, cfg.resume = str(folder / 'work' / 'iter_3.pth'), True
    cfg.work_dir, cfg.experiment_name = str(folder / 'resumed'), 'resumed'
    resumed = Runner.from_cfg(cfg)
    resumed.train()
    assert resumed.iter == 6, resumed.iter
    other = resumed.model.state_dict()
    same = sum(torch.equal(trained[name], other[name]) for name in trained)
    (folder / 'result.json').write_text(json.dumps({'metric': metric, 'tensors': len(trained), 'same': same}))


if __name__ == '__main__':
    main()
