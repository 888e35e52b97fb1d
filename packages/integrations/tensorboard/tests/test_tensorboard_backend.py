"""TensorBoard: event files are written, and read with TensorBoard's own reader."""
import importlib.util
import io
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmengine.integrations.tensorboard import TensorboardVisBackend
from mmengine.visualization import Boxes, Visualizer
from mmengine.visualization.testing import Records, SampleConfig, VisBackendContract, sample_image


def read_events(folder: Path) -> Records:
    # Without the zeros the reader keeps only a sample of the events.
    everything = dict.fromkeys(('scalars', 'images', 'tensors', 'histograms'), 0)
    reader = EventAccumulator(str(folder), size_guidance=everything)
    reader.Reload()
    tags = reader.Tags()
    texts = {tag.removesuffix('/text_summary'): [(event.step, event.tensor_proto.string_val[0].decode())
                                                 for event in reader.Tensors(tag)] for tag in tags['tensors']}
    return Records(
        config=texts.get('config'),
        scalars={tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in tags['scalars']},
        images={tag: [(event.step, np.asarray(Image.open(io.BytesIO(event.encoded_image_string))))
                      for event in reader.Images(tag)] for tag in tags['images']},
        texts=texts,
        histograms={tag: reader.Histograms(tag)[0].histogram_value.num for tag in tags['histograms']})


def as_tensorboardx_keeps(name: str) -> str:
    return re.sub(r'[^-/\w.]', '_', name)


class TestTensorboardContract(VisBackendContract):
    backend_class = TensorboardVisBackend
    client_modules = ('torch', 'tensorboard', 'tensorboardX')

    def read(self, save_dir):
        return read_events(save_dir)

    def kept_name(self, name):
        return name if importlib.util.find_spec('torch') else as_tensorboardx_keeps(name)


class TestTensorboardXContract(TestTensorboardContract):
    """The same without torch."""

    def kept_name(self, name):
        return as_tensorboardx_keeps(name)

    @pytest.fixture(autouse=True)
    def _no_torch(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'torch.utils.tensorboard', None)

    def test_the_writer_is_tensorboardx(self, tmp_path):
        backend = TensorboardVisBackend(str(tmp_path))
        assert type(backend.experiment).__module__.startswith('tensorboardX')
        backend.close()


@pytest.fixture
def backend(tmp_path):
    backend = TensorboardVisBackend(str(tmp_path))
    yield backend
    backend.close()


@pytest.mark.parametrize('value', ['high', [1, 2], np.array([1, 2]), None])
def test_what_is_no_number_is_left_out_with_a_warning(backend, tmp_path, value):
    with pytest.warns(UserWarning, match="'map' is not written"):
        backend.add_scalars({'map': value, 'loss': 0.5})
    backend.close()
    assert read_events(tmp_path).scalars == {'loss': [(0, 0.5)]}


def test_step_as_a_key_is_an_error(backend):
    with pytest.raises(AssertionError, match='step'):
        backend.add_scalars({'map': 0.5, 'step': 1})


def test_old_attribute_and_arguments(tmp_path):
    backend = TensorboardVisBackend(save_dir=str(tmp_path), init_kwargs=dict(filename_suffix='.mine'))
    assert backend.experiment is backend._tensorboard
    backend.close()
    assert [path.name.endswith('.mine') for path in tmp_path.iterdir()] == [True]


def test_flush_brings_it_to_the_disk(backend, tmp_path):
    backend.add_scalar('loss', 0.5, 3)
    for _ in range(500):
        backend.flush()
        if read_events(tmp_path).scalars:
            break
        time.sleep(0.01)  # the thread of tensorboardX
    assert read_events(tmp_path).scalars == {'loss': [(3, 0.5)]}


def test_gray_images(backend, tmp_path):
    gray = sample_image()[..., 0]
    backend.add_image('gray', gray)
    backend.add_image('gray1', gray[..., None])
    backend.close()
    images = read_events(tmp_path).images
    for name in ('gray', 'gray1'):
        assert (images[name][0][1] == gray[..., None]).all()  # TensorBoard keeps three channels


def test_not_finite_values_are_no_part_of_a_histogram(backend, tmp_path):
    backend.add_histogram('weights', np.array([1., np.nan, np.inf, 2.]))
    backend.close()
    assert read_events(tmp_path).histograms == {'weights': 2}


def test_interactive_figures_are_written_as_pages(backend, tmp_path):
    class Plot:
        def to_html(self):
            return '<html>plot</html>'

    backend.add_figure('plot', Plot(), 1)
    assert (tmp_path / 'texts' / 'plot_1.html').read_text() == '<html>plot</html>'


def test_no_folder_is_an_error_that_says_so():
    with pytest.raises(ValueError, match='save_dir'):
        TensorboardVisBackend(None).add_scalar('loss', 1)


def test_found_by_name_without_an_import(tmp_path):
    code = ('from mmengine.visualization import Visualizer\n'
            f'v = Visualizer(vis_backends=[dict(type="TensorboardVisBackend")], save_dir={str(tmp_path)!r})\n'
            'v.add_scalar("loss", 0.5, 1)\nv.close()')
    subprocess.run([sys.executable, '-c', code], check=True)
    assert read_events(tmp_path / 'vis_data').scalars == {'loss': [(1, 0.5)]}


def test_the_old_name_in_visualization_is_this_class():
    import mmengine.visualization
    from mmengine.visualization.vis_backend import TensorboardVisBackend as Old
    assert mmengine.visualization.TensorboardVisBackend is TensorboardVisBackend
    assert Old is TensorboardVisBackend


def test_beside_the_local_files(tmp_path):
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')],
                            save_dir=str(tmp_path), on_error='raise')
    visualizer.add_config(SampleConfig())
    visualizer.add_scalars({'loss': 0.25, 'lr': 0.5}, step=4)
    visualizer.add_image('img', sample_image(), 4, boxes={'gt': Boxes(np.array([[5, 5, 20, 20]]), [0])})
    visualizer.close()
    records = read_events(tmp_path / 'vis_data')
    assert records.scalars == {'loss': [(4, 0.25)], 'lr': [(4, 0.5)]}
    saved = np.asarray(Image.open(tmp_path / 'vis_data' / 'vis_image' / 'img_4.png'))
    assert (records.images['img'][0][1] == saved).all()


FULL_DISK = """
import resource, sys, time
sys.modules['torch.utils.tensorboard'] = None
from mmengine.integrations.tensorboard import TensorboardVisBackend
backend = TensorboardVisBackend(sys.argv[1], init_kwargs=dict(flush_secs=0))
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most))  # no file may be longer: as on a full disk
try:
    for step in range(100_000):
        backend.add_scalar('loss', 0.5, step)
        time.sleep(0.001)
except OSError as error:
    assert 'writes no more' in str(error), error
else:
    raise SystemExit('nothing was raised')
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
backend.add_scalar('after', 0.25, 1)
backend.close()
"""


@pytest.mark.skipif(sys.platform == 'win32', reason='has no limits of file sizes to stand for a full disk')
def test_a_full_disk_is_said_and_stops_nothing(tmp_path):
    done = subprocess.run([sys.executable, '-c', FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert read_events(tmp_path).scalars['after'] == [(1, 0.25)]
