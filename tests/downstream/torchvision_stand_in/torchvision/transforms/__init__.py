"""The names of `torchvision.transforms`."""
from __future__ import annotations

from . import functional as functional
from . import transforms as transforms
from .transforms import CenterCrop as CenterCrop
from .transforms import ColorJitter as ColorJitter
from .transforms import Compose as Compose
from .transforms import InterpolationMode as InterpolationMode
from .transforms import Normalize as Normalize
from .transforms import PILToTensor as PILToTensor
from .transforms import RandomApply as RandomApply
from .transforms import RandomCrop as RandomCrop
from .transforms import RandomHorizontalFlip as RandomHorizontalFlip
from .transforms import RandomResizedCrop as RandomResizedCrop
from .transforms import Resize as Resize
from .transforms import ToPILImage as ToPILImage
from .transforms import ToTensor as ToTensor
