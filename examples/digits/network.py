"""The model, the metric, and the hook that shows what the model says about the test pictures."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import HOOKS, METRICS, MODELS
from mmengine.runner import Runner

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Make a convolution with its normalisation."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


@MODELS.register_module()
class SmallNet(BaseModel):
    """Three convolutions and a linear layer, for grey pictures of any size from 8 by 8 pixels on.

    Args:
        num_classes: How many labels there are.
        width: Channels of the first convolution.
        dropout: Share of the features that training leaves out at random.
    """

    def __init__(self, num_classes: int, width: int = 16, dropout: float = 0.3) -> None:
        super().__init__()
        self.features = nn.Sequential(
            block(1, width), block(width, 2 * width), nn.MaxPool2d(2),
            block(2 * width, 2 * width), nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(32 * width, num_classes))

    def forward(self, inputs: Tensor, labels: Tensor | None = None, mode: str = 'tensor') -> Any:
        """Give scores ('tensor'), losses by name ('loss'), or one record for each picture ('predict')."""
        scores = self.head(self.features(inputs))
        if mode == 'loss':
            return dict(loss=nn.functional.cross_entropy(scores, labels))
        if mode == 'predict':
            truth = [None] * len(scores) if labels is None else labels
            return [dict(predicted=s.argmax(), label=n) for s, n in zip(scores, truth, strict=True)]
        return scores


@METRICS.register_module()
class Accuracy(BaseMetric):
    """Share of the pictures that got their label, in per cent."""

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Tensor]]) -> None:
        """Note for each picture of a batch whether it got its label."""
        self.results += [bool(sample['predicted'] == sample['label']) for sample in data_samples]

    def compute_metrics(self, results: list[bool]) -> dict[str, float]:
        """Count over all pictures."""
        return dict(accuracy=100 * sum(results) / len(results))


@HOOKS.register_module()
class PredictionGridHook(Hook):
    """Draws pictures of the test with true and predicted labels, at most half of them mistakes: `predictions.png`.

    Args:
        rows: Rows of the grid.
        columns: Columns of the grid.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.wrong: list[tuple[np.ndarray, int, int]] = []
        self.right: list[tuple[np.ndarray, int, int]] = []

    def before_test_epoch(self, runner: Runner) -> None:
        """Begin anew."""
        self.wrong, self.right = [], []

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Keep as many mistakes as the grid holds, and as many of the others."""
        for picture, found in zip(data_batch['inputs'], outputs, strict=True):
            label, predicted = int(found['label']), int(found['predicted'])
            kept = self.right if label == predicted else self.wrong
            if len(kept) < self.rows * self.columns:
                kept.append((picture[0].numpy(), label, predicted))

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw the grid into the folder of the run, and record it with every tracker."""
        canvas = self.draw(runner.test_dataloader.dataset.metainfo['classes'])
        canvas.figure.savefig(Path(runner.log_dir) / 'predictions.png')
        runner.visualizer.add_image('predictions', np.asarray(canvas.buffer_rgba())[..., :3].copy(), step=runner.iter)

    def draw(self, classes: Sequence[str]) -> FigureCanvasAgg:
        """Draw the pictures that were kept."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # here, since training starts sooner without it
        from matplotlib.figure import Figure
        figure = Figure(figsize=(1.1 * self.columns, 1.5 * self.rows), layout='constrained')
        canvas = FigureCanvasAgg(figure)
        places = figure.subplots(self.rows, self.columns, squeeze=False)
        for axes in places.flat:
            axes.set_axis_off()
        shown = [*self.wrong[:places.size // 2], *self.right]
        for axes, (picture, label, predicted) in zip(places.flat, shown, strict=False):
            axes.imshow(picture, cmap='gray_r')
            axes.set_title(f'true: {classes[label]}\npredicted: {classes[predicted]}', fontsize=7,
                           color='green' if label == predicted else 'red')
        canvas.draw()
        return canvas
