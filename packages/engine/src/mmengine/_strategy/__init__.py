"""Strategies: what carries a run, one device or many."""
from mmengine._strategy.base import BaseStrategy as BaseStrategy
from mmengine._strategy.distributed import DDPStrategy as DDPStrategy
from mmengine._strategy.single_device import SingleDeviceStrategy as SingleDeviceStrategy
