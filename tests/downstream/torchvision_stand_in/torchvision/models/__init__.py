"""The names of `torchvision.models`: a network of a config's `torchvision.NAME` is not here."""
from __future__ import annotations

from .._absent import absent_function

resnet50 = absent_function('models.resnet50')
