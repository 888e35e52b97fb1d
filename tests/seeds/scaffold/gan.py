"""The least that the snippets of a runner take: a GAN on points of a circle, its loader and its two optimizers."""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict

__all__ = ['model', 'opt_wrapper_dict', 'train_cfg', 'train_dataloader']


class Gan(BaseModel):
    """Two small networks, one against the other."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, Tensor]:
        """Update the one network, then the other."""
        real, = data
        fake = self.generator(torch.randn_like(real))
        judge, loss = self.discriminator, nn.functional.softplus
        losses = dict(loss_dis=(loss(-judge(real)) + loss(judge(fake.detach()))).mean())
        optim_wrapper['discriminator'].update_params(losses['loss_dis'])
        losses['loss_gen'] = loss(-judge(fake)).mean()
        optim_wrapper['generator'].update_params(losses['loss_gen'])
        return losses

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Tensor:
        """Generate."""
        return self.generator(inputs)


angles = 2 * math.pi * torch.rand(160, 1)
model = Gan()
train_dataloader = DataLoader(TensorDataset(torch.cat([angles.cos(), angles.sin()], 1)), batch_size=8, shuffle=True)
train_cfg = dict(by_epoch=True, max_epochs=2)
opt_wrapper_dict = OptimWrapperDict(**{
    name: OptimWrapper(torch.optim.Adam(getattr(model, name).parameters(), lr=1e-3))
    for name in ('generator', 'discriminator')})
