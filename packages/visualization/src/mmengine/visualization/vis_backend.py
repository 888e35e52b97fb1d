"""The old path of the backends."""
from typing import Any

from mmengine.visualization.backends import trackers
from mmengine.visualization.backends.base import BaseVisBackend as BaseVisBackend
from mmengine.visualization.backends.base import force_init_env as force_init_env
from mmengine.visualization.backends.local import LocalVisBackend as LocalVisBackend


def __getattr__(name: str) -> Any:
    """Give the backend of a tracker, which is in a distribution of its own."""
    return trackers.load(name)
