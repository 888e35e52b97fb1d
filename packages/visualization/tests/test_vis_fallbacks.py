"""A tracker that has only what upstream's interface has, asked for everything."""
from pathlib import Path

import numpy as np
import pytest

from mmengine.visualization import Artifact, BaseVisBackend, Boxes, Picture, PictureRef, force_init_env
from mmengine.visualization.drawing.annotate import annotate, class_color
from mmengine.visualization.testing import sample_image


class OldBackend(BaseVisBackend):
    def __init__(self, save_dir=None):
        super().__init__(save_dir)
        self.images, self.scalars = {}, {}

    def _init_env(self):
        pass

    @property
    def experiment(self):
        return self

    @force_init_env
    def add_image(self, name, image, step=0, **kwargs):
        self.images[name, step] = image

    @force_init_env
    def add_scalar(self, name, value, step=0, **kwargs):
        self.scalars[name, step] = value


class TextBackend(OldBackend):
    def __init__(self, save_dir=None):
        super().__init__(save_dir)
        self.texts = {}

    def add_text(self, name, text, step=0, *, format='plain', **kwargs):
        self.texts[name, step, format] = text


def warnings_in(capsys):
    return capsys.readouterr().out.count('of its own')


def test_scalars_of_a_step_are_recorded_one_by_one(capsys):
    backend = OldBackend()
    backend.add_scalars({'a': 1, 'b': 2}, 3)
    assert backend.scalars == {('a', 3): 1, ('b', 3): 2}
    backend.add_summary({'best': 0.5})
    backend.add_summary({'best': 0.75})
    assert backend.scalars['summary/best', 0] == 0.75
    assert warnings_in(capsys) == 1


def test_texts_go_to_files(tmp_path, capsys):
    backend = OldBackend(str(tmp_path))
    backend.add_text('a/notes', 'one', 1)
    backend.add_text('a/notes', '# two', 2, format='markdown')
    assert (tmp_path / 'texts' / 'a' / 'notes_1.txt').read_text() == 'one'
    assert (tmp_path / 'texts' / 'a' / 'notes_2.md').read_text() == '# two'
    out = capsys.readouterr().out
    assert out.count('OldBackend has no text of its own') == 1
    assert str(tmp_path / 'texts') in out


def test_without_a_folder_texts_are_dropped_and_it_says_so(capsys):
    OldBackend().add_text('notes', 'one')
    assert 'not recorded' in capsys.readouterr().out


def test_tables_become_text_and_pictures(capsys):
    backend = TextBackend()
    image = sample_image()
    for step in range(2):
        backend.add_table('eval', ['name', 'score', 'image'],
                          iter([['a|b', 0.5, image], ['c', None, PictureRef('val', 3, 'image')]]), step,
                          artifact=Artifact('eval'))
    assert backend.texts['eval', 1, 'markdown'].splitlines() == [
        '| name | score | image |', '| --- | --- | --- |', '| a\\|b | 0.5 | picture image/0 |',
        '| c | None | val/image/3 |']
    assert (backend.images['eval/image/0', 1] == image).all()
    assert warnings_in(capsys) == 1
    backend.add_curve('pr', [0, 1], [1, 0], 2, x_name='recall', y_name='precision')
    assert backend.texts['pr', 2, 'markdown'].splitlines()[0] == '| recall | precision |'


def test_figures_and_histograms_become_images(capsys):
    from matplotlib.figure import Figure
    backend = TextBackend()
    figure = Figure(figsize=(2, 1), dpi=100, facecolor='red')
    backend.add_figure('fig', figure, 1)
    assert backend.images['fig', 1].shape == (100, 200, 3)
    assert backend.images['fig', 1][0, 0].tolist() == [255, 0, 0]
    backend.add_histogram('weights', np.array([1., np.nan, 2.]), 2)
    backend.add_histogram('binned', step=2, counts=[1, 2], edges=[0, 1, 2])
    assert backend.images['weights', 2].ndim == 3
    with pytest.raises(ValueError, match='counts'):
        backend.add_histogram('nothing')
    with pytest.raises(ValueError, match='one more'):
        backend.add_histogram('nothing', counts=[1, 2], edges=[0, 1])
    assert warnings_in(capsys) == 2


def test_pages_of_figures_become_text():
    class Plot:
        def to_html(self):
            return '<p>'

    backend = TextBackend()
    backend.add_figure('plot', Plot(), 3)
    assert backend.texts == {('plot', 3, 'html'): '<p>'}


def test_artifacts_are_noted(tmp_path):
    file = tmp_path / 'epoch_1.pth'
    file.write_bytes(b'1234')
    backend = TextBackend()
    backend.add_artifact('model', file, type='model', aliases=('latest', 'epoch_1'), metadata={'acc': 0.5}, step=1)
    note = backend.texts['model', 1, 'markdown']
    for words in ('| type | model |', f'| path | {file} |', '| size | 4 |', '| aliases | latest, epoch_1 |',
                  '| acc | 0.5 |'):
        assert words in note
    backend.add_artifact('missing', tmp_path / 'no', reference=True)
    assert '| size | None |' in backend.texts['missing', 0, 'markdown']


def test_alerts_tags_and_settings(capsys):
    backend = TextBackend()
    backend.alert('stopped', 'loss is nan', 'error')
    backend.alert('again')
    backend.add_tags(['a', 'b'])
    backend.update_config({'lr': 0.1})
    assert 'stopped: loss is nan' in capsys.readouterr().out
    assert backend.texts['tags', 0, 'plain'] == 'a\nb'
    assert '| lr | 0.1 |' in backend.texts['config_update', 0, 'markdown']


def test_what_there_is_nothing_for_is_dropped_with_one_word(capsys):
    class Nothing(BaseVisBackend):
        _init_env = experiment = None

    backend = Nothing(None)
    for _ in range(2):
        backend.add_scalars({'a': 1, 'b': 2})
        backend.add_image('img', sample_image())
    backend.add_config({})
    backend.add_graph(None, [])
    assert warnings_in(capsys) == 2


def test_what_it_supports():
    assert OldBackend().supports('image')
    assert OldBackend().supports('add_scalar')
    assert not OldBackend().supports('table')
    assert TextBackend().supports('text')
    assert not TextBackend().supports('resume')


def test_a_constructor_that_does_not_call_ours_is_forgiven(tmp_path):
    class Foreign(OldBackend):
        def __init__(self):
            self.images = {}

    backend = Foreign()
    backend.add_picture('img', Picture(sample_image(), {'gt': Boxes(np.zeros((0, 4)))}))
    backend.add_text('a', 'b')
    assert list(backend.images) == [('img', 0)]


def test_boxes_and_masks_in_the_pixels():
    image = np.zeros((40, 60, 3), np.uint8)
    mask = np.zeros((40, 60), np.int64)
    mask[30:, :10] = 2
    picture = Picture(image, {'gt': Boxes(np.array([[20, 20, 50, 35], [60, 10, 52, 2]]), [1, 7], scores=[0.5, 0.25])},
                      {'gt': mask}, class_names={1: 'cat'})
    drawn = annotate(picture)
    assert drawn[30, 20].tolist() == list(class_color(1))
    assert drawn[35, 5].tolist() == [round(channel / 2) for channel in class_color(2)]
    assert drawn[12:18, 22:40].any()  # the caption
    assert not image.any()
    with pytest.raises(ValueError, match=r'\(40, 60\), but got \(2, 2\)'):
        annotate(Picture(image, masks={'gt': np.zeros((2, 2), int)}))
    captions = Boxes(np.array([[20, 20, 50, 35]]), captions=['own words'])
    assert (annotate(Picture(image[..., 0], {'gt': captions})) != 0).any()


def test_no_file_is_made_beside_the_records(tmp_path):
    TextBackend(str(tmp_path)).add_table('a', ['b'], [[1]])
    assert list(Path(tmp_path).iterdir()) == []
