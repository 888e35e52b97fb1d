"""A task for ranks that a command starts, and the trouble that they run into."""
from __future__ import annotations

import os
import signal
from typing import Any

import torch

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS


@MODELS.register_module(force=True)
class LaunchModel(BaseModel):
    """Layers with dropout, so that random numbers are part of the training."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))

    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        found = self.layers(torch.stack(list(inputs)).float())
        return dict(loss=(found - 1).pow(2).mean()) if mode == 'loss' else [dict(found=value) for value in found]


@DATASETS.register_module(force=True)
class LaunchPoints(torch.utils.data.Dataset[Any]):
    """Points with noise that is drawn when they are read."""

    metainfo: dict[str, Any] = {}  # as those of the family have it

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(inputs=torch.tensor([index / 16, 1.0]) + torch.rand(2) * 0.1)


@METRICS.register_module(force=True)
class LaunchCount(BaseMetric):
    """The number of predictions."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results += [1 for _ in data_samples]

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        return dict(count=len(results))


@HOOKS.register_module(force=True)
class Trouble(Hook):
    """Fails, or sends a signal to its rank or (`SIGNAL@agent`) to what started it, once."""

    def __init__(self, kind: str, at: int, attempt: int, rank: int = 1) -> None:
        self.kind, self.at, self.attempt, self.rank = kind, at, attempt, rank

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        attempt = int(os.environ.get('TORCHELASTIC_RESTART_COUNT', '0'))
        if (runner.iter + 1, runner.rank, attempt) != (self.at, self.rank, self.attempt):
            return
        if self.kind == 'error':
            raise ValueError('this is the trouble')
        name, _, receiver = self.kind.partition('@')
        os.kill(os.getppid() if receiver else os.getpid(), getattr(signal, name))
