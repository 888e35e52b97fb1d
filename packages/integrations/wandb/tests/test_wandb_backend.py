"""Weights & Biases: offline runs, read back with the platform's own reader."""
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmengine.integrations.wandb import WandbVisBackend
from mmengine.integrations.wandb.media import pictures_of
from mmengine.visualization import Boxes, Identity, Picture, Visualizer
from mmengine.visualization.testing import Records, VisBackendContract, sample_image
from mmengine.visualization.values import Artifact, PictureRef

OFFLINE = dict(mode='offline', settings=dict(x_disable_stats=True, disable_git=True, console='off'))


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path_factory):
    """Keep the client from the network and from the user's folders."""
    home = tmp_path_factory.mktemp('home')
    for name in ('DATA', 'CACHE', 'CONFIG'):
        monkeypatch.setenv(f'WANDB_{name}_DIR', str(home / name))
    monkeypatch.setenv('WANDB_ERROR_REPORTING', 'false')


def inspect(run: Path, *options: str) -> str:
    """Run the reader that the client brings along; `wandb leet inspect` would import the whole client first."""
    reader = Path(importlib.util.find_spec('wandb').origin).parent / 'bin' / 'wandb-core'
    file, = run.glob('*.wandb')
    command = [str(reader), 'leet', 'inspect', *options, '--json', '--no-observability', '--run-file', str(file),
               str(run.parent)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True).stdout


def read_runs(folder: Path) -> Records:
    records = Records()
    for run in sorted((folder / 'wandb').glob('offline-run-*'), key=lambda path: path.stat().st_mtime_ns):
        for line in inspect(run).splitlines():
            record = json.loads(line)
            reader = {'history': read_row, 'artifact': read_artifact}.get(record['type'])
            if reader is not None:
                reader(records, run / 'files', record[record['type']])
        facts = json.loads(inspect(run, '--summary'))
        records.config = facts['config'] or records.config
        records.summary.update(facts['summary'])
        records.status = facts['state']
    return records


def read_row(records: Records, files: Path, history: dict) -> None:
    row, step = history['item'], history['item'].get('global_step')
    for name in {key.removesuffix('._type') for key in row if key.endswith('._type')}:
        kind = row[f'{name}._type']
        if kind == 'image-file':
            picture = np.asarray(Image.open(files / row[f'{name}.path']))
            records.images.setdefault(name, []).append((step, picture))
        elif kind == 'images/separated':
            pictures = [np.asarray(Image.open(files / place)) for place in row[f'{name}.filenames']]
            records.images.setdefault(name, []).extend((step, picture) for picture in pictures)
        elif kind == 'html-file':
            records.texts.setdefault(name, []).append((step, (files / row[f'{name}.path']).read_text()))
        elif kind == 'histogram':
            records.histograms[name] = sum(row[f'{name}.values'])
        elif kind == 'table-file':
            table = json.loads((files / row[f'{name}.path']).read_text())
            records.tables[name] = (table['columns'], table['data'])
    media = tuple(f'{name}.' for name in row if name.endswith('._type') for name in [name.removesuffix('._type')])
    for name, value in row.items():
        if not name.startswith(('_', *media)) and isinstance(value, (int, float)) and name != 'global_step':
            records.scalars.setdefault(name, []).append((step, value))


def read_artifact(records: Records, files: Path, artifact: dict) -> None:
    records.artifacts[artifact['name']] = json.loads(artifact.get('metadata') or '{}')


class TestWandbContract(VisBackendContract):
    backend_class = WandbVisBackend
    client_modules = ('wandb',)
    layers = True
    statuses = {'success': 'finished', 'failed': 'failed', 'aborted': 'failed'}

    def make_backend(self, save_dir):
        return WandbVisBackend(str(save_dir), init_kwargs=OFFLINE)

    def read(self, save_dir):
        return read_runs(save_dir)


@pytest.fixture
def backend(tmp_path):
    backend = WandbVisBackend(str(tmp_path), init_kwargs=OFFLINE)
    yield backend
    backend.close()


def the_run(folder):
    run, = (folder / 'wandb').glob('offline-run-*')
    return run


def a_picture() -> Picture:
    mask = np.zeros((48, 64), np.int64)
    mask[10:20, 15:30] = 2
    return Picture(sample_image(), {'pred': Boxes(np.array([[15., 10., 30., 20.]]), [1], scores=[0.5])},
                   {'pred': mask}, class_names={1: 'cat', 2: 'dog'}, caption='one cat')


def test_boxes_and_masks_are_layers(backend, tmp_path):
    backend.add_picture('img', a_picture(), 3)
    backend.close()
    kept = json.loads(inspect(the_run(tmp_path), '--summary'))['summary']['img']
    files = the_run(tmp_path) / 'files'
    box, = json.loads((files / kept['boxes']['pred']['path']).read_text())['box_data']
    assert box['position'] == {'minX': 15, 'minY': 10, 'maxX': 30, 'maxY': 20}
    assert (box['class_id'], box['box_caption'], box['scores'], box['domain']) == (1, 'cat', {'score': 0.5}, 'pixel')
    mask = np.asarray(Image.open(files / kept['masks']['pred']['path']))
    assert mask[15, 20] == 2
    assert mask[0, 0] == 0
    assert kept['caption'] == 'one cat'
    assert (np.asarray(Image.open(files / kept['path'])) == sample_image()).all()


def test_steps_may_come_in_any_order(backend, tmp_path):
    for step in (5, 1, 5, 0):
        backend.add_scalars({'val/acc': step / 10}, step)
    backend.close()
    assert read_runs(tmp_path).scalars['val/acc'] == [(5, 0.5), (1, 0.1), (5, 0.5), (0, 0.0)]


def manifest_of(folder: Path, name: str) -> tuple[dict, dict]:
    """Give the record of an artifact, and what is in it: path -> where the bytes are."""
    records = [json.loads(line) for line in inspect(the_run(folder)).splitlines()]
    artifact, = [record['artifact'] for record in records
                 if record['type'] == 'artifact' and record['artifact']['name'] == name]
    return artifact, {entry['path']: entry for entry in artifact['manifest']['contents']}


def test_a_table_refers_to_the_pictures_of_another(backend, tmp_path):
    backend.add_table('val_data', ['name', 'image'], [['a', a_picture()]], 0, artifact=Artifact('val', 'dataset'))
    ref = PictureRef('val_data', 0, 'image')
    found = Picture(sample_image(), {'pred': Boxes(np.array([[1., 2., 3., 4.]]), [1])}, same_as=ref)
    backend.add_table('eval_data', ['name', 'truth', 'found', 'score'], [['a', ref, found, 0.5]], 1,
                      artifact=Artifact('pred', 'evaluation', ('latest', 'epoch_1'), {'mAP': 0.5}))
    backend.close()
    _, truth = manifest_of(tmp_path, 'val')
    artifact, prediction = manifest_of(tmp_path, 'pred')
    assert artifact['type'] == 'evaluation'
    assert sorted(artifact['aliases']) == ['epoch_1', 'latest']
    assert json.loads(artifact['metadata']) == {'mAP': 0.5}
    pictures = {path: entry['digest'] for path, entry in prediction.items() if path.endswith('.png')}
    assert len(pictures) == 2  # the image and its mask; what was found is shown on the same image
    assert pictures == {path: entry['digest'] for path, entry in truth.items() if path.endswith('.png')}


def test_a_picture_of_no_known_table_has_its_own_pixels(backend, tmp_path):
    picture = Picture(sample_image(), same_as=PictureRef('val_data', 0, 'image'))
    backend.add_table('eval', ['image'], [[picture]], artifact=Artifact('pred', 'evaluation'))
    backend.close()
    assert len([path for path in manifest_of(tmp_path, 'pred')[1] if path.endswith('.png')]) == 1


def test_pictures_of_a_table():
    import wandb
    picture = wandb.Image(sample_image())
    table = wandb.Table(columns=['name', 'image'], data=[['a', picture]])
    assert pictures_of(wandb, 'val', table) == {('val', 0, 'image'): picture}


def test_a_reference_to_no_picture_says_so(backend):
    with pytest.raises(KeyError, match="row 3, column 'image' of the table 'val_data'"):
        backend.add_table('eval', ['truth'], [[PictureRef('val_data', 3, 'image')]])


def test_a_checkpoint_is_a_version_with_its_facts(backend, tmp_path):
    file = tmp_path / 'epoch_3.pth'
    file.write_bytes(b'weights')
    backend.add_artifact('run/model', file, type='model', aliases=('latest', 'epoch_3'),
                         metadata={'acc': np.float32(0.5)})
    backend.close()
    artifact, content = manifest_of(tmp_path, 'run-model')
    assert list(content) == ['epoch_3.pth']
    assert sorted(artifact['aliases']) == ['epoch_3', 'latest']
    assert json.loads(artifact['metadata']) == {'acc': 0.5}


def test_old_arguments(tmp_path):
    backend = WandbVisBackend(str(tmp_path), init_kwargs=OFFLINE, define_metric_cfg=[dict(name='acc', goal='maximize')])
    backend.add_scalar('acc', 0.5, 0)
    backend.add_scalar('acc', 0.25, 1)
    backend.close()
    assert read_runs(tmp_path).summary['acc'] == {'max': 0.5}


@pytest.mark.parametrize('wrong', ['acc', [dict(summary='max')], [1]])
def test_wrong_metric_definitions(wrong):
    with pytest.raises(TypeError, match='define_metric_cfg should be'):
        WandbVisBackend('unused', define_metric_cfg=wrong)


def test_the_object_of_the_tracker_is_run_and_module(backend):
    assert backend.experiment.Image(sample_image()).format == 'png'
    assert backend.experiment.id == backend.experiment.run.id == backend.run.id
    with pytest.raises(AttributeError, match='nonsense'):
        backend.experiment.nonsense  # noqa: B018


def test_identity(tmp_path):
    backend = WandbVisBackend(str(tmp_path), init_kwargs=OFFLINE)
    backend.identify(Identity(run_id='run1', name='a name', project='p', group='g', job_type='train', tags=('t',)))
    backend.add_tags(['u', 't'])
    backend.close()
    facts = json.loads(inspect(the_run(tmp_path), '--summary'))
    assert (facts['name'], facts['project'], sorted(facts['tags'])) == ('a name', 'p', ['t', 'u'])


def test_alert(backend, tmp_path):
    backend.alert('diverged', 'loss is nan', 'error')
    backend.close()
    alert, = [json.loads(line)['alert'] for line in inspect(the_run(tmp_path)).splitlines() if '"type":"alert"' in line]
    assert (alert['title'], alert['text'], alert['level']) == ('diverged', 'loss is nan', 'ERROR')


def test_no_server_costs_the_tracker_and_not_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv('WANDB_API_KEY', 'a' * 40)
    monkeypatch.setenv('WANDB_BASE_URL', 'http://127.0.0.1:9')
    backend = WandbVisBackend(str(tmp_path), init_kwargs=dict(mode='online'))
    backend.start_limit = backend.close_limit = 4.0
    visualizer = Visualizer(vis_backends={'local': dict(type='LocalVisBackend'), 'wandb': backend},
                            save_dir=str(tmp_path))
    for step in range(3):
        visualizer.add_scalar('loss', 0.5, step)
    visualizer.close()
    lines = (tmp_path / 'vis_data' / 'scalars.json').read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{'loss': 0.5, 'step': step} for step in range(3)]


def test_a_child_in_another_folder_shares_the_client(tmp_path, monkeypatch):
    """The process that writes is inherited, and has the working directory that it was started in."""
    parent = WandbVisBackend(str(tmp_path / 'parent'), init_kwargs=OFFLINE)
    parent.add_scalar('loss', 1.0, 1)
    child = tmp_path / 'child'
    child.mkdir()
    program = ("from mmengine.integrations.wandb import WandbVisBackend\n"
               f"backend = WandbVisBackend('records', init_kwargs={OFFLINE!r})\n"
               "backend.add_scalar('loss', 2.0, 1)\nbackend.close()\n")
    subprocess.run([sys.executable, '-c', program], cwd=child, check=True, capture_output=True)
    parent.close()
    assert [value for _, value in read_runs(child / 'records').scalars['loss']] == [2.0]
