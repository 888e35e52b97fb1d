"""The tests that every backend passes, a third party's too: derive from the class and say how to make and to read."""
from __future__ import annotations

from mmengine.visualization.testing.contract_life import LifeContract
from mmengine.visualization.testing.contract_records import RecordContract
from mmengine.visualization.testing.contract_runs import RunContract


class VisBackendContract(LifeContract, RecordContract, RunContract):
    """A test class for pytest, which needs nothing but pytest's `tmp_path`.

    Whatever the interface of `BaseVisBackend` has is recorded and read back with the tracker's own reader: directly,
    and behind a visualizer as a run does. Set the attributes of `Knobs` where the tracker is not as it should be.

    Example:
        >>> class TestMyBackend(VisBackendContract):
        ...     backend_class = MyVisBackend
        ...     client_modules = ('mytracker',)
        ...
        ...     def read(self, save_dir):
        ...         return Records(scalars=..., images=...)  # with the tracker's own reader
    """
