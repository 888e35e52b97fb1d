"""The names of torchvision that libraries of the family import, for a session without torchvision.

What takes a few lines of torch works; what is called without being here raises a NotImplementedError that says so.
"""
from __future__ import annotations

from . import datasets as datasets
from . import io as io
from . import models as models
from . import ops as ops
from . import transforms as transforms
from . import utils as utils

__version__ = '0.20.0'
