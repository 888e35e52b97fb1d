"""Neptune: offline runs, read back with the client's own reader, which is what `neptune sync` reads."""
import base64
import csv
import io
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmengine.integrations.neptune import NeptuneVisBackend
from mmengine.visualization import Artifact, Identity, Visualizer
from mmengine.visualization.testing import Records, UnreachableContract, VisBackendContract, sample_image

#: The client is no longer maintained, and what it imports has moved on.
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ('API_TOKEN', 'PROJECT', 'MODE', 'DATA_DIRECTORY', 'CUSTOM_RUN_ID'):
        monkeypatch.delenv(f'NEPTUNE_{name}', raising=False)


def operations(folder: Path, scratch: Path) -> list:
    """Read a copy of the queue on the disk: the reader leaves its own marks."""
    from neptune.core.components.queue.disk_queue import DiskQueue
    from neptune.internal.operation import Operation
    copy = Path(shutil.copytree(folder, scratch / folder.name))
    queue = DiskQueue(copy, lambda operation: operation.to_dict(), Operation.from_dict, threading.RLock())
    found = []
    while (element := queue.get()) is not None:
        found.append(element.obj)
    queue.close()
    return found


def read_runs(folder: Path) -> Records:
    import tempfile
    records = Records(config={})
    runs = sorted((folder / '.neptune' / 'offline').iterdir(), key=lambda path: path.stat().st_mtime_ns)
    with tempfile.TemporaryDirectory() as scratch:
        for run in runs:
            for operation in operations(run, Path(scratch)):
                read_operation(records, operation, run)
    return records


def read_operation(records: Records, operation, run: Path) -> None:
    kind, path = type(operation).__name__, operation.path
    name = '/'.join(path)
    if kind == 'LogFloats':
        records.scalars.setdefault(name, []).extend((value.step, value.value) for value in operation.values)
    elif kind == 'LogStrings':
        records.texts.setdefault(name, []).extend((value.step, value.value) for value in operation.values)
    elif kind == 'LogImages':
        for value in operation.values:
            picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(value.value.data))))
            records.images.setdefault(name, []).append((value.step, picture))
    elif kind == 'UploadFile' and operation.tmp_file_name:
        text = (run / 'upload_path' / operation.tmp_file_name).read_text()
        if operation.ext == 'csv':
            columns, *rows = csv.reader(io.StringIO(text))
            records.tables['/'.join(path[:-1])] = (columns, rows)
        records.texts.setdefault('/'.join(path[:-1]), []).append((path[-1], text))
    elif kind.startswith('Assign'):
        read_field(records, path, operation.value)


def read_field(records: Records, path: list, value) -> None:
    if path == ['sys', 'failed']:
        records.status = str(value)
    elif path[0] == 'config':
        records.config['/'.join(path[1:])] = value
    elif path[0] == 'summary':
        records.summary['/'.join(path[1:])] = value
    elif path[0] == 'artifacts':
        facts = records.artifacts.setdefault(path[1], {})
        facts[path[-1]] = value


class TestNeptuneContract(VisBackendContract):
    backend_class = NeptuneVisBackend
    client_modules = ('neptune',)
    statuses = {'success': 'False', 'failed': 'True', 'aborted': 'True'}

    def read(self, save_dir):
        return read_runs(save_dir)


class TestNeptuneWithoutServer(UnreachableContract):
    """A server of one's own that is away."""

    def make_unreachable(self, save_dir, address):
        import neptune  # noqa: F401  # before the limits, which are those of a connection
        token = base64.b64encode(json.dumps({'api_address': f'http://{address}', 'api_url': f'http://{address}',
                                             'api_key': 'k'}).encode()).decode()
        backend = NeptuneVisBackend(str(save_dir), dict(mode='async', project='a/b', api_token=token))
        backend.start_limit = backend.close_limit = 2.0
        return backend


@pytest.fixture
def backend(tmp_path):
    backend = NeptuneVisBackend(str(tmp_path))
    yield backend
    backend.close()


def test_a_config_is_nested_fields(backend, tmp_path):
    backend.add_config({'model': {'type': 'ResNet', 'depth': 50, 'norm': None}, 'betas': (0.5, 0.9)})
    backend.update_config({'lr': 0.1})
    backend.close()
    assert read_runs(tmp_path).config == {'model/type': 'ResNet', 'model/depth': 50, 'model/norm': 'None',
                                          'betas': '[0.5, 0.9]', 'lr': 0.1}


def test_dark_images_stay_dark(backend, tmp_path):
    """Of an array the client takes the range of the values from the values."""
    dark = np.zeros((4, 6, 3), np.uint8)
    dark[1, 2] = 1
    backend.add_image('dark', dark)
    backend.close()
    assert (read_runs(tmp_path).images['dark'][0][1] == dark).all()


def test_a_checkpoint_has_a_place_for_each_version(backend, tmp_path):
    for epoch in (1, 2):
        file = tmp_path / f'epoch_{epoch}.pth'
        file.write_bytes(b'weights')
        backend.add_artifact('model', file, type='model', aliases=('latest', f'epoch_{epoch}'),
                             metadata={'acc': np.float32(epoch / 4), 'names': ['a']})
    backend.close()
    run, = (tmp_path / '.neptune' / 'offline').iterdir()
    uploads, fields = {}, {}
    for operation in operations(run, tmp_path / 'copy'):
        name = '/'.join(operation.path)
        if type(operation).__name__ == 'UploadFile':
            uploads[name] = operation
        elif hasattr(operation, 'value'):
            fields[name] = operation.value
    for epoch in (1, 2):
        place = f'artifacts/model/epoch_{epoch}'
        assert uploads[f'{place}/file'].file_path == str(tmp_path / f'epoch_{epoch}.pth')
        assert fields[f'{place}/metadata/acc'] == epoch / 4
        assert fields[f'{place}/metadata/names'] == "['a']"
        assert (fields[f'{place}/type'], fields[f'{place}/aliases']) == ('model', f'latest, epoch_{epoch}')


def test_long_texts_are_files(backend, tmp_path):
    backend.add_text('log', 'x' * 5000, 3)
    backend.add_text('page', '<b>a</b>', 3, format='html')
    backend.close()
    assert read_runs(tmp_path).texts == {'log': [('3', 'x' * 5000)], 'page': [('3', '<b>a</b>')]}


def test_interactive_figures_are_pages(backend, tmp_path):
    class Plot:
        def to_html(self):
            return '<html>plot</html>'

    backend.add_figure('plot', Plot(), 1)
    backend.close()
    assert read_runs(tmp_path).texts == {'plot': [('1', '<html>plot</html>')]}


def test_pictures_of_a_table(backend, tmp_path):
    backend.add_table('eval', ['name', 'image'], [['a', sample_image()]], 2, artifact=Artifact('pred', 'evaluation'))
    backend.close()
    records = read_runs(tmp_path)
    assert records.tables['eval'] == (['name', 'image'], [['a', 'eval_image_0']])
    assert records.tables['artifacts/pred/step_2'] == records.tables['eval']
    assert (records.images['eval_image_0'][0][1] == sample_image()).all()


def test_identity(tmp_path):
    backend = NeptuneVisBackend(str(tmp_path))
    backend.identify(Identity(run_id='run1', name='a name', tags=('t',), group='g', notes='n'))
    backend.add_tags(['u'])
    assert (backend.run.id, backend.run.url) == ('run1', None)
    backend.close()
    run, = (tmp_path / '.neptune' / 'offline').iterdir()
    found = [operation.to_dict() for operation in operations(run, tmp_path / 'copy')]
    fields = {'/'.join(one['path']): one.get('value', one.get('values')) for one in found}
    assert fields['sys/name'] == 'a name'
    assert fields['sys/description'] == 'n'
    tags = [sorted(one['values']) for one in found if one['path'] == ['sys', 'tags']]
    assert tags == [['g', 't'], ['u']]


def test_the_folder_of_the_run_is_not_for_others(backend, tmp_path, monkeypatch):
    import os
    backend.add_scalar('loss', 0.5)
    assert 'NEPTUNE_DATA_DIRECTORY' not in os.environ
    monkeypatch.setenv('NEPTUNE_DATA_DIRECTORY', str(tmp_path / 'chosen'))
    other = NeptuneVisBackend(str(tmp_path / 'unused'))
    other.add_scalar('loss', 0.5)
    other.close()
    assert (tmp_path / 'chosen' / 'offline').is_dir()


def test_old_arguments_and_attribute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backend = NeptuneVisBackend(init_kwargs=dict(mode='offline', name='mine'))
    assert backend.experiment is backend._neptune
    backend.close()
    assert (tmp_path / '.neptune' / 'offline').is_dir()


def test_steps_that_the_platform_would_refuse_are_raised(tmp_path):
    visualizer = Visualizer(vis_backends={'neptune': NeptuneVisBackend(str(tmp_path))})
    for step in (5, 5, 2):
        visualizer.add_scalar('loss', 0.5, step)
    visualizer.close()
    assert [step for step, _ in read_runs(tmp_path).scalars['loss']] == [5, 6, 7]


def test_a_crash_keeps_what_was_recorded(tmp_path):
    code = ('from mmengine.visualization import Visualizer\n'
            f'v = Visualizer(vis_backends=[dict(type="NeptuneVisBackend")], save_dir={str(tmp_path)!r})\n'
            'v.add_config({})\nv.get_backend("NeptuneVisBackend")\n'
            'for step in range(50):\n    v.add_scalar("loss", 0.5, step)\n'
            'raise RuntimeError("boom")')
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True)
    assert done.returncode == 1
    records = read_runs(tmp_path / 'vis_data')
    assert [step for step, _ in records.scalars['loss']] == list(range(50))
    assert records.status == 'True'
