"""The tests that every backend passes, a third party's too: derive from the class and say how to make and to read."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mmengine.registry import VISBACKENDS
from mmengine.visualization.backends.base import BaseVisBackend
from mmengine.visualization.testing.samples import Records, SampleConfig, sample_image
from mmengine.visualization.values import Artifact, Boxes, Picture
from mmengine.visualization.visualizer import Visualizer


class VisBackendContract:
    """A test class for pytest.

    Example:
        >>> class TestMyBackend(VisBackendContract):
        ...     backend_class = MyVisBackend
        ...     client_modules = ('mytracker',)
        ...
        ...     def read(self, save_dir):
        ...         return Records(scalars=..., images=...)  # with the tracker's own reader
    """

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

    def make_backend(self, save_dir: Path) -> BaseVisBackend:
        """Make a backend that works offline; override it to give further arguments."""
        return self.backend_class(str(save_dir))

    def read(self, save_dir: Path) -> Records:
        """Read with the tracker's own reader what a closed backend has kept."""
        raise NotImplementedError(f'{type(self).__name__}.read should give the records below {save_dir}')

    # Life

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

    def test_two_side_by_side(self, tmp_path: Path) -> None:
        """Two backends of one type in one process do not mix their records."""
        first, second = self.make_backend(tmp_path / 'a'), self.make_backend(tmp_path / 'b')
        first.add_scalar('loss', 1.0, 0)
        second.add_scalar('loss', 2.0, 0)
        first.close()
        second.close()
        assert self._scalars(tmp_path / 'a', 'loss') == [(0, 1.0)]
        assert self._scalars(tmp_path / 'b', 'loss') == [(0, 2.0)]

    # Records

    def test_config(self, tmp_path: Path) -> None:
        """The config is there with what it has inside."""
        kept = str(self._record(tmp_path, 'add_config', SampleConfig()).config)
        for word in ('ResNet', '50', 'SGD', '0.999'):
            assert word in kept, f'{word} is not in the config {kept}'

    def test_scalars(self, tmp_path: Path) -> None:
        """Every number is there at every step, of whatever type it was."""
        backend = self.make_backend(tmp_path)
        for step in range(20):
            backend.add_scalar('train/loss', 1 / (1 + step), step)
        backend.add_scalar('np', np.float32(0.25), 3)
        backend.add_scalar('array', np.array(7), 4)
        backend.close()
        self._compare(tmp_path, 'train/loss', [(step, 1 / (1 + step)) for step in range(20)])
        self._compare(tmp_path, 'np', [(3, 0.25)])
        self._compare(tmp_path, 'array', [(4, 7)])

    def test_scalars_of_one_step(self, tmp_path: Path) -> None:
        """A dictionary is recorded and not changed."""
        values = {'loss': 0.5, 'acc': 75}
        records = self._record(tmp_path, 'add_scalars', values, 5)
        assert values == {'loss': 0.5, 'acc': 75}
        assert records.scalars['loss'] == [(5, 0.5)]
        assert records.scalars['acc'] == [(5, 75)]

    def test_images(self, tmp_path: Path) -> None:
        """Pictures come back pixel by pixel, of every step and with a name in folders."""
        backend = self.make_backend(tmp_path)
        first, second = sample_image(), 255 - sample_image()
        backend.add_image('val/img', first, 1)
        backend.add_image('val/img', second, 2)
        backend.close()
        kept = dict(self.read(tmp_path).images['val/img'])
        assert sorted(kept) == [1, 2]
        for step, image in ((1, first), (2, second)):
            assert kept[step].shape == image.shape
            assert np.abs(kept[step].astype(int) - image.astype(int)).max() <= self.image_tolerance

    def test_picture(self, tmp_path: Path) -> None:
        """Boxes and masks are shown, in layers of the tracker or in the pixels."""
        mask = np.zeros((48, 64), np.int64)
        mask[5:10, 5:10] = 2
        picture = Picture(sample_image(), {'gt': Boxes(np.array([[15., 10., 30., 20.]]), [1], scores=[0.5])},
                          {'gt': mask}, class_names={1: 'cat', 2: 'dog'}, caption='one cat')
        records = self._record(tmp_path, 'add_picture', 'img', picture, 3)
        (step, image), = records.images['img']
        assert step == 3
        assert image.shape == (48, 64, 3)
        if not self.layers:
            assert (image != sample_image()).any()

    def test_text(self, tmp_path: Path) -> None:
        """A text comes back."""
        records = self._record(tmp_path, 'add_text', 'notes', 'it works', 5)
        if self._supports('text'):
            (step, text), = records.texts['notes']
            assert step == 5
            assert 'it works' in text

    def test_table(self, tmp_path: Path) -> None:
        """A table comes back, as such or as text, with its pictures."""
        rows = [['a', 0.5, sample_image()], ['b', 0.25, sample_image()]]
        records = self._record(tmp_path, 'add_table', 'eval', ['name', 'score', 'image'], rows, 2,
                               artifact=Artifact('evaluation', 'evaluation', ('latest',)))
        if self._supports('table'):
            columns, kept = records.tables['eval']
            assert columns[:2] == ['name', 'score']
            assert [(row[0], float(row[1])) for row in kept] == [('a', 0.5), ('b', 0.25)]
        elif self._supports('text'):
            (_, text), = records.texts['eval']
            assert 'score' in text
            assert '0.25' in text

    def test_histogram(self, tmp_path: Path) -> None:
        """A distribution comes back, as such or as a picture."""
        backend = self.make_backend(tmp_path)
        backend.add_histogram('weights', np.arange(100.), 1)
        backend.add_histogram('binned', step=1, counts=[1, 3], edges=[0., 1., 2.])
        backend.close()
        records = self.read(tmp_path)
        for name, count in (('weights', 100), ('binned', 4)):
            if self._supports('histogram'):
                assert records.histograms[name] == count
            else:
                assert name in records.figures or name in records.images

    def test_figure(self, tmp_path: Path) -> None:
        """A figure of matplotlib comes back, as such or as a picture."""
        from matplotlib.figure import Figure
        figure = Figure(figsize=(2, 2))
        figure.add_subplot().plot([1, 2, 3])
        records = self._record(tmp_path, 'add_figure', 'curve', figure, 6)
        assert 'curve' in records.figures or 'curve' in records.images

    def test_artifact(self, tmp_path: Path) -> None:
        """A file is kept with its facts, or at least noted."""
        file = tmp_path / 'epoch_3.pth'
        file.write_bytes(b'weights')
        backend = self.make_backend(tmp_path / 'run')
        backend.add_artifact('model', file, type='model', aliases=('latest', 'epoch_3'), metadata={'mAP': 0.5}, step=3)
        backend.close()
        records = self.read(tmp_path / 'run')
        if self._supports('artifact'):
            assert records.artifacts['model'].get('mAP', 0.5) == 0.5
        elif self._supports('text'):
            assert 'epoch_3.pth' in records.texts['model'][0][1]

    def test_summary(self, tmp_path: Path) -> None:
        """Results of the run come back, as such or as scalars."""
        records = self._record(tmp_path, 'add_summary', {'best_acc': 0.5})
        if self._supports('summary'):
            assert records.summary['best_acc'] == 0.5
        else:
            assert records.scalars['summary/best_acc'][-1][1] == 0.5

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

    # Helpers

    def _supports(self, feature: str) -> bool:
        return self.make_backend(Path('unused')).supports(feature)

    def _record(self, save_dir: Path, method: str, *args: Any, **kwargs: Any) -> Records:
        backend = self.make_backend(save_dir)
        getattr(backend, method)(*args, **kwargs)
        backend.close()
        return self.read(save_dir)

    def _scalars(self, save_dir: Path, name: str) -> list[tuple[int, float]]:
        return self.read(save_dir).scalars[name]

    def _compare(self, save_dir: Path, name: str, expected: list[tuple[int, float]]) -> None:
        kept = self._scalars(save_dir, name)
        assert [step for step, _ in kept] == [step for step, _ in expected]
        for (_, value), (_, wanted) in zip(kept, expected, strict=True):
            assert abs(value - wanted) <= self.scalar_tolerance * abs(wanted)
