"""That a backend starts late, ends once or more often, and lives beside others."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mmengine.registry import VISBACKENDS
from mmengine.visualization.testing.knobs import Knobs
from mmengine.visualization.values import Identity


class LifeContract(Knobs):
    """The tests of its life."""

    def test_is_registered(self) -> None:
        """The name in a config finds the class."""
        assert VISBACKENDS.get(self.backend_class.__name__) is self.backend_class

    def test_import_leaves_the_client_alone(self) -> None:
        """A config that names the tracker but does not use it costs nothing."""
        module, name = self.backend_class.__module__, self.backend_class.__qualname__
        code = (f'import sys\nfrom {module} import {name}\n'
                f'print([m for m in {self.client_modules!r} if m in sys.modules])')
        answer = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
        assert answer.stdout.strip() == '[]'

    def test_constructor_touches_nothing(self, tmp_path: Path) -> None:
        """Neither the constructor nor an early `close` or `flush` makes a file."""
        backend = self.make_backend(tmp_path / 'run')
        backend.flush()
        backend.close()
        assert not (tmp_path / 'run').exists()

    def test_experiment_starts_the_tracker(self, tmp_path: Path) -> None:
        """The tracker's own object is there when it is asked for."""
        backend = self.make_backend(tmp_path)
        assert backend.experiment is not None
        assert backend._env_initialized
        backend.close()

    def test_close_twice(self, tmp_path: Path) -> None:
        """A second `close` does no harm."""
        backend = self.make_backend(tmp_path)
        backend.add_scalar('loss', 1.0, 0)
        backend.close()
        backend.close('failed')
        assert self._scalars(tmp_path, 'loss') == [(0, 1.0)]

    def test_use_after_close(self, tmp_path: Path) -> None:
        """Training and then testing with one backend keeps the records of both."""
        backend = self.make_backend(tmp_path)
        backend.add_scalar('train/loss', 1.0, 0)
        backend.close()
        backend.add_scalar('test/acc', 0.5, 1)
        backend.close()
        assert self._scalars(tmp_path, 'test/acc') == [(1, 0.5)]
        if self.reopens:
            assert self._scalars(tmp_path, 'train/loss') == [(0, 1.0)]

    def test_status(self, tmp_path: Path) -> None:
        """How the run ended is said in the tracker's words."""
        for status, word in self.statuses.items():
            backend = self.make_backend(tmp_path / status)
            backend.add_scalar('loss', 1.0, 0)
            backend.close(status)
            assert self.read(tmp_path / status).status == word

    def test_resume(self, tmp_path: Path) -> None:
        """A run that is named again goes on."""
        if not self._supports('resume'):
            return
        for step in range(2):
            backend = self.make_backend(tmp_path)
            backend.identify(Identity(run_id='run1', name='one', resume='allow'))
            backend.add_scalar('loss', step / 2, step)
            assert backend.run.id is not None
            backend.close()
        assert self._scalars(tmp_path, 'loss') == [(0, 0.0), (1, 0.5)]

    def test_two_side_by_side(self, tmp_path: Path) -> None:
        """Two backends of one type in one process do not mix their records."""
        first, second = self.make_backend(tmp_path / 'a'), self.make_backend(tmp_path / 'b')
        first.add_scalar('loss', 1.0, 0)
        second.add_scalar('loss', 2.0, 0)
        first.close()
        second.close()
        assert self._scalars(tmp_path / 'a', 'loss') == [(0, 1.0)]
        assert self._scalars(tmp_path / 'b', 'loss') == [(0, 2.0)]
