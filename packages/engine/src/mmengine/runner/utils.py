"""Upstream's path of small helpers of the runner."""
from mmengine._strategy.randomness import set_random_seed as set_random_seed
