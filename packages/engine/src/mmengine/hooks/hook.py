"""Upstream's path of the base class of hooks, which is in `mmengine.interfaces`."""
from mmengine.interfaces.hook import DATA_BATCH as DATA_BATCH
from mmengine.interfaces.hook import Hook as Hook
