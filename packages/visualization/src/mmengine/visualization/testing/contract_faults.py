"""That a run goes on without its tracker: the tests for backends whose client talks to a server."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmengine.visualization.backends.base import BaseVisBackend
from mmengine.visualization.testing.faults import black_hole, dead_address
from mmengine.visualization.visualizer import Visualizer


class UnreachableContract:
    """A test class for pytest: a run records to files and to a tracker whose server is away, or never answers.

    Let `make_unreachable` make a backend of the real client for an address. Give the client's own limits and the
    backend's (`start_limit`, `call_limit`, `close_limit`) a few seconds, so that the tests are quick.

    Example:
        >>> class TestWithoutServer(UnreachableContract):
        ...     def make_unreachable(self, save_dir, address):
        ...         backend = MyVisBackend(str(save_dir), init_kwargs=dict(url=f'http://{address}'))
        ...         backend.start_limit = backend.close_limit = 3.0
        ...         return backend
    """

    def make_unreachable(self, save_dir: Path, address: str) -> BaseVisBackend:
        """Make a backend that goes to `address`, which is `HOST:PORT`."""
        raise NotImplementedError

    def test_a_dead_address(self, tmp_path: Path, capsys: Any) -> None:
        """Where nobody listens, the local record is whole and the tracker is named."""
        with dead_address() as address:
            self._run(tmp_path, address, 'dead')
        assert "'dead'" in capsys.readouterr().out

    def test_a_black_hole(self, tmp_path: Path, capsys: Any) -> None:
        """Where nobody answers, the local record is whole and the tracker is named."""
        with black_hole() as address:
            self._run(tmp_path, address, 'silent')
        assert "'silent'" in capsys.readouterr().out

    def _run(self, save_dir: Path, address: str, name: str) -> None:  # by a name that no earlier warning had
        backend = self.make_unreachable(save_dir / 'tracker', address)
        visualizer = Visualizer(vis_backends={name: backend, 'files': {'type': 'LocalVisBackend'}},
                                save_dir=str(save_dir))
        visualizer.add_config({'model': 'digits'})
        for step in range(50):
            visualizer.add_scalars({'loss': 1 / (1 + step)}, step)
        visualizer.close('success')
        lines = (save_dir / 'vis_data' / 'scalars.json').read_text(encoding='utf-8').splitlines()
        assert [json.loads(line)['step'] for line in lines] == list(range(50))
