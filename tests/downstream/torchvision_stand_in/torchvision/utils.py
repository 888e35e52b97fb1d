"""The names of `torchvision.utils` that timm imports."""
from __future__ import annotations

from ._absent import absent_function

save_image = absent_function('utils.save_image')
