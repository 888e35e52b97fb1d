"""ClearML: offline sessions, read as the platform's own `import_offline_session` replays them."""
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmengine.integrations.clearml import ClearMLVisBackend
from mmengine.visualization import Artifact, Boxes, Identity, Picture, Visualizer
from mmengine.visualization.testing import (
    Records,
    SampleConfig,
    UnreachableContract,
    VisBackendContract,
    sample_image,
)

#: What the client holds back goes to the disk at once, so that the tests need not wait for it.
SETTINGS = 'sdk { development { worker { report_period_sec: 0.05 } } }'
ALONE = {'CLEARML_OFFLINE_MODE': '1', 'CLEARML_NO_DEFAULT_SERVER': '1', 'CLEARML_SUPPRESS_UPDATE_MESSAGE': '1'}
# Of what the client calls in the libraries that it stands on.
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')


@pytest.fixture(scope='module', autouse=True)
def cache(tmp_path_factory):
    """One place for the sessions of all, since the client reads its settings once; and no network."""
    place = tmp_path_factory.mktemp('clearml')
    (place / 'clearml.conf').write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ALONE, 'CLEARML_CACHE_DIR': str(place),
                            'CLEARML_CONFIG_FILE': str(place / 'clearml.conf')}.items():
            patch.setenv(name, value)
        yield place


def sessions_of(cache: Path, name: str | None):
    """The sessions of tasks of that name (None: of all), oldest first, with the events that would be replayed."""
    folders = [path for path in (cache / 'offline').glob('offline-*') if path.is_dir()]  # beside each is an archive
    for folder in sorted(folders, key=lambda path: (path / 'task.json').stat().st_mtime_ns):
        task = json.loads((folder / 'task.json').read_text())
        if name in (None, task['name']):
            log = folder / 'metrics.jsonl'
            lines = log.read_text().splitlines() if log.exists() else []
            yield folder, task, [event for line in lines for event in json.loads(line)]


def read_sessions(cache: Path, name: str | None) -> Records:
    records = Records()
    for folder, task, events in sessions_of(cache, name):
        records.status = task.get('status')
        config = task.get('configuration', {}).get('config')
        records.config = config['value'] if config else records.config
        for artifact in task.get('execution', {}).get('artifacts', []):
            facts = {name: number_or_text(value) for name, value in artifact.get('display_data', [])}
            records.artifacts[artifact['key'].rpartition('.v')[0]] = facts
        for event in sorted(events, key=lambda event: event['iter']):
            read_event(records, folder, event)
    return records


def number_or_text(value: str):
    return float(value) if value.replace('.', '', 1).isdigit() else value


def read_event(records: Records, folder: Path, event: dict) -> None:
    title, series, step = event['metric'], event['variant'], event['iter']
    name = title if title == series else f'{title}/{series}'
    kind = event['type']
    if kind == 'training_stats_scalar' and title == 'Summary':
        records.summary[series] = event['value']
    elif kind == 'training_stats_scalar':
        records.scalars.setdefault(name, []).append((step, event['value']))
    elif kind == 'training_debug_image':
        file = folder / 'data' / event['url'].rpartition('/data/')[2]
        if file.suffix == '.png':
            records.images.setdefault(name, []).append((step, np.asarray(Image.open(file))))
        else:
            records.texts.setdefault(name, []).append((step, file.read_text()))
    else:
        plot = json.loads(event['plot_str'])['data'][0]
        read_plot(records, name, plot)


def read_plot(records: Records, name: str, plot: dict) -> None:
    if plot['type'] == 'table':
        columns = plot['header']['values']
        records.tables[name] = (columns, list(map(list, zip(*plot['cells']['values'], strict=True))))
    elif plot['type'] == 'bar':
        records.histograms[name] = sum(plot['y'])
    else:
        records.figures.add(name)


class TestClearMLContract(VisBackendContract):
    backend_class = ClearMLVisBackend
    client_modules = ('clearml',)

    cache = None  # without one it is that of the environment, with all sessions in it

    @pytest.fixture(autouse=True)
    def _store(self, cache):
        self.cache = cache

    def make_backend(self, save_dir):
        return ClearMLVisBackend(str(save_dir), init_kwargs=dict(task_name=str(save_dir)))

    def read(self, save_dir):
        if self.cache is None:
            return read_sessions(Path(os.environ['CLEARML_CACHE_DIR']), None)
        return read_sessions(self.cache, str(save_dir))

    def test_two_side_by_side(self, tmp_path):
        """The client has one task per process: a second backend is refused until the first is closed."""
        first, second = self.make_backend(tmp_path / 'a'), self.make_backend(tmp_path / 'b')
        first.add_scalar('loss', 1.0, 0)
        with pytest.raises(RuntimeError, match='one task per process'):
            second.add_scalar('loss', 2.0, 0)
        first.close()
        second.add_scalar('loss', 3.0, 0)  # now it can
        second.close()
        assert self._scalars(tmp_path / 'a', 'loss') == [(0, 1.0)]
        assert self._scalars(tmp_path / 'b', 'loss') == [(0, 3.0)]


UNREACHABLE = """
import sys
from pathlib import Path
from mmengine.integrations.clearml import ClearMLVisBackend
from mmengine.visualization.testing import UnreachableContract

class Case(UnreachableContract):
    def make_unreachable(self, save_dir, address):
        backend = ClearMLVisBackend(str(save_dir))
        backend.start_limit = backend.close_limit = 3.0
        return backend

Case()._run(Path(sys.argv[1]), *sys.argv[2:])
"""


def not_of_this_process() -> dict[str, str]:
    """The environment without what lets the client take a process for a part of the one that began it."""
    return {name: value for name, value in os.environ.items() if 'PROC_MASTER' not in name}


class TestClearMLWithoutServer(UnreachableContract):
    def _run(self, save_dir, address, name):
        """Run in a process of its own: the client goes on trying for a while, and reads its settings once."""
        hosts = {f'CLEARML_{name}_HOST': f'http://{address}' for name in ('API', 'WEB', 'FILES')}
        there = {**not_of_this_process(), **hosts,
                 'CLEARML_API_ACCESS_KEY': 'a' * 20, 'CLEARML_API_SECRET_KEY': 'b' * 50, 'CLEARML_OFFLINE_MODE': '0'}
        answer = subprocess.run([sys.executable, '-W', 'ignore', '-c', UNREACHABLE, str(save_dir), address, name],
                                capture_output=True, text=True, env=there, timeout=120)
        assert answer.returncode == 0, answer.stderr
        print(answer.stdout)


@pytest.fixture
def backend(tmp_path):
    backend = ClearMLVisBackend(str(tmp_path), init_kwargs=dict(task_name=str(tmp_path), project_name='p'))
    yield backend
    backend.close()


def the_session(cache, name):
    session, = sessions_of(cache, str(name))
    return session


def test_what_the_run_is_called(cache, tmp_path):
    backend = ClearMLVisBackend(str(tmp_path))
    backend.identify(Identity(name=str(tmp_path), project='digits', group='g', tags=('t',), notes='words',
                              mode='offline'))
    backend.add_tags(['u'])
    backend.update_config({'lr': 0.1})
    assert (backend.run.name, backend.run.url) == (str(tmp_path), None)
    backend.close()
    _, task, _ = the_session(cache, tmp_path)
    assert (task['project_name'], task['comment'], sorted(task['tags'])) == ('digits', 'words', ['t', 'u'])
    assert task['hyperparams']['run']['group']['value'] == 'g'
    assert task['hyperparams']['update']['lr']['value'] == '0.1'


@pytest.mark.parametrize(('folder', 'name'), [('work/resnet/vis_data', 'resnet'), ('work', 'work')])
def test_the_task_is_named_after_the_folder(cache, tmp_path, folder, name):
    backend = ClearMLVisBackend(str(tmp_path / folder))
    assert backend.run.name is None
    backend.start()
    assert backend.run.name == name
    backend.close()


def test_a_plain_config_comes_back_whole(backend, cache, tmp_path):
    backend.add_config(SampleConfig())
    backend.close()
    config = json.loads(read_sessions(cache, str(tmp_path)).config)
    assert config == {'model': {'type': 'ResNet', 'depth': 50}, 'optimizer': {'type': 'SGD', 'betas': [0.9, 0.999]},
                      'load_from': None, 'kernel': 0.5, 'names': ['a', 'b']}


def test_names_are_charts_and_lines(backend, cache, tmp_path):
    backend.add_scalars({'loss': 0.5, 'val/acc/top1': 0.25}, 3)
    backend.close()
    _, _, events = the_session(cache, tmp_path)
    assert {(event['metric'], event['variant']) for event in events} == {('loss', 'loss'), ('val/acc', 'top1')}


def test_what_is_not_finite_is_not_shown_as_zero(backend, cache, tmp_path):
    for step, value in enumerate((0.5, float('nan'), float('inf'))):
        backend.add_scalar('loss', value, step)
    backend.close()
    assert read_sessions(cache, str(tmp_path)).scalars == {'loss': [(0, 0.5)]}


def test_more_pictures_than_the_client_keeps_by_default(backend, cache, tmp_path):
    picture = Picture(sample_image(), {'gt': Boxes(np.array([[5, 5, 20, 20]]), [0])})
    for step in range(7):
        backend.add_picture('val/img', picture, step)
    backend.close()
    records = read_sessions(cache, str(tmp_path))
    assert [step for step, _ in records.images['val/img']] == list(range(7))
    assert (records.images['val/img'][0][1] != sample_image()).any()


def test_versions_of_a_checkpoint(backend, cache, tmp_path):
    file = tmp_path / 'epoch.pth'
    for epoch in range(2):
        file.write_text(f'weights {epoch}')
        backend.add_artifact('model', file, type='model', aliases=('latest', f'epoch_{epoch}'),
                             metadata={'acc': np.float32(0.5)}, step=epoch)
    backend.close()
    _, task, _ = the_session(cache, tmp_path)
    first, second = task['execution']['artifacts']
    assert (first['key'], second['key']) == ('model.v0', 'model.v1')
    assert Path(first['uri']).read_text() == 'weights 0'
    assert dict(second['display_data']) == {'type': 'model', 'aliases': 'latest, epoch_1', 'step': '1', 'acc': '0.5'}


def test_files_of_the_work_dir(cache, tmp_path):
    for name in ('config.py', 'epoch_1.pth', 'run.log'):
        (tmp_path / name).write_text(name)
    backend = ClearMLVisBackend(str(tmp_path), init_kwargs=dict(task_name=str(tmp_path)), artifact_suffix='.py')
    backend.add_config({'work_dir': str(tmp_path)})
    backend.close()
    assert [kept['key'] for kept in the_session(cache, tmp_path)[1]['execution']['artifacts']] == ['config.py']


def test_tables_curves_and_figures(backend, cache, tmp_path):
    class Plot:
        def to_html(self):
            return '<html>plot</html>'

    backend.add_table('val/eval', ['name', 'image'], [['a', Picture(sample_image())], ['b', None]], 2,
                      artifact=Artifact('pred', metadata={'mAP': 0.5}))
    backend.add_curve('pr', [0.0, 0.5], [1.0, 0.75], 3, x_name='recall', y_name='precision')
    backend.add_figure('plot', Plot(), 1)
    backend.add_summary({'acc': 0.5, 'kind': 'best'})
    backend.close()
    records = read_sessions(cache, str(tmp_path))
    assert records.tables['val/eval'] == (['name', 'image'], [['a', 'val/eval/image/0'], ['b', 'None']])
    assert (records.images['val/eval/image/0'][0][1] == sample_image()).all()
    assert records.artifacts['pred']['mAP'] == 0.5
    assert 'pr' in records.figures
    assert records.texts['plot'] == [(1, '<html>plot</html>')]
    _, task, _ = the_session(cache, tmp_path)
    assert records.summary == {'acc': 0.5}
    assert task['hyperparams']['summary']['kind']['value'] == 'best'


def test_a_task_that_the_user_has_begun_is_used_and_left_open(cache, tmp_path):
    import clearml
    mine = clearml.Task.init('p', str(tmp_path), auto_connect_frameworks={'detect_repository': False})
    backend = ClearMLVisBackend(str(tmp_path))
    backend.add_scalar('loss', 0.5, 1)
    assert backend.experiment is mine
    backend.close()
    assert clearml.Task.current_task() is mine
    mine.close()
    assert read_sessions(cache, str(tmp_path)).scalars == {'loss': [(1, 0.5)]}


TERMINATED = """
import os, signal, sys, time
from mmengine.visualization import Visualizer
before = signal.getsignal(signal.SIGINT), sys.excepthook
visualizer = Visualizer(vis_backends=[dict(type='ClearMLVisBackend', init_kwargs=dict(task_name=sys.argv[1]))],
                        save_dir=sys.argv[1], on_error=sys.argv[2])
visualizer.add_scalar('loss', 0.5, 1)
visualizer.get_backend('ClearMLVisBackend')
assert (signal.getsignal(signal.SIGINT), sys.excepthook) == before
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""


@pytest.mark.parametrize('on_error', ['raise', 'warn'])
def test_sigterm_still_ends_the_process(cache, tmp_path, on_error):
    """On the thread of the backend, and where the backend is called at once; in the first what waits is sent."""
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', TERMINATED, str(tmp_path), on_error], text=True,
                          capture_output=True, timeout=120, env=not_of_this_process())
    assert done.returncode == -signal.SIGTERM, done.stderr
    if on_error == 'warn':
        assert read_sessions(cache, str(tmp_path)).scalars == {'loss': [(1, 0.5)]}


def test_found_by_name_beside_the_local_files(cache, tmp_path):
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend'), dict(
        type='ClearMLVisBackend', init_kwargs=dict(task_name=str(tmp_path)))], save_dir=str(tmp_path), on_error='raise')
    assert type(visualizer.get_backend('ClearMLVisBackend')) is ClearMLVisBackend
    visualizer.add_scalars({'loss': 0.25, 'lr': 0.5}, step=4)
    visualizer.close()
    assert read_sessions(cache, str(tmp_path)).scalars == {'loss': [(4, 0.25)], 'lr': [(4, 0.5)]}


def test_the_config_of_the_readme(tmp_path, cache):
    text = Path(__file__).parents[1].joinpath('README.md').read_text(encoding='utf-8')
    found: dict = {}
    exec(re.search(r'```python\n(.*?)```', text, re.DOTALL)[1], found)
    assert found['visualizer'].pop('type') == 'Visualizer'
    visualizer = Visualizer(**found['visualizer'], save_dir=str(tmp_path), on_error='raise')
    visualizer.add_scalars({'loss': 0.25}, step=4)
    visualizer.close()
    assert read_sessions(cache, tmp_path.name).scalars == {'loss': [(4, 0.25)]}
