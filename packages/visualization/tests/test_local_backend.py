import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmengine.visualization import Artifact, Boxes, Identity, LocalVisBackend, Picture, PictureRef
from mmengine.visualization.testing import Records, SampleConfig, VisBackendContract, sample_image


def json_lines(path: Path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def by_name_and_step(folder: Path, suffix: str) -> dict:
    found = {}
    for path in sorted(folder.rglob(f'*{suffix}')):
        name, _, step = path.relative_to(folder).with_suffix('').as_posix().rpartition('_')
        found.setdefault(name, []).append((int(step), path))
    return found


def read_local(folder: Path) -> Records:
    records = Records()
    if (folder / 'config.py').exists():
        records.config = (folder / 'config.py').read_text()
    for line in json_lines(folder / 'scalars.json'):
        step = line.pop('step')
        for name, value in line.items():
            records.scalars.setdefault(name, []).append((step, value))
    for name, found in by_name_and_step(folder / 'vis_image', '.png').items():
        records.images[name] = [(step, np.asarray(Image.open(path))) for step, path in found]
    for name, found in by_name_and_step(folder / 'texts', '.txt').items():
        records.texts[name] = [(step, path.read_text()) for step, path in found]
    for path in (folder / 'tables').glob('*.csv'):
        columns, *rows = csv.reader(path.read_text().splitlines())
        records.tables[path.stem.rpartition('_')[0]] = (columns, rows)
    records.histograms = {line['name']: sum(line['counts']) for line in json_lines(folder / 'histograms.json')}
    records.figures = set(by_name_and_step(folder / 'figures', '.png'))
    records.artifacts = {line['name']: line['metadata'] for line in json_lines(folder / 'artifacts.json')}
    if (folder / 'summary.json').exists():
        records.summary = json.loads((folder / 'summary.json').read_text())
    if (folder / 'run.json').exists():
        records.status = json.loads((folder / 'run.json').read_text())['status']
    return records


class TestLocalContract(VisBackendContract):
    backend_class = LocalVisBackend
    client_modules = ('matplotlib', 'cv2', 'torch')

    def read(self, save_dir):
        return read_local(save_dir)


@pytest.fixture
def backend(tmp_path):
    return LocalVisBackend(str(tmp_path / 'run'))


def test_suffixes():
    with pytest.raises(AssertionError, match=r"config_save_file should end in '\.py', but got 'a\.txt'"):
        LocalVisBackend('run', config_save_file='a.txt')
    with pytest.raises(AssertionError, match='scalar_save_file'):
        LocalVisBackend('run', scalar_save_file='a.yaml')


def test_everything_is_made_when_it_is_needed(backend, tmp_path):
    assert not (tmp_path / 'run').exists()
    assert backend.experiment is backend
    assert os.listdir(tmp_path / 'run') == []
    assert backend._img_save_dir == str(tmp_path / 'run' / 'vis_image')
    assert backend._scalar_save_file == str(tmp_path / 'run' / 'scalars.json')
    assert backend._config_save_file == str(tmp_path / 'run' / 'config.py')


def test_lines_of_scalars(backend, tmp_path, tensor):
    backend.add_scalar('map', 0.9)
    backend.add_scalar('map', np.array(0.5), step=1)
    backend.add_scalars({'map': tensor(0.25), 'lr': [1, 2], 'step': 7}, step=3)
    text = (tmp_path / 'run' / 'scalars.json').read_text()
    assert text.splitlines()[0] == '{"map": 0.9, "step": 0}'
    assert json_lines(tmp_path / 'run' / 'scalars.json')[1:] == [{'map': 0.5, 'step': 1},
                                                                {'map': 0.25, 'lr': [1, 2], 'step': 7}]


def test_a_further_file_of_scalars(backend, tmp_path):
    values = {'map': 0.5}
    backend.add_scalars(values, step=2, file_path='20250102.json')
    assert values == {'map': 0.5}
    for name in ('20250102.json', 'scalars.json'):
        assert json_lines(tmp_path / 'run' / name) == [{'map': 0.5, 'step': 2}]
    with pytest.raises(AssertionError, match='two files'):
        backend.add_scalars(values, file_path='scalars.json')
    with pytest.raises(AssertionError, match=r"should end in '\.json'"):
        backend.add_scalars(values, file_path='a.txt')


def test_nothing_is_lost_when_the_process_is_killed(tmp_path):
    code = ('import os, signal\nfrom mmengine.visualization import LocalVisBackend\n'
            f'backend = LocalVisBackend({str(tmp_path)!r})\n'
            'for step in range(200): backend.add_scalar("loss", 1.0, step)\n'
            'os.kill(os.getpid(), signal.SIGKILL)')
    assert subprocess.run([sys.executable, '-c', code]).returncode == -signal.SIGKILL
    assert [line['step'] for line in json_lines(tmp_path / 'scalars.json')] == list(range(200))


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs the device of Linux that is always full')
def test_a_full_disk_names_the_file(backend, tmp_path):
    backend.start()
    os.symlink('/dev/full', tmp_path / 'run' / 'scalars.json')
    with pytest.raises(OSError, match=r'No space left.*scalars\.json'):
        backend.add_scalar('loss', 1.0)


def test_images_are_of_uint8(backend, tmp_path):
    with pytest.raises(AssertionError, match='uint8, but got float64'):
        backend.add_image('img', np.zeros((2, 2, 3)))
    with pytest.raises(AssertionError, match='list'):
        backend.add_image('img', [[0]])
    backend.add_image('a/b/img', sample_image(), 3)
    assert (np.asarray(Image.open(tmp_path / 'run' / 'vis_image' / 'a' / 'b' / 'img_3.png')) == sample_image()).all()


def test_names_do_not_lead_out_of_the_folder(backend, tmp_path):
    backend.add_text('../../x', 'a', 1)
    backend.add_text('/y', 'a', 1)
    texts = tmp_path / 'run' / 'texts'
    assert sorted(path.relative_to(texts).as_posix() for path in texts.rglob('*.txt')) == ['_/_/x_1.txt', 'y_1.txt']


def test_config_is_a_mapping_or_has_dump(backend, tmp_path):
    with pytest.raises(AssertionError, match='list'):
        backend.add_config([])
    backend.add_config({'lr': (1, 2), 'name': 'a'})
    assert (tmp_path / 'run' / 'config.py').read_text() == "lr = [1, 2]\nname = 'a'\n"
    backend.add_config(SampleConfig())
    assert 'ResNet' in (tmp_path / 'run' / 'config.py').read_text()


def test_pictures_in_tables(backend, tmp_path):
    box = Picture(sample_image(), {'gt': Boxes(np.array([[2, 2, 9, 9]]), [1])})
    rows = [['a', box], ['b', sample_image()], ['c', PictureRef('val', 0, 'image')], ['d', None]]
    backend.add_table('val', ['name', 'image'], rows, 4, artifact=Artifact('val', 'dataset', ('v',), {'n': 4}))
    columns, *rows = csv.reader((tmp_path / 'run' / 'tables' / 'val_4.csv').read_text().splitlines())
    assert columns == ['name', 'image']
    assert rows == [['a', 'val_4/0_image.png'], ['b', 'val_4/1_image.png'], ['c', 'val[0].image'], ['d', '']]
    drawn = np.asarray(Image.open(tmp_path / 'run' / 'tables' / 'val_4' / '0_image.png'))
    assert (drawn != sample_image()).any()
    note, = json_lines(tmp_path / 'run' / 'artifacts.json')
    assert (note['type'], note['aliases'], note['metadata']) == ('dataset', ['v'], {'n': 4})
    assert note['path'] == str(tmp_path / 'run' / 'tables' / 'val_4.csv')


def test_versions_of_artifacts(backend, tmp_path):
    file = tmp_path / 'a.pth'
    for version in range(2):
        file.unlink(missing_ok=True)
        file.write_text(f'weights {version}')
        backend.add_artifact('model', file, type='model', aliases=('latest',), metadata={'acc': np.float32(0.5)})
    backend.add_artifact('data', tmp_path, reference=True)
    folder = tmp_path / 'data'
    folder.mkdir()
    (folder / 'x.txt').write_text('x')
    backend.add_artifact('data', folder)
    kept = tmp_path / 'run' / 'artifacts'
    for version in range(2):
        assert (kept / 'model' / f'v{version}' / 'a.pth').read_text() == f'weights {version}'
    assert (kept / 'data' / 'v0' / 'data' / 'x.txt').read_text() == 'x'
    lines = json_lines(tmp_path / 'run' / 'artifacts.json')
    assert [line['path'] for line in lines] == ['artifacts/model/v0/a.pth', 'artifacts/model/v1/a.pth', str(tmp_path),
                                                'artifacts/data/v0/data']
    assert lines[0]['metadata'] == {'acc': 0.5}


def test_tags_identity_summary_and_the_end(backend, tmp_path):
    backend.identify(Identity(run_id='r1', project='p'))
    backend.add_tags(['a'])
    backend.add_tags(['a', 'b'])
    backend.add_summary({'best': np.float32(0.5)})
    backend.add_summary({'last': 1})
    backend.update_config({'lr': 0.1})
    backend.alert('stopped', 'loss is nan', 'error')
    with pytest.raises(RuntimeError, match='started its run'):
        backend.identify(Identity(run_id='r2'))
    assert backend.run.id == 'r1'
    backend.close('failed')
    folder = tmp_path / 'run'
    assert json.loads((folder / 'run.json').read_text()) == {'tags': ['a', 'b'], 'run_id': 'r1', 'project': 'p',
                                                             'status': 'failed'}
    assert json.loads((folder / 'summary.json').read_text()) == {'best': 0.5, 'last': 1}
    assert json.loads((folder / 'config_update.json').read_text()) == {'lr': 0.1}
    assert json_lines(folder / 'alerts.json')[0]['title'] == 'stopped'


def test_nan_is_kept(backend, tmp_path):
    backend.add_scalar('loss', float('nan'))
    line, = json_lines(tmp_path / 'run' / 'scalars.json')
    assert np.isnan(line['loss'])


def test_no_folder_is_an_error_that_says_so():
    with pytest.raises(ValueError, match='save_dir'):
        LocalVisBackend(None).add_scalar('loss', 1)
