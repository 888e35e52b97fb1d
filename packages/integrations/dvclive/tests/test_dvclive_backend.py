"""DVCLive: runs in a repository of DVC, read back with the readers of DVCLive and DVC."""
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmengine.integrations.dvclive import DVCLiveVisBackend
from mmengine.integrations.dvclive.names import artifact_id, kept_name
from mmengine.visualization import Artifact, Identity, Picture, PictureRef, Visualizer
from mmengine.visualization.testing import Records, VisBackendContract, black_hole, dead_address, sample_image

#: What DVC calls is not up to date, and its databases stay open.
pytestmark = [pytest.mark.filterwarnings('ignore:_NoneStep.value will soon:DeprecationWarning'),
              pytest.mark.filterwarnings('ignore:unclosed database:ResourceWarning'),
              pytest.mark.filterwarnings('ignore:.*sqlite3.Connection:pytest.PytestUnraisableExceptionWarning')]


@pytest.fixture(autouse=True)
def repository(monkeypatch, tmp_path):
    """A repository of DVC without git, and no way to DVC Studio or to statistics."""
    from dvc.repo import Repo
    monkeypatch.setenv('DVC_NO_ANALYTICS', 'true')
    monkeypatch.setenv('DVC_STUDIO_OFFLINE', 'true')
    for name in ('DVC_GLOBAL_CONFIG_DIR', 'DVC_SYSTEM_CONFIG_DIR', 'DVC_SITE_CACHE_DIR'):
        monkeypatch.setenv(name, str(tmp_path / 'home' / name))
    monkeypatch.chdir(tmp_path)
    Repo.init(str(tmp_path), no_scm=True).close()
    return tmp_path


def read_run(folder: Path) -> Records:
    from dvc.utils.serialize import load_yaml
    from dvclive.utils import parse_json, parse_tsv
    records = Records()
    if (folder / 'params.yaml').exists():
        records.config = load_yaml(str(folder / 'params.yaml'))
    for path in sorted((folder / 'plots' / 'metrics').rglob('*.tsv')):
        name = path.relative_to(folder / 'plots' / 'metrics').as_posix().removesuffix('.tsv')
        records.scalars[name] = [(int(row['step']), float(row[path.stem])) for row in parse_tsv(path)]
    for path in sorted((folder / 'plots' / 'images').rglob('*.png'), key=lambda path: int(path.stem)):
        name = path.relative_to(folder / 'plots' / 'images').parent.as_posix()
        records.images.setdefault(name, []).append((int(path.stem), np.asarray(Image.open(path))))
    for path in (folder / 'plots' / 'custom').rglob('*.json'):
        name, points = path.relative_to(folder / 'plots' / 'custom').parent.as_posix(), parse_json(path)
        if list(points[0]) == ['bin', 'count']:
            records.histograms[name] = sum(point['count'] for point in points)
        else:
            records.tables[name] = (list(points[0]), [list(point.values()) for point in points])
    if (folder / 'metrics.json').exists():
        records.summary = parse_json(folder / 'metrics.json')
    if (folder / 'dvc.yaml').exists():
        for facts in load_yaml(str(folder / 'dvc.yaml')).get('artifacts', {}).values():
            records.artifacts[facts['meta']['name']] = facts['meta']
    return records


class TestDVCLiveContract(VisBackendContract):
    backend_class = DVCLiveVisBackend
    client_modules = ('dvclive', 'dvc')

    def read(self, save_dir):
        return read_run(save_dir)

    def kept_name(self, name):
        return kept_name(name)


@pytest.fixture
def backend(tmp_path):
    backend = DVCLiveVisBackend(str(tmp_path / 'run'))
    yield backend
    backend.close()


def test_what_dvc_shows(backend, tmp_path):
    import dvc.api
    from dvc.repo import Repo
    backend.add_config({'model': {'depth': 50}, 'betas': (0.5, 0.9)})
    for step in range(3):
        backend.add_scalars({'train/loss': 1 / (1 + step)}, step)
    backend.add_curve('pr', [0., 1.], [1., 0.5], 2)
    backend.add_summary({'best': 0.5})
    backend.close()
    assert dvc.api.params_show(repo=str(tmp_path)) == {'model': {'depth': 50}, 'betas': [0.5, 0.9]}
    assert dvc.api.metrics_show(repo=str(tmp_path)) == {'train': {'loss': 1 / 3}, 'best': 0.5, 'step': 2}
    shown = json.dumps(Repo(str(tmp_path)).plots.show(), default=str)
    assert 'run/plots/custom/pr/2.json' in shown
    assert 'run/plots/metrics' in shown


def test_a_checkpoint_is_in_the_cache_of_dvc_with_its_facts(backend, tmp_path):
    from dvc.repo import Repo
    file = tmp_path / 'epoch_3.pth'
    file.write_bytes(b'weights')
    backend.add_artifact('run/Model 1', file, type='model', aliases=('latest', 'epoch_3'),
                         metadata={'acc': np.float32(0.5)}, step=30)
    backend.close()
    facts = Repo(str(tmp_path)).artifacts.read()['run/dvc.yaml']['run-model-1']
    assert (facts.type, sorted(facts.labels)) == ('model', ['epoch_3', 'latest'])
    assert facts.meta == {'name': 'run/Model 1', 'acc': 0.5, 'step': 30, 'place': str(file)}
    file.unlink()  # as runs do that keep the newest ones
    kept = tmp_path / 'run' / facts.path
    assert kept.read_bytes() == b'weights'
    cached = [path for path in (tmp_path / '.dvc' / 'cache').rglob('*') if path.is_file()]
    assert b'weights' in [path.read_bytes() for path in cached]
    assert kept.with_name('epoch_3.pth.dvc').exists()


def test_files_of_the_run_are_added_at_the_end(tmp_path):
    work = tmp_path / 'work'
    work.mkdir()
    for name in ('config.py', 'log.json', 'epoch_1.pth'):
        (work / name).write_text(name)
    backend = DVCLiveVisBackend(str(work / 'vis_data'), artifact_suffix=('.py', '.json'))
    backend.add_config({'work_dir': str(work)})
    backend.close()
    added = sorted(path.name for path in (work / 'vis_data' / 'artifacts').glob('*.dvc'))
    assert added == ['config.py.dvc', 'log.json.dvc']
    backend.add_scalar('loss', 0.5, 1)
    backend.close()  # adds no copies of copies
    assert sorted(path.name for path in (work / 'vis_data' / 'artifacts').glob('*.dvc')) == added


def test_without_a_repository(tmp_path, monkeypatch, tmp_path_factory):
    outside = tmp_path_factory.mktemp('outside')
    monkeypatch.chdir(outside)
    file = outside / 'epoch_3.pth'
    file.write_bytes(b'weights')
    backend = DVCLiveVisBackend(str(outside / 'run'))
    backend.add_config({'work_dir': str(outside), 'a': 1})
    backend.add_scalar('loss', 0.5, 3)
    backend.add_image('img', sample_image(), 3)
    backend.add_artifact('model', file, type='model')
    backend.close('failed')
    records = read_run(outside / 'run')
    assert records.config['a'] == 1
    assert records.scalars == {'loss': [(3, 0.5)]}
    assert (records.images['img'][0][1] == sample_image()).all()
    assert records.summary == {'loss': 0.5, 'step': 3}
    note, = (outside / 'run' / 'texts').iterdir()
    assert str(file) in note.read_text()


def test_nothing_is_written_to_the_working_directory(backend, tmp_path):
    backend.add_scalar('loss', 0.5)
    backend.close()
    assert {path.name for path in tmp_path.iterdir()} <= {'run', '.dvc', '.dvcignore', 'home'}


def test_what_a_killed_run_leaves(backend, tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.integrations.dvclive.backend.SYNC_PERIOD', 0.0)
    backend.add_scalar('loss', 0.5, 3)
    assert read_run(tmp_path / 'run').summary == {'loss': 0.5, 'step': 3}


def test_a_name_stays_in_its_folder():
    assert kept_name('/../a/./b:c') == '_/a/_/b_c'
    assert artifact_id('run_1/Model: é') == 'run-1-model'
    assert artifact_id('1_2') == 'a-1-2'
    assert artifact_id('é') == 'artifact'


def test_a_new_run_forgets_and_a_named_one_goes_on(tmp_path):
    for step, (identity, left) in enumerate([(None, [0]), (None, [1]), (Identity(run_id='a'), [1, 2]),
                                             (Identity(run_id='a', resume='never'), [3])]):
        backend = DVCLiveVisBackend(str(tmp_path / 'run'))
        if identity is not None:
            backend.identify(identity)
        backend.add_scalar('loss', 0.5, step)
        backend.close()
        assert [step for step, _ in read_run(tmp_path / 'run').scalars['loss']] == left


def test_pictures_of_a_table(backend, tmp_path):
    backend.add_table('eval', ['name', 'image', 'truth'],
                      [['a', Picture(sample_image()), PictureRef('val', 0, 'image')]], 4, artifact=Artifact('pred'))
    backend.close()
    records = read_run(tmp_path / 'run')
    assert records.tables['eval'] == (['name', 'image', 'truth'], [['a', 'eval/image/0', 'val/image/0']])
    (step, kept), = records.images['eval/image/0']
    assert step == 4
    assert (kept == sample_image()).all()
    assert records.artifacts['pred']['step'] == 4


def test_old_arguments_and_attribute(tmp_path):
    backend = DVCLiveVisBackend(str(tmp_path / 'run'), artifact_suffix='.py', init_kwargs=dict(report='md'))
    assert backend.experiment is backend._dvclive
    backend.add_scalar('loss', np.float32(0.5), 1)
    backend.close()
    assert (tmp_path / 'run' / 'report.md').exists()


def test_no_folder_is_an_error_that_says_so():
    with pytest.raises(ValueError, match='save_dir'):
        DVCLiveVisBackend(None).add_scalar('loss', 1)


@pytest.mark.parametrize('server', [dead_address, black_hole])
def test_a_studio_that_is_away_costs_nothing_but_the_studio(tmp_path, monkeypatch, server):
    """The client posts to DVC Studio if the user has set that up."""
    monkeypatch.delenv('DVC_STUDIO_OFFLINE')
    monkeypatch.setenv('DVC_STUDIO_TOKEN', 'a' * 40)
    monkeypatch.setenv('DVC_STUDIO_REPO_URL', 'https://example.com/repo')
    with server() as address:
        monkeypatch.setenv('DVC_STUDIO_URL', f'http://{address}')
        backend = DVCLiveVisBackend(str(tmp_path / 'run'))
        backend.start_limit = backend.call_limit = backend.close_limit = 2.0
        visualizer = Visualizer(vis_backends={'local': dict(type='LocalVisBackend'), 'dvclive': backend},
                                save_dir=str(tmp_path))
        for step in range(3):
            visualizer.add_scalar('loss', 0.5, step)
        visualizer.close()
        lines = (tmp_path / 'vis_data' / 'scalars.json').read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{'loss': 0.5, 'step': step} for step in range(3)]
