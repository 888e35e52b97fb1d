"""Aim: a local repository, read back with the platform's own reader."""
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmengine.integrations.aim import AimVisBackend
from mmengine.integrations.aim.runs import names_of
from mmengine.visualization import Boxes, Identity, Picture, Visualizer
from mmengine.visualization.testing import (
    Records,
    SampleConfig,
    UnreachableContract,
    VisBackendContract,
    sample_image,
)

# Of what the client calls in the libraries that it stands on.
pytestmark = [pytest.mark.filterwarnings('ignore::DeprecationWarning'),
              pytest.mark.filterwarnings('ignore:_SixMetaPathImporter:ImportWarning')]  # of its client, on 3.10
KINDS = ('float', 'int', 'aim.image', 'list(aim.image)', 'aim.distribution', 'aim.text', 'aim.figure')
QUIET = dict(system_tracking_interval=None, log_system_params=False, capture_terminal_logs=False)


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path_factory):
    """Keep the client from the network and from the user's folders."""
    monkeypatch.setenv('AIM_ANALYTICS_OPT_OUT', '1')
    monkeypatch.setenv('HOME', str(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope='module')
def repo(tmp_path_factory):
    """One repository for all: to make one takes the client seconds."""
    return str(tmp_path_factory.mktemp('repo'))


def read_run(place: str, run_hash: str, records: Records) -> Records:
    import aim
    from aim.sdk.index_manager import RepoIndexManager
    manager = RepoIndexManager.get_index_manager(aim.Repo.from_path(place))
    manager.index(run_hash)  # as `aim up` does: without it a new run is not seen
    run = aim.Run(run_hash, repo=aim.Repo(place), read_only=True)
    records.config = run.get('hparams', None) or records.config
    records.status = run.get('status', None)
    records.summary.update(run.get('summary', None) or {})
    for name, versions in (run.get('artifacts', None) or {}).items():
        records.artifacts[name] = list(versions.values())[-1]['metadata']
    for name, context, _ in run.iter_sequence_info_by_type(KINDS):
        if not name.startswith('__'):
            read_sequence(records, run, name, context)
    return records


def read_sequence(records: Records, run, name: str, context) -> None:
    kind = run._get_sequence_dtype(name, context)
    if kind in ('float', 'int', 'float64', 'int64', 'number'):
        records.scalars[name] = points(run.get_metric(name, context))
    elif kind in ('aim.image', 'list(aim.image)'):
        for step, found in points(run.get_image_sequence(name, context)):
            for image in found if isinstance(found, list) else [found]:
                records.images.setdefault(name, []).append((step, np.asarray(image.to_pil_image())))
    elif kind == 'aim.distribution':
        records.histograms[name] = sum(points(run.get_distribution_sequence(name, context))[-1][1].to_np_histogram()[0])
    elif kind == 'aim.text':
        records.texts[name] = [(step, text.data) for step, text in points(run.get_text_sequence(name, context))]
    else:
        raise AssertionError(f'{name} is a {kind}')


def points(sequence):
    """Steps and values in the order of the steps."""
    steps, (values,) = sequence.data.view(['val']).items_list()
    return sorted(zip(steps, values, strict=True), key=lambda pair: pair[0])


class TestAimContract(VisBackendContract):
    backend_class = AimVisBackend
    client_modules = ('aim',)
    statuses = {'success': 'success', 'failed': 'failed', 'aborted': 'aborted'}

    repo = None  # without one it is that of the working directory

    @pytest.fixture(autouse=True)
    def _store(self, repo):
        self.repo, self.made = repo, {}

    def make_backend(self, save_dir):
        backend = AimVisBackend(str(save_dir), init_kwargs=dict(QUIET, repo=self.repo))
        self.made.setdefault(Path(save_dir), []).append(backend)
        return backend

    def read(self, save_dir):
        records = Records()
        if self.repo is None:
            place = next(folder for folder in save_dir.parents if (folder / '.aim').exists())
            for chunk in (place / '.aim' / 'meta' / 'chunks').iterdir():
                read_run(str(place), chunk.name, records)
            return records
        for run_hash in dict.fromkeys(backend.run.id for backend in self.made[save_dir]):
            if run_hash is not None:
                read_run(self.repo, run_hash, records)
        return records


UNREACHABLE = """
import sys
from pathlib import Path
from mmengine.integrations.aim import AimVisBackend
from mmengine.visualization.testing import UnreachableContract

class Case(UnreachableContract):
    def make_unreachable(self, save_dir, address):
        backend = AimVisBackend(str(save_dir), init_kwargs=dict(repo=f'aim://{address}'))
        backend.start_limit = backend.close_limit = 3.0
        return backend

Case()._run(Path(sys.argv[1]), *sys.argv[2:])
"""


class TestAimWithoutServer(UnreachableContract):
    def _run(self, save_dir, address, name):
        """Run in a process of its own: the client goes on trying for a while."""
        answer = subprocess.run([sys.executable, '-W', 'ignore', '-c', UNREACHABLE, str(save_dir), address, name],
                                capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, answer.stderr
        print(answer.stdout)


def make(folder, repo, **identity):
    backend = AimVisBackend(str(folder), init_kwargs=dict(QUIET, repo=repo))
    backend.identify(Identity(**identity))
    return backend


def read(backend, repo):
    return read_run(repo, backend.run.id, Records())


def open_run(backend, repo):
    import aim
    read(backend, repo)
    return aim.Run(backend.run.id, repo=aim.Repo(repo), read_only=True)


def test_what_the_run_is_called(tmp_path, repo):
    backend = make(tmp_path / 'work' / 'resnet' / '20250101_120000' / 'vis_data', repo, group='g', job_type='train',
                   tags=('t',), notes='words')
    backend.add_tags(['u', 't'])
    backend.close()
    run = open_run(backend, repo)
    assert (run.experiment, run.name, run.description) == ('resnet', '20250101_120000', 'words')
    assert (run['group'], run['job_type'], sorted(run.tags)) == ('g', 'train', ['t', 'u'])


@pytest.mark.parametrize(('folder', 'names'), [
    (None, (None, None)), ('vis_data', (None, None)), ('work', ('work', None)),
    ('a/work/20250101_120000/vis_data', ('work', '20250101_120000')), ('/20250101_120000', (None, '20250101_120000'))])
def test_names_of_a_folder(folder, names):
    assert names_of(folder) == names


def test_a_run_by_its_hash_goes_on(tmp_path, repo):
    first = make(tmp_path, repo)
    first.add_config({'lr': 0.1, 'seed': 1})
    first.add_artifact('model', __file__)
    first.close()
    again = make(tmp_path, repo, run_id=first.run.id, resume='must')
    again.update_config({'lr': 0.2})
    again.add_artifact('model', __file__)
    again.close('failed')
    assert again.run.id == first.run.id
    run = open_run(again, repo)
    assert run['hparams'] == {'lr': 0.2, 'seed': 1}
    assert list(run['artifacts']['model']) == ['v0', 'v1']
    other = make(tmp_path, repo, run_id=first.run.id, resume='never')
    assert other.experiment.hash != first.run.id
    other.close()  # one that is open when the process ends would write to a folder that is gone
    with pytest.raises(LookupError, match="no run 'other'"):
        make(tmp_path, repo, run_id='other', resume='must').start()


def test_boxes_captions_and_tables(tmp_path, repo):
    backend = make(tmp_path, repo)
    picture = Picture(sample_image(), {'gt': Boxes(np.array([[5, 5, 20, 20]]), [0])}, caption='a cat')
    backend.add_picture('img', picture, 3)
    backend.add_table('eval', ['name', 'picture'], [['a', picture]], 4)
    backend.close()
    records = read(backend, repo)
    assert (records.images['img'][0][1] != sample_image()).any()
    assert (records.images['eval/picture/0'][0][1] == records.images['img'][0][1]).all()
    assert '| a | picture picture/0 |' in records.texts['eval'][0][1]
    from aim.storage.context import Context
    (_, image), = points(open_run(backend, repo).get_image_sequence('img', Context({})))
    assert (image.caption, image.format) == ('a cat', 'png')


def test_bins_of_different_widths_are_spread(tmp_path, repo):
    backend = make(tmp_path, repo)
    backend.add_histogram('uneven', counts=[4, 6], edges=[0.0, 1.0, 4.0], step=1)
    backend.add_histogram('many', np.arange(1000.), 1, bins=1000)
    backend.close()
    assert read(backend, repo).histograms == {'uneven': 10, 'many': 1000}


def test_alerts_are_messages_of_the_log(tmp_path, repo):
    backend = make(tmp_path, repo)
    for level in ('info', 'warning', 'error'):
        backend.alert('diverged', f'with {level}', level)
    backend.close()
    found = [record for _, record in points(open_run(backend, repo).get_log_records())]
    assert [record.message for record in found] == [f'diverged: with {level}' for level in ('info', 'warning', 'error')]


def test_files_are_kept_in_the_folder_of_the_records(tmp_path, repo):
    folder = tmp_path / 'data'
    (folder / 'sub').mkdir(parents=True)
    (folder / 'sub' / 'a.txt').write_text('a')
    backend = make(tmp_path / 'run', repo)
    backend.add_artifact('data', folder, aliases=('latest',), metadata={'n': np.int64(1)}, step=2)
    backend.close()
    kept, = open_run(backend, repo).artifacts.values()
    assert Path(kept.download(str(tmp_path))).read_text() == 'a'
    assert tmp_path / 'run' / 'aim_artifacts' in Path(kept.uri.removeprefix('file://')).parents
    assert open_run(backend, repo)['artifacts']['data']['v0'] == {
        'type': 'file', 'path': 'data/v0', 'size': 1, 'step': 2, 'aliases': ['latest'],
        'metadata': {'n': 1}}


def test_a_file_that_is_not_kept_is_an_error(tmp_path, repo):
    backend = make(tmp_path, repo)
    with pytest.raises(FileNotFoundError, match=r'none\.pth'):
        backend.add_artifact('model', tmp_path / 'none.pth')
    backend.close()


def test_keys_in_the_environment_are_not_recorded(tmp_path, repo, monkeypatch):
    monkeypatch.setenv('MY_API_KEY', 'k3y-of-mine-0123')
    monkeypatch.setenv('MY_PROXY', 'http://me:pa55word@proxy:3128')
    backend = AimVisBackend(str(tmp_path), init_kwargs=dict(QUIET, repo=repo, log_system_params=True))
    backend.start()
    backend.close()
    kept = open_run(backend, repo)['__system_params']
    assert kept['env_variables']['MY_PROXY'] == 'http://me:secret-removed@proxy:3128'
    assert not any(secret in file.read_bytes() for secret in (b'k3y-of-mine', b'pa55word')
                   for file in Path(repo).rglob('*') if file.is_file())


def test_context_and_epoch_of_the_platform(tmp_path, repo):
    from aim.storage.context import Context
    backend = make(tmp_path, repo)
    backend.add_scalar('loss', 0.5, 3, context={'subset': 'val'}, epoch=2)
    backend.close()
    metric = open_run(backend, repo).get_metric('loss', Context({'subset': 'val'}))
    assert points(metric) == [(3, 0.5)]


def test_interactive_figures(tmp_path, repo):
    class Plot:
        def to_html(self):
            return '<html>plot</html>'

    backend = make(tmp_path, repo)
    backend.add_figure('plot', Plot(), 1)
    backend.close()
    assert read(backend, repo).texts['plot'] == [(1, '<html>plot</html>')]


def test_found_by_name_beside_the_local_files(tmp_path, monkeypatch, repo):
    monkeypatch.chdir(repo)
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend'), dict(type='AimVisBackend', init_kwargs=QUIET)],
                            save_dir=str(tmp_path / 'work'), on_error='raise')
    visualizer.add_config(SampleConfig())
    visualizer.add_scalars({'loss': 0.25, 'lr': 0.5}, step=4)
    backend = visualizer.get_backend('AimVisBackend')
    assert type(backend) is AimVisBackend
    assert backend.experiment.repo.path == str(Path(repo, '.aim'))  # that of the working directory
    visualizer.close()
    assert read(backend, repo).scalars == {'loss': [(4, 0.25)], 'lr': [(4, 0.5)]}
    assert backend.experiment.experiment == 'work'
    backend.close()


def test_the_config_of_the_readme(tmp_path, repo, monkeypatch):
    text = Path(__file__).parents[1].joinpath('README.md').read_text(encoding='utf-8')
    found: dict = {}
    exec(re.search(r'```python\n(.*?)```', text, re.DOTALL)[1], found)
    monkeypatch.chdir(repo)
    assert found['visualizer'].pop('type') == 'Visualizer'
    visualizer = Visualizer(**found['visualizer'], save_dir=str(tmp_path), on_error='raise')
    visualizer.add_scalars({'loss': 0.25}, step=4)
    visualizer.close()
    assert read(visualizer.get_backend('AimVisBackend'), repo).scalars == {'loss': [(4, 0.25)]}
