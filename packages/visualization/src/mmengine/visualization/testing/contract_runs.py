"""That a backend works as a run uses it: behind a visualizer, on a thread of its own."""
from __future__ import annotations

import os
import time
import warnings
from pathlib import Path

import numpy as np

from mmengine.visualization.testing.knobs import Knobs
from mmengine.visualization.testing.samples import SampleConfig, sample_image
from mmengine.visualization.visualizer import Visualizer


class RunContract(Knobs):
    """The tests of a run."""

    def test_the_rest_is_taken(self, tmp_path: Path) -> None:
        """Whatever else the interface has may be called."""
        backend = self.make_backend(tmp_path)
        backend.define_metric('acc', goal='max')
        backend.add_graph(None, [])
        backend.add_tags(['a', 'b'])
        backend.add_curve('pr', [0.0, 1.0], [1.0, 0.0])
        backend.update_config({'lr': 0.1})
        backend.use_artifact('model')
        backend.alert('done', 'all of it')
        backend.flush()
        assert backend.run is not None
        backend.close()

    def test_through_the_visualizer(self, tmp_path: Path) -> None:
        """A config builds the backend, and records reach it through the visualizer."""
        visualizer = Visualizer(vis_backends=[self.make_backend(tmp_path)], on_error='raise')
        visualizer.add_config(SampleConfig())
        visualizer.add_scalars({'loss': np.float64(0.5)}, step=1)
        visualizer.add_image('img', sample_image(), 1)
        visualizer.close('success')
        records = self.read(tmp_path)
        assert records.scalars['loss'] == [(1, 0.5)]
        assert len(records.images['img']) == 1

    def test_a_run(self, tmp_path: Path) -> None:
        """Training, validation by epoch and test lie on one axis, and nothing of them is missing."""
        visualizer = self._visualizer(tmp_path)
        visualizer.add_config(SampleConfig())
        for epoch in range(1, 4):
            for iteration in range(4 * epoch - 3, 4 * epoch + 1):
                visualizer.add_scalars({'loss': 1 / iteration, 'iter': iteration, 'epoch': epoch}, iteration)
            with visualizer.at(4 * epoch, epoch):
                visualizer.add_scalars({'acc': epoch / 4}, epoch)
                visualizer.add_image('val/img', sample_image(), epoch)
        with visualizer.at(12, 3):
            visualizer.add_scalars({'test/acc': 0.75}, 0)
        visualizer.close('success')
        # The local files keep the steps as they were given.
        given = self.backend_class.steps_as_given
        self._compare(tmp_path, 'loss', [(step, 1 / step) for step in range(1, 13)])
        self._compare(tmp_path, 'acc', [(epoch if given else 4 * epoch, epoch / 4) for epoch in range(1, 4)])
        self._compare(tmp_path, 'test/acc', [(0 if given else 12, 0.75)])
        assert [step for step, _ in self.read(tmp_path).images['val/img']] == [1, 2, 3] if given else [4, 8, 12]
        assert {value for _, value in self._scalars(tmp_path, 'epoch')} == {1, 2, 3}

    def test_many_records_in_a_row(self, tmp_path: Path) -> None:
        """What is recorded faster than the tracker takes it arrives whole and in order."""
        visualizer = self._visualizer(tmp_path)
        values = np.zeros(1)
        for step in range(300):
            values[0] = step  # the array is changed while it waits
            visualizer.add_scalar('value', values, step)
        visualizer.close()
        self._compare(tmp_path, 'value', [(step, step) for step in range(300)])

    def test_a_value_that_is_none(self, tmp_path: Path) -> None:
        """A text among the numbers costs no number."""
        visualizer = self._visualizer(tmp_path)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            visualizer.add_scalar('word', 'best', 0)
            visualizer.add_scalars({'loss': 0.5}, 1)
            visualizer.close()
        assert self._scalars(tmp_path, 'loss') == [(1, 0.5)]

    def test_secrets_stay_here(self, tmp_path: Path) -> None:
        """The key of a service does not get into the config that is recorded."""
        backends = [{'type': 'WandbVisBackend', 'init_kwargs': {'api_key': 'k3y-of-mine', 'project': 'digits'}}]
        visualizer = self._visualizer(tmp_path)
        visualizer.add_config({'visualizer': {'vis_backends': backends}, 'data': 'https://me:pa55word@host/data'})
        visualizer.add_scalar('loss', 1.0, 0)
        visualizer.close()
        kept = str(self.read(tmp_path).config)
        assert 'digits' in kept
        assert 'k3y-of-mine' not in kept
        assert 'pa55word' not in kept

    def test_a_forked_process(self, tmp_path: Path) -> None:
        """A worker of a data loader neither records nor hangs, and does not disturb the run."""
        if not hasattr(os, 'fork'):
            return
        visualizer = self._visualizer(tmp_path)
        visualizer.add_scalar('loss', 0.5, 0)
        visualizer.get_backend('tracker')
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)  # that there are threads is what this is about
            child = os.fork()
        if not child:
            try:
                if self.backend_class.queued:
                    visualizer.add_scalar('loss', 7.0, 7)
                os._exit(0)
            finally:
                os._exit(1)
        for _ in range(600):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                break
            time.sleep(0.05)
        assert (done, status) == (child, 0)
        visualizer.add_scalar('loss', 0.25, 1)
        visualizer.close()
        self._compare(tmp_path, 'loss', [(0, 0.5), (1, 0.25)])
