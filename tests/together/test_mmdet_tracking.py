"""A detector's run with `MMDetWandbHook`: what the offline run of Weights & Biases then holds."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, InstanceData

SIZE = (48, 64)
COUNT = 6


def a_picture(index: int) -> np.ndarray:
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[10:30, 10 + index:40 + index] = (200, 10 * index, 0)
    return picture


class Pictures(BaseDataset):
    """Rectangles in files, each with its box and its mask."""

    METAINFO = dict(classes=('box', 'tall box'))

    def __init__(self, folder: Path, **kwargs: Any) -> None:
        self.folder = folder
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        found = []
        for index in range(COUNT):
            path = self.folder / f'picture_{index}.png'
            Image.fromarray(a_picture(index)).save(path)
            found.append(dict(img_path=str(path), bbox=[10. + index, 10., 40. + index, 30.], bbox_label=index % 2))
        return found

    def prepare_data(self, idx: int) -> dict[str, Any]:
        info = self.get_data_info(idx)
        mask = torch.zeros(1, *SIZE, dtype=torch.bool)
        mask[0, 10:30, 10 + idx:40 + idx] = True
        truth = InstanceData(bboxes=torch.tensor([info['bbox']]), labels=torch.tensor([info['bbox_label']]), masks=mask)
        sample = BaseDataElement(metainfo=dict(img_path=info['img_path'], ori_shape=SIZE))
        sample.gt_instances = truth
        return dict(inputs=torch.zeros(3, *SIZE), data_samples=sample)


class Detector(BaseModel):
    """Finds every rectangle, and one thing more with a low score."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        if mode == 'loss':
            return dict(loss=self.weight.square().sum())
        for sample in data_samples:
            truth = sample.gt_instances
            sample.pred_instances = InstanceData(
                bboxes=torch.cat([truth.bboxes + 1, torch.zeros(1, 4)]), scores=torch.tensor([0.875, 0.25]),
                labels=torch.cat([truth.labels, torch.zeros(1, dtype=torch.long)]), masks=truth.masks.repeat(2, 1, 1))
        return data_samples


class Overlap(BaseMetric):
    """How many objects were found."""

    default_prefix = 'coco'

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += [len(sample['pred_instances']['scores']) / 2 for sample in data_samples]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return dict(bbox_mAP=sum(results) / len(results))


@pytest.fixture
def cfg(tmp_path: Path) -> dict[str, Any]:
    for registry, kind in ((DATASETS, Pictures), (MODELS, Detector), (METRICS, Overlap)):
        registry.register_module(module=kind, force=True)
    loader = dict(batch_size=2, num_workers=0, dataset=dict(type='Pictures', folder=tmp_path),
                  sampler=dict(type='DefaultSampler', shuffle=False), collate_fn=dict(type='pseudo_collate'))
    return dict(
        model=dict(type='Detector'), work_dir=str(tmp_path / 'work'), train_dataloader=loader, val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=2), val_cfg={}, val_evaluator=dict(type='Overlap'),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.25)), default_scope='mmengine',
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, save_best='auto', max_keep_ckpts=1)),
        visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]))


@pytest.fixture
def wandb_tests(tests_of: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    for name in ('DATA', 'CACHE', 'CONFIG'):
        monkeypatch.setenv(f'WANDB_{name}_DIR', str(tmp_path / name))
    monkeypatch.setenv('WANDB_ERROR_REPORTING', 'false')
    return tests_of('wandb')


def the_records(wandb_tests: Any, folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in wandb_tests.inspect(wandb_tests.the_run(folder)).splitlines()]


def content(artifact: dict[str, Any]) -> dict[str, str]:
    """Where the bytes of an artifact are that has not been uploaded; what is referred to has none."""
    return {entry['path']: entry['local_path'] for entry in artifact['manifest']['contents'] if 'local_path' in entry}


def digests(artifact: dict[str, Any], end: str) -> dict[str, str]:
    return {entry['path']: entry['digest'] for entry in artifact['manifest']['contents']
            if entry['path'].endswith(end)}


def test_the_run_of_the_hook(cfg: dict[str, Any], wandb_tests: Any) -> None:
    hook = dict(type='MMDetWandbHook', init_kwargs={**wandb_tests.OFFLINE, 'project': 'mmdetection', 'id': 'run1'},
                interval=2, log_checkpoint=True, num_eval_images=COUNT + 1)
    with pytest.warns(DeprecationWarning, match='MMDetWandbHook to custom_hooks'):  # as configs of MMDetection 2 say it
        runner = Runner.from_cfg({**cfg, 'log_config': dict(hooks=[dict(type='TextLoggerHook'), hook])})
    runner.train()
    folder = Path(runner.log_dir, 'vis_data')
    facts = json.loads(wandb_tests.inspect(wandb_tests.the_run(folder), '--summary'))
    assert (facts['state'], facts['project']) == ('finished', 'mmdetection')
    assert facts['config']['model'] == {'type': 'Detector'}
    scalars = wandb_tests.read_runs(folder).scalars
    assert [step for step, _ in scalars['loss']] == [2, 4, 6, 8]
    assert scalars['coco/bbox_mAP'] == [(6, 1.0), (9, 1.0)]  # on the axis of the training

    artifacts = [record['artifact'] for record in the_records(wandb_tests, folder) if record['type'] == 'artifact']
    facts = [(artifact['name'], artifact['type'], sorted(artifact.get('aliases', ()))) for artifact in artifacts
             if artifact['type'] != 'run_table']
    pred, model = 'run_run1_pred', 'run_run1_model'
    assert sorted(facts) == sorted([
        ('run_run1_config', 'config', ['latest']), ('val', 'dataset', ['latest']),
        (pred, 'evaluation', ['epoch_2', 'latest']), (pred, 'evaluation', ['epoch_3', 'latest']),
        *((model, 'model', [f'epoch_{epoch}', 'latest']) for epoch in (1, 2, 3))])

    models = [artifact for artifact in artifacts if artifact['name'] == model]
    assert [json.loads(artifact['metadata']) for artifact in models] == [
        {'epoch': 1}, {'epoch': 2, 'coco/bbox_mAP': 1.0}, {'epoch': 3, 'coco/bbox_mAP': 1.0}]
    for epoch, artifact in enumerate(models, 1):
        file = content(artifact)[f'epoch_{epoch}.pth']
        assert torch.load(file, weights_only=False)['meta']['epoch'] == epoch  # though only one is kept in work_dir
    check_tables(wandb_tests, folder)


def check_tables(wandb_tests: Any, folder: Path) -> None:
    artifacts = [record['artifact'] for record in the_records(wandb_tests, folder) if record['type'] == 'artifact']
    truth, first, second = [artifact for artifact in artifacts if artifact['name'] in ('val', 'run_run1_pred')]
    table = json.loads(Path(content(truth)['val_data.table.json']).read_text())
    assert table['columns'] == ['image_name', 'image']
    assert [row[0] for row in table['data']] == [f'picture_{index}.png' for index in range(COUNT)]
    for index, (_, image) in enumerate(table['data']):
        kept = np.asarray(Image.open(content(truth)[image['path']]))
        assert (kept == a_picture(index)).all()
        box, = image['boxes']['ground_truth']
        assert box['position'] == {'minX': 10 + index, 'minY': 10, 'maxX': 40 + index, 'maxY': 30}
        label = 1 + index % 2
        assert (box['class_id'], box['domain']) == (label, 'pixel')
        name, = image['masks']
        assert name == ('ground_truth_box' if label == 1 else 'ground_truth_tall_box')
        mask = np.asarray(Image.open(content(truth)[image['masks'][name]['path']]))
        assert mask[15, 20 + index] == label
        assert mask[0, 0] == 0

    table = json.loads(Path(content(first)['eval_data.table.json']).read_text())
    assert table['columns'] == ['image_name', 'ground_truth', 'prediction']
    for index, (name, shown, prediction) in enumerate(table['data']):
        assert name == f'picture_{index}.png'
        assert shown['path'] == prediction['path']  # one image, with two sets of layers
        box, = prediction['boxes']['predictions']
        assert box['box_caption'] == ('box 0.88' if index % 2 == 0 else 'tall box 0.88')
        assert box['scores'] == {'score': 0.875}
        assert box['position']['minX'] == 11 + index
        assert list(prediction['masks']) == ['predictions_box' if index % 2 == 0 else 'predictions_tall_box']
    images = [digests(artifact, '.png') for artifact in (truth, first, second)]
    assert images[1] == images[2]
    assert set(images[0].values()) <= set(images[1].values())  # the bytes that are there already


def test_any_tracker_of_the_run(cfg: dict[str, Any], tmp_path: Path) -> None:
    """The same hook beside a run's own backends, by iteration, with the artifacts in files."""
    cfg.update(custom_hooks=[dict(type='DetTrackingHook', log_checkpoint=True, num_eval_images=2)],
               train_cfg=dict(by_epoch=False, max_iters=5, val_interval=4), log_processor=dict(by_epoch=False),
               train_dataloader={**cfg['train_dataloader'], 'sampler': dict(type='InfiniteSampler', shuffle=False)},
               default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False)))
    runner = Runner.from_cfg(cfg)
    runner.train()
    folder = Path(runner.log_dir, 'vis_data')
    kept = [json.loads(line) for line in (folder / 'artifacts.json').read_text().splitlines()]
    found = [(fact['name'].rpartition('_')[2], sorted(fact['aliases']), fact['metadata']) for fact in kept]
    assert found == [
        ('model', ['iter_2', 'latest'], {'iter': 2}), ('val', [], {}), ('pred', ['iter_4', 'latest'], {}),
        ('model', ['iter_4', 'latest'], {'iter': 4, 'coco/bbox_mAP': 1.0}), ('pred', ['iter_5', 'latest'], {}),
        ('model', ['iter_5', 'latest'], {'iter': 5, 'coco/bbox_mAP': 1.0})]
    assert len(list((folder / 'tables').rglob('*_prediction.png'))) == 4


def test_a_run_that_breaks_keeps_its_checkpoint(cfg: dict[str, Any], wandb_tests: Any) -> None:
    class Break:
        priority = 'HIGHEST'

        def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
            if runner.iter == 4:
                raise ValueError('a bad batch')

    hook = dict(type='MMDetWandbHook', init_kwargs=wandb_tests.OFFLINE, log_checkpoint=True, num_eval_images=0)
    runner = Runner.from_cfg({**cfg, 'custom_hooks': [hook]})
    runner.register_hook(Break())
    with pytest.raises(ValueError, match='a bad batch'):
        runner.train()
    folder = Path(runner.log_dir, 'vis_data')
    facts = json.loads(wandb_tests.inspect(wandb_tests.the_run(folder), '--summary'))
    assert facts['state'] == 'failed'
    assert any(record['type'] == 'artifact' and record['artifact']['type'] == 'model'
               for record in the_records(wandb_tests, folder))
