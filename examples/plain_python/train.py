"""Train without a config: every part of the runner is an object that plain Python has made.

    python train.py [FOLDER]

The data are 569 examinations of breast tissue that scikit-learn carries: 30 measures each, benign or malignant.
"""
from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from mmengine.evaluator import BaseMetric
from mmengine.hooks import EarlyStoppingHook
from mmengine.model import BaseModel
from mmengine.optim import CosineAnnealingLR, OptimWrapper
from mmengine.runner import Runner

TEST = 150


class Classifier(BaseModel):
    """Two layers on measures that are scaled alike.

    Args:
        mean: Mean of each measure in the training data.
        spread: Its standard deviation.
    """

    def __init__(self, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.register_buffer('mean', mean)
        self.register_buffer('spread', spread)
        self.layers = nn.Sequential(nn.Linear(len(mean), 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, measures: Tensor, labels: Tensor, mode: str = 'tensor') -> Any:
        """Give scores ('tensor'), the loss by name ('loss'), or pairs of prediction and truth ('predict')."""
        scores = self.layers((measures - self.mean) / self.spread)
        if mode == 'loss':
            return dict(loss=nn.functional.cross_entropy(scores, labels))
        return list(zip(scores.argmax(1), labels, strict=True)) if mode == 'predict' else scores


class Accuracy(BaseMetric):
    """Share of the examinations that got their label, in per cent."""

    def process(self, data_batch: Any, data_samples: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Note for each examination whether it got its label."""
        self.results += [bool(found == label) for found, label in data_samples]

    def compute_metrics(self, results: list[bool]) -> dict[str, float]:
        """Count over all."""
        return dict(accuracy=100 * sum(results) / len(results))


def make_runner(work_dir: str) -> Runner:
    """Put the parts together."""
    torch.manual_seed(0)
    data = load_breast_cancer()
    order = torch.randperm(len(data.target))
    measures = torch.tensor(data.data, dtype=torch.float32)[order]
    labels = torch.tensor(data.target)[order]
    train = TensorDataset(measures[TEST:], labels[TEST:])
    test = TensorDataset(measures[:TEST], labels[:TEST])
    model = Classifier(measures[TEST:].mean(0), measures[TEST:].std(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    evaluation = DataLoader(test, batch_size=50)
    return Runner(
        model=model, work_dir=work_dir,
        train_dataloader=DataLoader(train, batch_size=32, shuffle=True),
        train_cfg=dict(by_epoch=True, max_epochs=10),
        optim_wrapper=OptimWrapper(optimizer, clip_grad=dict(max_norm=5.0)),
        param_scheduler=[CosineAnnealingLR(optimizer, T_max=10)],
        val_dataloader=evaluation, val_cfg=dict(), val_evaluator=Accuracy(),
        test_dataloader=evaluation, test_cfg=dict(), test_evaluator=Accuracy(),
        custom_hooks=[EarlyStoppingHook(monitor='accuracy', rule='greater', patience=4)])


def main() -> None:
    """Train and test."""
    runner = make_runner(sys.argv[1] if len(sys.argv) > 1 else 'work_dirs/plain_python')
    runner.train()
    print(f'{runner.test()["accuracy"]:.1f} % of {TEST} examinations are told right')


if __name__ == '__main__':
    main()
