"""The two networks with their training step, the optimizers' constructor, the measure, and the pictures."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import softplus

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict, build_optim_wrapper
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.runner import Runner

PIXELS = 64


@DATASETS.register_module()
class PlainDigits(torch.utils.data.Dataset[dict[str, Tensor]]):
    """The 1,797 pictures of 8 by 8 pixels that scikit-learn carries, each as a row of values from -1 to 1."""

    def __init__(self) -> None:
        self.pictures = torch.tensor(load_digits().data / 8 - 1, dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return dict(inputs=self.pictures[index])


@MODELS.register_module()
class DigitGan(BaseModel):
    """A generator that makes digits of noise, and a discriminator that tells them from real ones.

    Args:
        noise: Numbers that a digit is made of.
        width: Width of the hidden layers.
    """

    def __init__(self, noise: int, width: int) -> None:
        super().__init__()
        self.noise = noise
        self.generator = nn.Sequential(
            nn.Linear(noise, width), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, PIXELS), nn.Tanh())
        self.discriminator = nn.Sequential(
            nn.Linear(PIXELS, width), nn.LeakyReLU(0.2), nn.Dropout(0.3),
            nn.Linear(width, width), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(width, 1))

    def train_step(self, data: dict[str, Tensor], optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Update the discriminator, then the generator; the losses are logged under these names."""
        real = self.data_preprocessor(data, True)['inputs']
        fake = self(real)
        judge = self.discriminator
        loss_dis = (softplus(-judge(real)) + softplus(judge(fake.detach()))).mean()
        optim_wrapper['discriminator'].update_params(loss_dis)
        loss_gen = softplus(-judge(fake)).mean()
        optim_wrapper['generator'].update_params(loss_gen)
        return dict(loss_dis=loss_dis, loss_gen=loss_gen)

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Any:
        """Make as many digits as there are rows; to predict, in pairs with the rows."""
        fake = self.generator(torch.randn(len(inputs), self.noise, device=inputs.device))
        return list(zip(fake, inputs, strict=True)) if mode == 'predict' else fake


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class OneForEachNetwork:
    """Makes an optimizer for each child of the model that the config names.

    Args:
        optim_wrapper_cfg: Settings of the optimizers by the names of the children.
        paramwise_cfg: Is not taken.
    """

    def __init__(self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None) -> None:
        self.settings = optim_wrapper_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """Make them."""
        wrappers: dict[str, OptimWrapper] = {
            name: build_optim_wrapper(model.get_submodule(name), cfg) for name, cfg in self.settings.items()}
        return OptimWrapperDict(**wrappers)


@METRICS.register_module()
class FrechetDistance(BaseMetric):
    """How far the pixels of what was made are from those of real digits, by their means and covariances; 0 is best."""

    def process(self, data_batch: Any, data_samples: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Keep the pictures."""
        self.results += [(fake.cpu().double(), real.cpu().double()) for fake, real in data_samples]

    def compute_metrics(self, results: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """Compare over all."""
        fake, real = (torch.stack(pictures) for pictures in zip(*results, strict=True))
        product = torch.linalg.eigvals(fake.T.cov() @ real.T.cov()).real.clamp(min=0)
        covariance = fake.T.cov().trace() + real.T.cov().trace() - 2 * product.sqrt().sum()
        return dict(distance=float((fake.mean(0) - real.mean(0)).square().sum() + covariance))


@HOOKS.register_module()
class DrawDigits(Hook):
    """Records a grid of digits that were made, at each validation: the image `made`.

    Args:
        rows: Rows of the grid.
        columns: Columns of the grid.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Draw the first ones of an evaluation."""
        if batch_idx == 0:
            made = torch.stack([fake for fake, _ in outputs[:self.rows * self.columns]]).cpu().view(-1, 8, 8)
            framed = nn.functional.pad(made, (1, 1, 1, 1), value=-1).view(self.rows, self.columns, 10, 10)
            grid = framed.transpose(1, 2).reshape(10 * self.rows, 10 * self.columns)
            grey = np.kron(((grid.numpy() + 1) * 127.5), np.ones((4, 4))).astype(np.uint8)
            runner.visualizer.add_image('made', np.repeat(grey[..., None], 3, axis=2), step=runner.iter)
