"""The names of `torchvision.io` that transformers imports."""
from __future__ import annotations

from ._absent import absent_function

read_image = absent_function('io.read_image')
