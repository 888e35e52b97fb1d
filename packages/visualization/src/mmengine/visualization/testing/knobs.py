"""What a tracker's tests say about it, and how the tests of the contract record and read."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.visualization.backends.base import BaseVisBackend
from mmengine.visualization.testing.samples import Records
from mmengine.visualization.visualizer import Visualizer


class Knobs:
    """What differs from tracker to tracker; see `VisBackendContract`."""

    #: The class under test.
    backend_class: type[BaseVisBackend]
    #: Modules that may not be imported before the tracker is started.
    client_modules: tuple[str, ...] = ()
    #: Largest difference between a pixel written and read back.
    image_tolerance: int = 0
    #: Largest relative difference between a number written and read back.
    scalar_tolerance: float = 1e-6
    #: Whether boxes and masks are kept beside the image instead of in its pixels.
    layers: bool = False
    #: Whether records of a backend used again after `close` end up beside the first ones.
    reopens: bool = True
    #: The tracker's words for 'success', 'failed' and 'aborted', if `Records.status` has them.
    statuses: Mapping[str, str] = {}

    def make_backend(self, save_dir: Path) -> BaseVisBackend:
        """Make a backend that works offline; override it to give further arguments."""
        return self.backend_class(str(save_dir))

    def read(self, save_dir: Path) -> Records:
        """Read with the tracker's own reader what a closed backend has kept."""
        raise NotImplementedError(f'{type(self).__name__}.read should give the records below {save_dir}')

    def kept_name(self, name: str) -> str:
        """Give the name under which the tracker keeps a number of that name."""
        return name

    def _visualizer(self, save_dir: Path) -> Visualizer:
        return Visualizer(vis_backends={'tracker': self.make_backend(save_dir)})

    def _supports(self, feature: str) -> bool:
        return self.make_backend(Path('unused')).supports(feature)

    def _record(self, save_dir: Path, method: str, *args: Any, **kwargs: Any) -> Records:
        backend = self.make_backend(save_dir)
        getattr(backend, method)(*args, **kwargs)
        backend.close()
        return self.read(save_dir)

    def _scalars(self, save_dir: Path, name: str) -> list[tuple[int, float]]:
        return self.read(save_dir).scalars[self.kept_name(name)]

    def _compare(self, save_dir: Path, name: str, expected: list[tuple[int, float]]) -> None:
        kept = self._scalars(save_dir, name)
        assert [step for step, _ in kept] == [step for step, _ in expected]
        for (_, value), (_, wanted) in zip(kept, expected, strict=True):
            assert abs(value - wanted) <= self.scalar_tolerance * abs(wanted)
