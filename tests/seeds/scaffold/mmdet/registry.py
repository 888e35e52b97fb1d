"""Registries of the scope, and under the names of MMDetection a detector, pictures, and a metric of their own."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import BatchSampler

from mmengine import registry as root
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import Registry
from mmengine.structures import BaseDataElement, InstanceData
from mmengine.visualization import Visualizer

COUNT, SIZE = 8, (32, 48)
MODELS = Registry('model', parent=root.MODELS, scope='mmdet')
DATASETS = Registry('dataset', parent=root.DATASETS, scope='mmdet')
DATA_SAMPLERS = Registry('data sampler', parent=root.DATA_SAMPLERS, scope='mmdet')
METRICS = Registry('metric', parent=root.METRICS, scope='mmdet')
HOOKS = Registry('hook', parent=root.HOOKS, scope='mmdet')
VISUALIZERS = Registry('visualizer', parent=root.VISUALIZERS, scope='mmdet')


@DATA_SAMPLERS.register_module()
class AspectRatioBatchSampler(BatchSampler):
    """Batches as they come."""

    def __init__(self, sampler: Any, batch_size: int) -> None:
        super().__init__(sampler, batch_size, drop_last=False)


@VISUALIZERS.register_module()
class DetLocalVisualizer(Visualizer):
    """As the one it stands for, without drawing."""


@HOOKS.register_module()
class DetVisualizationHook(Hook):
    """Draws nothing unless it is told to, as the one it stands for."""


@DATASETS.register_module()
class CocoDataset(BaseDataset):
    """Rectangles on black, in files below `pictures`, with their boxes."""

    METAINFO = dict(classes=('box', 'tall box'))

    def __init__(self, **settings: Any) -> None:
        super().__init__(test_mode=settings.get('test_mode', False), serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Draw them."""
        folder = Path('pictures')
        folder.mkdir(exist_ok=True)
        found = []
        for index in range(COUNT):
            picture = np.zeros((*SIZE, 3), np.uint8)
            picture[8:20, 4 + index:20 + index] = 200
            Image.fromarray(picture).save(folder / f'{index}.png')
            found.append(dict(img_path=str(folder / f'{index}.png'), box=[4. + index, 8., 20. + index, 20.]))
        return found

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """Give one sample."""
        info = self.get_data_info(idx)
        sample = BaseDataElement(metainfo=dict(img_path=info['img_path'], ori_shape=SIZE))
        sample.gt_instances = InstanceData(bboxes=torch.tensor([info['box']]), labels=torch.tensor([idx % 2]))
        return dict(inputs=torch.zeros(3, *SIZE), data_samples=sample)


@MODELS.register_module()
class FasterRCNN(BaseModel):
    """Finds each rectangle with a score of 0.875, and one thing more with 0.25."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = 'tensor') -> Any:
        """Give a loss or predictions."""
        if mode == 'loss':
            return dict(loss=self.weight.square().sum())
        for sample in data_samples:
            truth = sample.gt_instances
            sample.pred_instances = InstanceData(
                bboxes=torch.cat([truth.bboxes, torch.zeros(1, 4)]), scores=torch.tensor([0.875, 0.25]),
                labels=torch.cat([truth.labels, torch.zeros(1, dtype=torch.long)]))
        return data_samples


@METRICS.register_module()
class CocoMetric(BaseMetric):
    """Share of the found things that are there."""

    default_prefix = 'coco'

    def __init__(self, **settings: Any) -> None:
        super().__init__()

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Count."""
        self.results += [1 / len(sample['pred_instances']['scores']) for sample in data_samples]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Average."""
        return dict(bbox_mAP=sum(results) / len(results))
