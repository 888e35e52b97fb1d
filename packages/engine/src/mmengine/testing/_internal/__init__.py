"""Test cases whose tests run in several processes."""
from mmengine.testing._internal.distributed import MultiProcessTestCase as MultiProcessTestCase
