"""Upstream's path of all loops."""
from mmengine.runner.base_loop import BaseLoop as BaseLoop
from mmengine.runner.data_iterators import _InfiniteDataloaderIterator as _InfiniteDataloaderIterator
from mmengine.runner.eval_loops import TestLoop as TestLoop
from mmengine.runner.eval_loops import ValLoop as ValLoop
from mmengine.runner.train_loops import EpochBasedTrainLoop as EpochBasedTrainLoop
from mmengine.runner.train_loops import IterBasedTrainLoop as IterBasedTrainLoop
