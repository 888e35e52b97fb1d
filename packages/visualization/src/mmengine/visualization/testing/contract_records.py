"""That what is recorded directly comes back when it is read with the tracker's own reader."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmengine.visualization.testing.knobs import Knobs
from mmengine.visualization.testing.samples import SampleConfig, sample_image
from mmengine.visualization.values import Artifact, Boxes, Picture, ScalarRow


class RecordContract(Knobs):
    """The tests of its records."""

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

    def test_scalars_in_a_batch(self, tmp_path: Path) -> None:
        """What has gathered in a queue arrives in its order."""
        rows = [ScalarRow(step, {'loss': step / 4, 'acc': step}, 1.7e9 + step) for step in range(5)]
        self._record(tmp_path, 'add_scalar_batch', rows)
        self._compare(tmp_path, 'loss', [(step, step / 4) for step in range(5)])
        self._compare(tmp_path, 'acc', [(step, step) for step in range(5)])

    def test_odd_names(self, tmp_path: Path) -> None:
        """A name that the tracker does not take as it is becomes one that it takes."""
        name = 'val/mAP @ 0.5:0.95 [small], größer'
        self._record(tmp_path, 'add_scalar', name, 0.5, 1)
        self._compare(tmp_path, name, [(1, 0.5)])

    def test_odd_numbers(self, tmp_path: Path) -> None:
        """A loss that became NaN or infinite does not hurt the next one."""
        backend = self.make_backend(tmp_path)
        for step, value in enumerate((float('nan'), float('inf'), 0.5)):
            backend.add_scalars({'loss': value, 'acc': 0.25}, step)
        backend.close()
        assert self._scalars(tmp_path, 'loss')[-1] == (2, 0.5)
        self._compare(tmp_path, 'acc', [(step, 0.25) for step in range(3)])

    def test_odd_config(self, tmp_path: Path) -> None:
        """A config may hold whatever Python has."""
        config: dict[Any, Any] = {'none': None, 'tuple': (1, (2, 3)), 'set': {1}, 'path': Path('a/b'), 'function': len,
                                  'type': Path, 'array': np.arange(3), 'empty': {}, 1: 'int key', 'dotted.key/slash': 1,
                                  'nan': float('nan'), 'bytes': b'a', 'dicts': [{'a': 1}, {'b': [None]}],
                                  'long': 'x' * 7000, 'last': 'marker'}
        records = self._record(tmp_path, 'add_config', config)
        assert 'marker' in str(records.config)

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

    def test_gray_image(self, tmp_path: Path) -> None:
        """A picture without channels stays gray."""
        gray = sample_image()[..., 0]
        (step, kept), = self._record(tmp_path, 'add_image', 'gray', gray, 2).images['gray']
        assert step == 2
        kept = kept if kept.ndim == 2 else kept[..., :3].max(axis=2)
        assert np.abs(kept.astype(int) - gray.astype(int)).max() <= self.image_tolerance

    def test_images_of_one_step(self, tmp_path: Path) -> None:
        """Several pictures of one step are all there."""
        records = self._record(tmp_path, 'add_images', 'batch', [sample_image(), 255 - sample_image()], 2)
        assert sum(len(found) for name, found in records.images.items() if name.startswith('batch')) == 2

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

    def test_artifact_by_reference(self, tmp_path: Path) -> None:
        """An address, or a folder that stays where it is, is noted."""
        backend = self.make_backend(tmp_path / 'run')
        backend.add_artifact('data', 's3://bucket/data', type='dataset', reference=True)
        backend.add_artifact('folder', tmp_path, type='dataset', reference=True)
        backend.close()
        records = self.read(tmp_path / 'run')
        if self._supports('artifact'):
            assert {'data', 'folder'} <= set(records.artifacts)
        elif self._supports('text'):
            assert 's3://bucket/data' in records.texts['data'][0][1]

    def test_folder_as_artifact(self, tmp_path: Path) -> None:
        """A folder is kept as a whole, or at least noted."""
        folder = tmp_path / 'data'
        folder.mkdir()
        (folder / 'a.txt').write_text('a')
        records = self._record(tmp_path / 'run', 'add_artifact', 'data', folder, type='dataset')
        if self._supports('artifact'):
            assert 'data' in records.artifacts

    def test_summary(self, tmp_path: Path) -> None:
        """Results of the run come back, as such or as scalars."""
        records = self._record(tmp_path, 'add_summary', {'best_acc': 0.5})
        if self._supports('summary'):
            assert records.summary['best_acc'] == 0.5
        else:
            assert records.scalars['summary/best_acc'][-1][1] == 0.5
