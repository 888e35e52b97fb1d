"""A test case with configs of a tiny training."""
from __future__ import annotations

import copy
import itertools
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from typing import Any
from unittest import TestCase

import torch
from torch import nn
from torch.utils.data import Dataset

from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS, DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

_counter = itertools.count()


class ToyModel(BaseModel):
    """Two linear layers.

    Args:
        data_preprocessor: See `BaseModel`.
    """

    def __init__(self, data_preprocessor: dict[str, Any] | nn.Module | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.linear1 = nn.Linear(2, 2)
        self.linear2 = nn.Linear(2, 1)

    def forward(self, inputs: torch.Tensor | list[torch.Tensor],
                data_samples: torch.Tensor | list[torch.Tensor] | None = None, mode: str = 'tensor') -> Any:
        """Compute what `mode` asks for; the loss is the sum of the differences."""
        stacked = torch.stack(list(inputs)) if isinstance(inputs, (list, tuple)) else inputs
        labels = torch.stack(list(data_samples)) if isinstance(data_samples, (list, tuple)) else data_samples
        outputs = self.linear2(self.linear1(stacked))
        if mode == 'loss':
            return {'loss': (labels - outputs).sum()}
        return outputs


class ToyDataset(Dataset[dict[str, torch.Tensor]]):
    """Twelve samples of two numbers."""

    METAINFO: dict[str, Any] = {}
    data = torch.randn(12, 2)
    label = torch.ones(12)

    @property
    def metainfo(self) -> dict[str, Any]:
        """Facts about the data set."""
        return self.METAINFO

    def __len__(self) -> int:
        return self.data.size(0)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {'inputs': self.data[index], 'data_samples': self.label[index]}


class ToyMetric(BaseMetric):
    """Finds an accuracy of 1 whatever comes.

    Args:
        collect_device: See `BaseMetric`.
        dummy_metrics: What it finds instead.
    """

    def __init__(self, collect_device: str = 'cpu', dummy_metrics: dict[str, Any] | None = None) -> None:
        super().__init__(collect_device=collect_device)
        self.dummy_metrics = dummy_metrics

    def process(self, data_batch: Any, data_samples: Sequence[Any]) -> None:
        """Keep an entry per batch."""
        self.results.append({'acc': 1})

    def compute_metrics(self, results: list[Any]) -> dict[str, Any]:
        """Return the metric."""
        return {'acc': 1}


def _loader(sampler: str, shuffle: bool) -> dict[str, Any]:
    return {'dataset': {'type': 'ToyDataset'}, 'sampler': {'type': sampler, 'shuffle': shuffle}, 'batch_size': 3,
            'num_workers': 0}


class RunnerTestCase(TestCase):
    """Offers configs of a training of `ToyModel`, and leaves nothing behind.

    Attributes:
        epoch_based_cfg: Two epochs of four iterations, validated after each.
        iter_based_cfg: Twelve iterations.
        temp_dir: The temporary folder that is their `work_dir`.
        dist_cfg: Environment of a process group, see `setup_dist_env`.
    """

    dist_cfg: dict[str, Any] = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': 29600, 'RANK': '0', 'WORLD_SIZE': '1',
                                'LOCAL_RANK': '0'}

    def setUp(self) -> None:
        """Register the toys, and make the configs."""
        for registry, toy in ((MODELS, ToyModel), (METRICS, ToyMetric), (DATASETS, ToyDataset)):
            registry.register_module(module=toy, force=True)
        self.temp_dir = tempfile.TemporaryDirectory()
        self._environment: dict[str, str | None] = {}
        self.epoch_based_cfg = Config({
            'model': {'type': 'ToyModel'},
            'work_dir': self.temp_dir.name,
            'train_dataloader': _loader('DefaultSampler', shuffle=True),
            'val_dataloader': _loader('DefaultSampler', shuffle=False),
            'test_dataloader': _loader('DefaultSampler', shuffle=False),
            'optim_wrapper': {'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.1}},
            'val_evaluator': [{'type': 'ToyMetric'}],
            'test_evaluator': [{'type': 'ToyMetric'}],
            'train_cfg': {'by_epoch': True, 'max_epochs': 2, 'val_interval': 1},
            'val_cfg': {},
            'test_cfg': {},
            'default_hooks': {'logger': {'type': 'LoggerHook', 'interval': 1}},
            'custom_hooks': [],
            'env_cfg': {'dist_cfg': {'backend': 'nccl' if torch.cuda.is_available() else 'gloo'}},
            'experiment_name': 'test1',
        })
        self.iter_based_cfg = copy.deepcopy(self.epoch_based_cfg)
        self.iter_based_cfg.train_dataloader = _loader('InfiniteSampler', shuffle=True)
        self.iter_based_cfg.log_processor = {'by_epoch': False}
        self.iter_based_cfg.train_cfg = {'by_epoch': False, 'max_iters': 12}
        self.iter_based_cfg.default_hooks = {
            'logger': {'type': 'LoggerHook', 'interval': 1},
            'checkpoint': {'type': 'CheckpointHook', 'interval': 12, 'by_epoch': False},
        }

    def tearDown(self) -> None:
        """Forget what a run leaves in the process."""
        logging.shutdown()
        for manager in (MMLogger, MessageHub, Visualizer, DefaultScope):
            manager._instance_dict.clear()
        for registry, name in ((MODELS, 'ToyModel'), (METRICS, 'ToyMetric'), (DATASETS, 'ToyDataset')):
            registry.module_dict.pop(name, None)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        for name, value in self._environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self.temp_dir.cleanup()

    def build_runner(self, cfg: Config) -> Runner:
        """Build a runner under a name of its own.

        Args:
            cfg: The config; its `experiment_name` is changed.
        """
        cfg.experiment_name = self.experiment_name
        return Runner.from_cfg(cfg)

    @property
    def experiment_name(self) -> str:
        """A name that is different at every reading."""
        return f'{self._testMethodName}_{time.time()}_{next(_counter)}'

    def setup_dist_env(self) -> None:
        """Export the environment of a process group of one process, each time with another port."""
        self.dist_cfg['MASTER_PORT'] += 1
        for name, value in self.dist_cfg.items():
            self._environment.setdefault(name, os.environ.get(name))
            os.environ[name] = str(value)

    def clear_work_dir(self) -> None:
        """Empty the temporary folder."""
        logging.shutdown()
        for entry in os.scandir(self.temp_dir.name):
            if entry.is_dir():
                shutil.rmtree(entry.path)
            else:
                os.remove(entry.path)
