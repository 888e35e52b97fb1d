"""MLflow: runs in SQLite and on a real server, read back with the platform's own client."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmengine.integrations.mlflow import MLflowVisBackend
from mmengine.visualization import Artifact, Boxes, Identity, Picture, Visualizer
from mmengine.visualization.testing import (
    Records,
    SampleConfig,
    UnreachableContract,
    VisBackendContract,
    dead_address,
    sample_image,
)

# Of what the client calls in the libraries that it stands on.
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')
CONFIG = {'model': {'type': 'ResNet', 'depth': 50}, 'pipeline': [{'type': 'Load'}, {'type': 'Flip'}], 'seed': 1}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Keep the client from the network, and its settings from the next test."""
    monkeypatch.setenv('MLFLOW_DISABLE_TELEMETRY', 'true')
    monkeypatch.delenv('MLFLOW_TRACKING_URI', raising=False)
    for name in ('TIMEOUT', 'MAX_RETRIES', 'BACKOFF_FACTOR'):
        monkeypatch.setenv(f'MLFLOW_HTTP_REQUEST_{name}', '')
        monkeypatch.delenv(f'MLFLOW_HTTP_REQUEST_{name}')


@pytest.fixture(scope='module')
def database(tmp_path_factory):
    """One database for all: to make one takes the client seconds."""
    return f'sqlite:///{tmp_path_factory.mktemp("store")}/mlflow.db'


def client_of(uri):
    from mlflow import MlflowClient
    return MlflowClient(tracking_uri=uri)


def runs_of(uri, experiment):
    client = client_of(uri)
    found = client.get_experiment_by_name(experiment)
    return client, client.search_runs([found.experiment_id], order_by=['attributes.start_time ASC'])


def files_of(client, run, folder=None):
    for found in client.list_artifacts(run.info.run_id, folder):
        if found.is_dir:
            yield from files_of(client, run, found.path)
        else:
            yield found.path


def read_store(uri, experiment, scratch) -> Records:
    records = Records()
    client, runs = runs_of(uri, experiment)
    for run in runs:
        records.status = run.info.status
        for name, last in run.data.metrics.items():
            history = sorted(client.get_metric_history(run.info.run_id, name), key=lambda metric: metric.step)
            records.scalars.setdefault(name, []).extend((metric.step, metric.value) for metric in history)
            if name.startswith('summary/'):
                records.summary[name.removeprefix('summary/')] = last
        for name, value in run.data.tags.items():
            if name.startswith('artifact.'):
                records.artifacts[name.removeprefix('artifact.')] = json.loads(value)['metadata']
        if not client.list_artifacts(run.info.run_id):
            continue
        place = Path(client.download_artifacts(run.info.run_id, '', str(scratch)))
        for file in sorted(path for path in place.rglob('*') if path.is_file()):
            read_file(records, file.relative_to(place).as_posix(), file)
    return records


def read_file(records: Records, path: str, file: Path) -> None:
    folder, _, rest = path.partition('/')
    name, _, step = rest.rpartition('.')[0].rpartition('_')
    if path == 'config.json':
        records.config = json.loads(file.read_text())
    elif folder == 'images' and path.endswith('.png'):
        key, _, step, *_ = rest.split('+')
        records.images.setdefault(key.replace('~', '/'), []).append((int(step), np.asarray(Image.open(file))))
    elif folder == 'texts':
        records.texts.setdefault(name, []).append((int(step), file.read_text()))
    elif folder == 'figures':
        records.figures.add(name)
    elif folder == 'tables':
        table = json.loads(file.read_text())
        records.tables[name] = (table['columns'], table['data'])


class TestMLflowContract(VisBackendContract):
    backend_class = MLflowVisBackend
    client_modules = ('mlflow', 'sqlalchemy')
    statuses = {'success': 'FINISHED', 'failed': 'FAILED', 'aborted': 'KILLED'}

    uri = None  # without one a run has a store of its own

    @pytest.fixture(autouse=True)
    def _store(self, database):
        self.uri = database

    def make_backend(self, save_dir):
        return MLflowVisBackend(str(save_dir), exp_name=str(save_dir), tracking_uri=self.uri,
                                artifact_location=Path(save_dir, 'files').absolute().as_uri())

    def read(self, save_dir):
        with tempfile.TemporaryDirectory() as scratch:
            if self.uri is None:
                return read_store(f'sqlite:///{save_dir}/mlflow.db', 'mmengine', scratch)
            return read_store(self.uri, str(save_dir), scratch)

    def kept_name(self, name):
        for odd in '@[],':
            name = name.replace(odd, '_')
        return name


class TestMLflowWithoutServer(UnreachableContract):
    def make_unreachable(self, save_dir, address):
        backend = MLflowVisBackend(str(save_dir), tracking_uri=f'http://{address}')
        backend.start_limit = backend.call_limit = backend.close_limit = 3.0
        return backend


@pytest.fixture
def backend(tmp_path, database):
    backend = MLflowVisBackend(str(tmp_path), exp_name=str(tmp_path), tracking_uri=database,
                               artifact_location=(tmp_path / 'files').as_uri(), tags={'team': 'vision'},
                               params={'host': 'a'}, run_name='first')
    yield backend
    backend.close()


def the_run(uri, folder):
    client, (run,) = runs_of(uri, str(folder))
    return client, run


def test_a_store_of_its_own_in_the_folder_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    visualizer = Visualizer(vis_backends=[dict(type='MLflowVisBackend')], save_dir='work', on_error='raise')
    visualizer.add_scalar('loss', 0.5, 3)
    visualizer.add_image('img', sample_image(), 3, boxes={'gt': Boxes(np.array([[5, 5, 20, 20]]), [0])})
    visualizer.close()
    records = read_store(f'sqlite:///{tmp_path}/work/vis_data/mlflow.db', 'mmengine', tmp_path / 'read')
    assert records.scalars == {'loss': [(3, 0.5)]}
    assert (records.images['img'][0][1] != sample_image()).any()  # the box is drawn in
    assert {path.name for path in tmp_path.iterdir()} == {'work', 'read'}


def test_parameters_and_tags(backend, tmp_path, database):
    backend.identify(Identity(group='g', job_type='train', notes='a note', tags=('small',)))
    backend.add_config({**CONFIG, 'long': 'x' * 7000})
    backend.add_tags(['good one'])
    backend.update_config({'seed': 2, 'optim': {'lr': 0.1}})
    backend.close()
    _, run = the_run(database, tmp_path)
    wanted = {'model.depth': '50', 'pipeline.1.type': 'Flip', 'seed': '1', 'host': 'a', 'optim.lr': '0.1'}
    assert wanted.items() <= run.data.params.items()
    assert len(run.data.params['long']) == 6000
    tags = {'team': 'vision', 'group': 'g', 'job_type': 'train', 'mlflow.note.content': 'a note', 'small': 'true',
            'good one': 'true', 'param.seed': '2'}
    assert tags.items() <= run.data.tags.items()
    assert run.info.run_name == 'first'


def test_only_tracked_keys_become_parameters(tmp_path, database):
    backend = MLflowVisBackend(str(tmp_path), exp_name=str(tmp_path), tracking_uri=database,
                               artifact_location=(tmp_path / 'files').as_uri(), tracked_config_keys=['seed'])
    backend.add_config(CONFIG)
    backend.close()
    assert the_run(database, tmp_path)[1].data.params == {'seed': '1'}
    assert read_store(database, str(tmp_path), tmp_path / 'read').config == CONFIG


def test_files_of_the_work_dir(tmp_path, database):
    work = tmp_path / 'work'
    for file in ('run.log', 'late/vis_data/scalars.json', 'epoch_1.pth', 'old/mlflow-artifacts/1/config.json'):
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        (work / file).write_text('{}')
    backend = MLflowVisBackend(str(work), exp_name=str(tmp_path), tracking_uri=database,
                               artifact_location=(tmp_path / 'files').as_uri(), artifact_suffix=('.json', '.log'))
    backend.add_config({'work_dir': str(work)})
    backend.close()
    client, run = the_run(database, tmp_path)
    kept = {path for path in files_of(client, run) if path.startswith('work_dir')}
    assert kept == {'work_dir/run.log', 'work_dir/late/vis_data/scalars.json'}


def test_versions_of_a_checkpoint(backend, tmp_path, database):
    file = tmp_path / 'epoch.pth'
    for epoch in range(2):
        file.write_text(f'weights {epoch}')
        backend.add_artifact('model', file, type='model', aliases=('latest', f'epoch_{epoch}'),
                             metadata={'acc': np.float32(0.5)}, step=epoch)
    backend.close()
    client, run = the_run(database, tmp_path)
    place = run.data.tags['alias.model.latest']
    assert place == 'artifacts/model/v1'
    assert run.data.tags['alias.model.epoch_0'] == 'artifacts/model/v0'
    path = client.download_artifacts(run.info.run_id, f'{place}/epoch.pth', str(tmp_path))
    assert Path(path).read_text() == 'weights 1'
    facts = json.loads(run.data.tags['artifact.model'])
    assert facts == {'type': 'model', 'aliases': ['latest', 'epoch_1'], 'metadata': {'acc': 0.5}, 'step': 1,
                     'path': place, 'size': 9}


def test_texts_of_one_step_go_on(backend, tmp_path, database):
    backend.alert('diverged', 'loss is nan', 'error')
    backend.alert('stopped')
    backend.close()
    text, = read_store(database, str(tmp_path), tmp_path / 'read').texts['alerts']
    assert text[1].split() == ['error:', 'diverged', 'loss', 'is', 'nan', 'info:', 'stopped']


def test_numbers_beside_something_else(backend, tmp_path, database):
    with pytest.raises(TypeError, match="'word'"):
        backend.add_scalars({'word': 'best', 'loss': 0.5}, 1)
    backend.add_summary({'acc': np.float32(0.5), 'kind': 'best'})
    backend.close()
    _, run = the_run(database, tmp_path)
    assert run.data.metrics == {'loss': 0.5, 'summary/acc': 0.5}
    assert run.data.tags['summary/kind'] == 'best'


def test_a_run_by_its_own_id_goes_on(tmp_path, database):
    def make(**identity):
        backend = MLflowVisBackend(str(tmp_path), exp_name=str(tmp_path), tracking_uri=database,
                                   artifact_location=(tmp_path / 'files').as_uri())
        backend.identify(Identity(**identity))
        return backend

    first = make(project='unused')
    first.add_config({'lr': 0.1})
    first.close()
    again = make(run_id=first.run.id, resume='must')
    again.add_config({'lr': 0.1})
    again.add_scalar('loss', 1.0, 1)
    assert again.run.id == first.run.id
    again.close('failed')
    assert the_run(database, tmp_path)[1].info.status == 'FAILED'
    with pytest.raises(LookupError, match="no run 'other'"):
        make(run_id='other', resume='must').start()


def test_the_object_of_the_tracker_writes_to_this_run(backend, tmp_path, database):
    run = backend.experiment
    run.log_metric('a', 1.0, 5)
    run.log_metrics({'b': 2.0}, step=6)
    run.log_params({'p': 1})
    run.set_tags({'t': 'x'})
    run.log_text('words', 'words.txt')
    assert run.active_run().info.run_id == backend.run.id
    assert run.Image is not None  # of the module
    with pytest.raises(AttributeError, match='nonsense'):
        run.nonsense  # noqa: B018
    backend.close()
    client, kept = the_run(database, tmp_path)
    assert kept.data.metrics == {'a': 1.0, 'b': 2.0}
    assert client.get_metric_history(kept.info.run_id, 'a')[0].step == 5
    assert (kept.data.params['p'], kept.data.tags['t']) == ('1', 'x')
    assert 'words.txt' in set(files_of(client, kept))


def test_no_place_is_an_error_that_says_so():
    with pytest.raises(ValueError, match='tracking_uri'):
        MLflowVisBackend(None).add_scalar('loss', 1)


def test_interactive_figures_are_pages(backend, tmp_path, database):
    class Plot:
        def to_html(self):
            return '<html>plot</html>'

    backend.add_figure('plot', Plot(), 1)
    backend.close()
    assert 'figures/plot_1.html' in set(files_of(*the_run(database, tmp_path)))


@pytest.fixture
def server(tmp_path, database):
    """A real server on this machine, over a copy of the database."""
    MLflowVisBackend(str(tmp_path), tracking_uri=database).start()  # by which it is made
    Path(tmp_path, 'server.db').write_bytes(Path(database.removeprefix('sqlite:///')).read_bytes())
    with dead_address() as address:
        port = address.rpartition(':')[2]
    command = [sys.executable, '-m', 'mlflow', 'server', '--backend-store-uri', f'sqlite:///{tmp_path}/server.db',
               '--artifacts-destination', str(tmp_path / 'server'), '--host', '127.0.0.1', '--port', port,
               '--workers', '1']
    quick = {**os.environ, 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION': 'false'}  # of which a tracker has no need
    with (open(tmp_path / 'server.log', 'w') as log,
          subprocess.Popen(command, stdout=log, stderr=log, env=quick) as process):
        try:
            yield wait_for(f'http://127.0.0.1:{port}', process, tmp_path / 'server.log')
        finally:
            process.terminate()


def wait_for(address: str, process: subprocess.Popen, log: Path) -> str:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f'{address}/health', timeout=5):
                return address
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.mark.skipif(find_spec('flask') is None, reason='the server is in the distribution mlflow')
def test_a_real_server(server, tmp_path, monkeypatch):
    visualizer = Visualizer(vis_backends=[dict(type='MLflowVisBackend', tracking_uri=server, exp_name='digits')],
                            save_dir=str(tmp_path), identity=dict(run_id='run1'))
    visualizer.add_config(SampleConfig())
    for step in range(100):
        visualizer.add_scalars({'loss': 1 / (1 + step), 'lr': 0.1}, step)
    mask = np.zeros((48, 64), int)
    mask[5:10, 5:10] = 2
    visualizer.add_image('val/img', sample_image(), 99, masks={'gt': mask})
    picture = Picture(sample_image(), {'gt': Boxes(np.array([[5, 5, 20, 20]]), [0])})
    visualizer.add_table('eval', ['name', 'image', 'score'], [['a', picture, 0.5], ['b', picture, float('nan')]], 99,
                         artifact=Artifact('evaluation', aliases=('latest',), metadata={'mAP': 0.5}))
    visualizer.add_histogram('weights', np.arange(100.), 99)
    (tmp_path / 'epoch_1.pth').write_bytes(b'weights')
    visualizer.add_artifact('model', tmp_path / 'epoch_1.pth', type='model', metadata={'acc': 0.5})
    visualizer.close()
    run = visualizer.runs['MLflowVisBackend']
    assert run.url.startswith(f'{server}/#/experiments/')
    records = read_store(server, 'digits', tmp_path / 'read')
    assert records.config['model'] == {'type': 'ResNet', 'depth': 50}
    assert records.scalars['loss'] == [(step, 1 / (1 + step)) for step in range(100)]
    assert [step for step, _ in records.images['val/img']] == [99]
    assert records.tables['eval'][1][1] == ['b', {**records.tables['eval'][1][1][1]}, None]
    assert records.artifacts == {'evaluation': {'mAP': 0.5}, 'model': {'acc': 0.5}}
    assert 'weights' in records.figures
    assert records.status == 'FINISHED'
    client, (kept,) = runs_of(server, 'digits')
    monkeypatch.setenv('MLFLOW_TRACKING_URI', server)
    table = client.load_table(kept.info.experiment_id, 'tables/eval_99.json', [run.id])  # as the platform reads tables
    assert list(table['name']) == ['a', 'b']


def test_the_config_of_the_readme(tmp_path):
    text = Path(__file__).parents[1].joinpath('README.md').read_text(encoding='utf-8')
    found: dict = {}
    exec(re.search(r'```python\n(.*?)```', text, re.DOTALL)[1], found)
    assert found['visualizer'].pop('type') == 'Visualizer'
    visualizer = Visualizer(**found['visualizer'], save_dir=str(tmp_path), on_error='raise')
    visualizer.add_scalars({'loss': 0.25}, step=4)
    visualizer.close()
    records = read_store(f'sqlite:///{tmp_path}/vis_data/mlflow.db', 'digits', tmp_path / 'read')
    assert records.scalars == {'loss': [(4, 0.25)]}
