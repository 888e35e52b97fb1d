"""The names of `torchvision.datasets` that timm imports."""
from __future__ import annotations

from ._absent import absent_class

CIFAR10 = absent_class('datasets.CIFAR10')
CIFAR100 = absent_class('datasets.CIFAR100')
FashionMNIST = absent_class('datasets.FashionMNIST')
ImageFolder = absent_class('datasets.ImageFolder')
KMNIST = absent_class('datasets.KMNIST')
MNIST = absent_class('datasets.MNIST')
