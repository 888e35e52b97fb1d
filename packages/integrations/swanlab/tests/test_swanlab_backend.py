"""SwanLab: offline runs, read back with what the platform's own `swanlab sync` reads them with."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from mmengine.integrations.swanlab import SwanlabVisBackend
from mmengine.visualization import Artifact, Boxes, Identity, Picture, Visualizer
from mmengine.visualization.testing import (
    Records,
    SampleConfig,
    UnreachableContract,
    VisBackendContract,
    sample_image,
)

QUIET = dict(probe=dict(monitor=False, hardware=False, requirements=False, git=False), terminal=dict(proxy_type='none'))
OFFLINE = dict(mode='offline', settings=QUIET)


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path_factory):
    """Keep the client from the network and from the user's folders."""
    monkeypatch.setenv('SWANLAB_ROOT', str(tmp_path_factory.mktemp('home')))
    monkeypatch.delenv('SWANLAB_API_KEY', raising=False)


def records_of(run: Path):
    from swanlab.proto.swanlab.record.v1.record_pb2 import Record
    from swanlab.sdk.internal.core_python.store import DataStoreReader
    file, = run.glob('*.swanlab')
    reader = DataStoreReader()
    reader.open(str(file))
    try:
        for raw in reader:
            record = Record()
            record.ParseFromString(raw)
            kind = record.WhichOneof('record_type')
            yield kind, getattr(record, kind)
    finally:
        reader.close()


def read_runs(folder: Path) -> Records:
    records = Records()
    for run in sorted((folder / 'swanlog').glob('run-*'), key=lambda path: path.stat().st_mtime_ns):
        config = run / 'files' / 'config.yaml'
        if config.exists():
            kept = {name: item['value'] for name, item in (yaml.safe_load(config.read_text()) or {}).items()}
            records.config = kept or records.config
        for kind, record in records_of(run):
            if kind == 'scalar':
                records.scalars.setdefault(record.key, []).append((record.step, record.value.number))
            elif kind == 'media':
                for item in record.value.items:
                    file, = (run / 'media').glob(f'*/{item.filename}')
                    read_file(records, record.key, record.step, file)
            elif kind == 'finish':
                records.status = type(record).DESCRIPTOR.fields_by_name['state'].enum_type.values[record.state].name
    return records


def read_file(records: Records, name: str, step: int, file: Path) -> None:
    kind = file.parent.name
    if kind == 'image':
        records.images.setdefault(name, []).append((step, np.asarray(Image.open(file))))
    elif kind in ('text', 'html'):
        records.texts.setdefault(name, []).append((step, file.read_text()))
        if name.startswith('artifacts/'):
            records.artifacts[name.removeprefix('artifacts/')] = json.loads(file.read_text())['metadata']
    else:
        chart = json.loads(file.read_text())
        read_chart(records, name, chart)


def read_chart(records: Records, name: str, chart: dict) -> None:
    if 'series' in chart:
        data = chart['series'][0]['data']
        if chart['series'][0]['type'] == 'bar':
            records.histograms[name] = sum(data)
        else:
            records.figures.add(name)
    else:
        columns = [column['field'] for column in chart['colDefs']]
        records.tables[name] = (columns, [[row[column] for column in columns] for row in chart['rowData']])


class TestSwanlabContract(VisBackendContract):
    backend_class = SwanlabVisBackend
    client_modules = ('swanlab',)
    statuses = {'success': 'RUN_STATE_FINISHED', 'failed': 'RUN_STATE_CRASHED', 'aborted': 'RUN_STATE_ABORTED'}

    def make_backend(self, save_dir):
        return SwanlabVisBackend(str(save_dir), init_kwargs=OFFLINE)

    def read(self, save_dir):
        return read_runs(save_dir)


UNREACHABLE = """
import sys
from pathlib import Path
from mmengine.integrations.swanlab import SwanlabVisBackend
from mmengine.visualization.testing import UnreachableContract

class Case(UnreachableContract):
    def make_unreachable(self, save_dir, address):
        backend = SwanlabVisBackend(str(save_dir), init_kwargs=dict(mode='online'))
        backend.start_limit = backend.close_limit = 3.0
        return backend

Case()._run(Path(sys.argv[1]), *sys.argv[2:])
"""


class TestSwanlabWithoutServer(UnreachableContract):
    def _run(self, save_dir, address, name):
        """Run in a process of its own: the client goes on trying for a while, which holds up whoever comes next."""
        there = {**os.environ, 'SWANLAB_API_KEY': 'a' * 21, 'SWANLAB_API_HOST': f'http://{address}'}
        answer = subprocess.run([sys.executable, '-c', UNREACHABLE, str(save_dir), address, name], capture_output=True,
                                text=True, env=there, timeout=120)
        assert answer.returncode == 0, answer.stderr
        print(answer.stdout)


@pytest.fixture
def backend(tmp_path):
    backend = SwanlabVisBackend(str(tmp_path), init_kwargs=OFFLINE)
    yield backend
    backend.close()


def start_record(folder):
    run, = (folder / 'swanlog').glob('run-*')
    return next(record for kind, record in records_of(run) if kind == 'start')


def test_what_the_run_is_called(backend, tmp_path):
    backend.identify(Identity(run_id='run1', name='a name', project='p', group='g', job_type='train', tags=('t',),
                              notes='words'))
    backend.start()
    assert (backend.run.id, backend.run.name, backend.run.url) == ('run1', 'a name', None)
    backend.close()
    start = start_record(tmp_path)
    assert (start.id, start.name, start.project, start.group) == ('run1', 'a name', 'p', 'g')
    assert (start.job_type, list(start.tags), start.description) == ('train', ['t'], 'words')


def test_arguments_of_the_client(tmp_path):
    arguments = dict(OFFLINE, project='p', experiment_name='Your exp', description='words', log_dir=tmp_path / 'logs')
    backend = SwanlabVisBackend(init_kwargs=arguments)
    backend.add_scalar('loss', 1.0)
    backend.close()
    run, = (tmp_path / 'logs').glob('run-*')
    start = next(record for kind, record in records_of(run) if kind == 'start')
    assert (start.project, start.name, start.description) == ('p', 'Your exp', 'words')


def test_nested_config_and_what_changes_in_it(backend, tmp_path):
    backend.add_config({'model': {'depth': 50, 'norm': None}, 'pipeline': [{'type': 'Load'}]})
    backend.update_config({'seed': 1})
    backend.close()
    assert read_runs(tmp_path).config == {'model': {'depth': 50, 'norm': 'None'}, 'pipeline': [{'type': 'Load'}],
                                          'seed': 1}


def test_steps_that_come_late_are_kept_behind(tmp_path):
    visualizer = Visualizer(vis_backends=[SwanlabVisBackend(str(tmp_path), init_kwargs=OFFLINE)])
    for step in (5, 1, 5):
        visualizer.add_scalars({'acc': step / 10, f'only_{step}': 1.0}, step)
    visualizer.alert('one', 'first')
    visualizer.alert('two', 'second')
    visualizer.close()
    records = read_runs(tmp_path)
    assert records.scalars['acc'] == [(5, 0.5), (6, 0.1), (7, 0.5)]
    assert records.scalars['only_1'] == [(1, 1.0)]
    assert [text for _, text in records.texts['alerts']] == ['info: one\nfirst', 'info: two\nsecond']


def test_charts(backend, tmp_path):
    backend.add_curve('pr', [0.0, 0.5], [1.0, 0.75], 3, x_name='recall', y_name='precision')
    backend.add_histogram('weights', counts=[1, 3], edges=[0.0, 1.0, 2.0], step=3)
    backend.close()
    run, = (tmp_path / 'swanlog').glob('run-*')
    charts = [json.loads(file.read_text()) for file in (run / 'media' / 'echarts').iterdir()]
    bars, = [chart for chart in charts if chart['series'][0]['type'] == 'bar']
    line, = [chart for chart in charts if chart['series'][0]['type'] == 'line']
    assert bars['series'][0]['data'] == [1, 3]
    assert bars['xAxis'][0]['data'] == ['0 .. 1', '1 .. 2']
    assert [point[1] for point in line['series'][0]['data']] == [1.0, 0.75]


def test_versions_of_a_checkpoint(backend, tmp_path):
    file = tmp_path / 'epoch[1].pth'
    for epoch in range(2):
        file.unlink(missing_ok=True)
        file.write_text(f'weights {epoch}')
        backend.add_artifact('model', file, type='model', aliases=('latest',), metadata={'acc': np.float32(0.5)},
                             step=epoch)
    file.unlink()  # as the runner does with old checkpoints
    backend.close()
    run, = (tmp_path / 'swanlog').glob('run-*')
    saved = [record for kind, record in records_of(run) if kind == 'save']
    assert [record.name for record in saved if 'epoch' in record.name] == ['model/v0/epoch[1].pth',
                                                                           'model/v1/epoch[1].pth']
    assert (run / 'files' / 'model' / 'v1' / 'epoch[1].pth').read_text() == 'weights 1'
    facts = json.loads(read_runs(tmp_path).texts['artifacts/model'][1][1])
    assert facts == {'type': 'model', 'path': 'model/v1', 'size': 9, 'aliases': ['latest'], 'metadata': {'acc': 0.5}}


def test_pictures_with_boxes_and_captions(backend, tmp_path):
    picture = Picture(sample_image(), {'gt': Boxes(np.array([[5, 5, 20, 20]]), [0])}, caption='a cat')
    backend.add_picture('img', picture, 3)
    backend.add_table('eval', ['name', 'picture'], [['a', picture]], 4,
                      artifact=Artifact('pred', metadata={'mAP': 0.5}))
    backend.close()
    run, = (tmp_path / 'swanlog').glob('run-*')
    media = {record.key: record for kind, record in records_of(run) if kind == 'media'}
    assert media['img'].value.items[0].caption == 'a cat'
    records = read_runs(tmp_path)
    assert (records.images['img'][0][1] != sample_image()).any()
    assert records.tables['eval'] == (['name', 'picture'], [['a', 'eval/picture/0']])
    assert (records.images['eval/picture/0'][0][1] == records.images['img'][0][1]).all()
    assert records.artifacts == {'pred': {'mAP': 0.5}}


def test_interactive_figures_are_pages(backend, tmp_path):
    class Plot:
        def to_html(self):
            return '<html>plot</html>'

    backend.add_figure('plot', Plot(), 1)
    backend.close()
    assert read_runs(tmp_path).texts['plot'] == [(1, '<html>plot</html>')]


def test_a_run_that_the_user_has_begun_is_used_and_left_open(tmp_path):
    import swanlab
    mine = swanlab.init(mode='offline', log_dir=tmp_path / 'swanlog', settings=swanlab.Settings(**QUIET))
    backend = SwanlabVisBackend(str(tmp_path), init_kwargs=OFFLINE)
    backend.add_scalar('loss', 0.5, 1)
    assert backend.experiment is swanlab
    assert backend.run.id == mine.id
    backend.close()
    assert mine.alive
    mine.finish()
    assert read_runs(tmp_path).scalars == {'loss': [(1, 0.5)]}


def test_found_by_name_beside_the_local_files(tmp_path):
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend'),
                                          dict(type='SwanlabVisBackend', init_kwargs=OFFLINE)],
                            save_dir=str(tmp_path), on_error='raise')
    assert type(visualizer.get_backend('SwanlabVisBackend')) is SwanlabVisBackend
    visualizer.add_config(SampleConfig())
    visualizer.add_scalars({'loss': 0.25, 'lr': 0.5}, step=4)
    visualizer.close()
    assert read_runs(tmp_path / 'vis_data').scalars == {'loss': [(4, 0.25)], 'lr': [(4, 0.5)]}


def test_the_config_of_the_readme(tmp_path):
    text = Path(__file__).parents[1].joinpath('README.md').read_text(encoding='utf-8')
    found: dict = {}
    exec(re.search(r'```python\n(.*?)```', text, re.DOTALL)[1], found)
    assert found['visualizer'].pop('type') == 'Visualizer'
    visualizer = Visualizer(**found['visualizer'], save_dir=str(tmp_path), on_error='raise')
    visualizer.add_scalars({'loss': 0.25}, step=4)
    visualizer.close()
    assert read_runs(tmp_path / 'vis_data').scalars == {'loss': [(4, 0.25)]}
