"""Draw on images, and record scalars, pictures and files to any set of trackers."""
from typing import Any

from mmengine.interfaces import Hook as Hook
from mmengine.registry import VISBACKENDS as VISBACKENDS
from mmengine.visualization.backends import trackers
from mmengine.visualization.backends.base import BaseVisBackend as BaseVisBackend
from mmengine.visualization.backends.base import force_init_env as force_init_env
from mmengine.visualization.backends.local import LocalVisBackend as LocalVisBackend
from mmengine.visualization.values import Artifact as Artifact
from mmengine.visualization.values import Boxes as Boxes
from mmengine.visualization.values import Identity as Identity
from mmengine.visualization.values import Picture as Picture
from mmengine.visualization.values import PictureRef as PictureRef
from mmengine.visualization.values import RunInfo as RunInfo
from mmengine.visualization.values import ScalarRow as ScalarRow
from mmengine.visualization.visualizer import Visualizer as Visualizer


def __getattr__(name: str) -> Any:
    """Give the backend of a tracker, which is in a distribution of its own."""
    return trackers.load(name)
