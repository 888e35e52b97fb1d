import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mmengine.registry import VISBACKENDS, VISUALIZERS
from mmengine.utils import ManagerMixin
from mmengine.visualization import BaseVisBackend, Boxes, Identity, LocalVisBackend, Visualizer, force_init_env


@VISBACKENDS.register_module()
class MemoryVisBackend(BaseVisBackend):
    """As third parties write them: the methods of old, and an own signature of `close`."""

    def __init__(self, save_dir=None):
        super().__init__(save_dir)
        self.calls = []

    def _init_env(self):
        self.calls.append(('init',))

    @property
    @force_init_env
    def experiment(self):
        return self.calls

    @force_init_env
    def add_config(self, config, **kwargs):
        self.calls.append(('config', config))

    @force_init_env
    def add_image(self, name, image, step=0, **kwargs):
        self.calls.append(('image', name, image, step))

    @force_init_env
    def add_scalar(self, name, value, step=0, **kwargs):
        self.calls.append(('scalar', name, value, step))

    @force_init_env
    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        self.calls.append(('scalars', scalar_dict, step, file_path, kwargs))

    def close(self):
        self.calls.append(('close',))


@VISUALIZERS.register_module()
class OwnVisualizer(Visualizer):
    pass


@pytest.fixture(autouse=True)
def _no_instances():
    yield
    Visualizer._instance_dict.clear()
    OwnVisualizer._instance_dict.clear()


def test_backends_by_config_class_and_instance(tmp_path):
    for backends in ([dict(type='LocalVisBackend')], dict(type='LocalVisBackend'), [dict(type=LocalVisBackend)],
                     [LocalVisBackend(str(tmp_path / 'vis_data'))], LocalVisBackend(str(tmp_path / 'vis_data'))):
        visualizer = Visualizer(vis_backends=backends, save_dir=str(tmp_path))
        backend = visualizer.get_backend('LocalVisBackend')
        assert backend._save_dir == str(tmp_path / 'vis_data')
        assert visualizer._vis_backends == {'LocalVisBackend': backend}
    assert visualizer.get_backend('other') is None


def test_a_config_is_not_changed(tmp_path):
    cfg = dict(type='LocalVisBackend', name='mine')
    assert Visualizer(vis_backends=[cfg], save_dir=str(tmp_path)).get_backend('mine') is not None
    assert cfg == dict(type='LocalVisBackend', name='mine')


def test_names_are_unique(tmp_path):
    local = dict(type='LocalVisBackend')
    for backends in ([local, local], [dict(local, name='a'), dict(local, name='a')]):
        with pytest.raises(RuntimeError, match='already exists'):
            Visualizer(vis_backends=backends, save_dir=str(tmp_path))
    both = Visualizer(vis_backends=[local, dict(local, name='b')], save_dir=str(tmp_path))
    assert list(both._vis_backends) == ['LocalVisBackend', 'b']


def test_a_backend_that_needs_a_folder_and_has_none_is_left_out():
    with pytest.warns(UserWarning, match='LocalVisBackend is not added .* `save_dir`'):
        visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend')])
    assert visualizer._vis_backends == {}
    assert list(Visualizer(vis_backends=[dict(type='MemoryVisBackend')])._vis_backends) == ['MemoryVisBackend']


def test_records_reach_every_backend(tensor):
    first, second = MemoryVisBackend(), MemoryVisBackend()
    visualizer = Visualizer(vis_backends={'a': first, 'b': second})
    assert visualizer._vis_backends == {'a': first, 'b': second}
    loss, values, image = tensor(0.5), {'lr': tensor(0.25), 'acc': 1}, np.zeros((2, 2, 3), np.uint8)
    visualizer.add_config({'a': 1})
    visualizer.add_scalar('loss', loss, step=3)
    visualizer.add_scalars(values, step=4, file_path='a.json', extra=1)
    visualizer.add_image('img', image, 5)
    visualizer.close()
    for backend in (first, second):
        shown, = (call for call in backend.calls if call[0] == 'image')
        assert shown[1::2] == ('img', 5)
        assert (shown[2] == image).all()
        assert [call for call in backend.calls if call is not shown] == [
            ('init',), ('config', {'a': 1}), ('scalar', 'loss', 0.5, 3),
            ('scalars', {'lr': 0.25, 'acc': 1}, 4, 'a.json', {'extra': 1}), ('close',)]
    assert loss.reads == 1  # once for all backends
    assert values['acc'] == 1
    assert len(values) == 2


def test_boxes_on_images_reach_backends_of_old_as_pixels():
    backend = MemoryVisBackend()
    visualizer = Visualizer(vis_backends=[backend], on_error='raise')
    image = np.zeros((20, 20, 3), np.uint8)
    visualizer.add_image('img', image, 1, boxes={'gt': Boxes(np.array([[2, 2, 9, 9]]), [1])}, class_names={1: 'cat'})
    (_, (kind, name, drawn, step)) = backend.calls
    assert (kind, name, step) == ('image', 'img', 1)
    assert drawn[2, 5].any()
    assert not image.any()


def test_what_a_backend_raises_stays_away_from_the_run(tmp_path, capsys):
    class Broken(MemoryVisBackend):
        def add_scalars(self, *args, **kwargs):
            raise ValueError('gone')

    visualizer = Visualizer(vis_backends=[Broken(), dict(type='LocalVisBackend')], save_dir=str(tmp_path))
    for step in range(10):
        visualizer.add_scalars({'loss': 1.0}, step)
    lines = (tmp_path / 'vis_data' / 'scalars.json').read_text().splitlines()
    assert [json.loads(line)['step'] for line in lines] == list(range(10))
    visualizer.close()
    assert capsys.readouterr().out.count('gone') == 1
    with pytest.raises(ValueError, match='gone'):
        Visualizer(vis_backends=[Broken()], on_error='raise').add_scalars({})


def test_other_processes_than_the_main_one_record_nothing(tmp_path):
    code = ('from mmengine.visualization import Visualizer\n'
            f'v = Visualizer(vis_backends=[dict(type="LocalVisBackend")], save_dir={str(tmp_path)!r})\n'
            'v.add_scalar("loss", 1.0)\nv.close()')
    for rank in ('1', '0'):
        assert not (tmp_path / 'vis_data').exists()
        subprocess.run([sys.executable, '-c', code], check=True, env={**os.environ, 'RANK': rank, 'WORLD_SIZE': '2'})
    assert (tmp_path / 'vis_data' / 'scalars.json').exists()


def test_instances_by_name():
    visualizer = Visualizer.get_instance('a')
    assert Visualizer.get_instance('a') is visualizer
    assert visualizer.instance_name == 'a'
    assert isinstance(visualizer, ManagerMixin)
    own = OwnVisualizer.get_instance('own')
    assert Visualizer.get_current_instance() is own
    assert Visualizer.get_instance('own') is own
    visualizer.make_current()
    assert Visualizer.get_current_instance() is visualizer
    own.make_current()
    assert Visualizer.get_current_instance() is own
    assert Visualizer.check_instance_created('own')
    own.release()
    assert not Visualizer.check_instance_created('own')
    assert not OwnVisualizer.check_instance_created('own')


def test_a_second_run_of_the_same_name_gets_its_own(tmp_path):
    def run(folder, **kwargs):
        visualizer = Visualizer.get_instance('exp', vis_backends=[dict(type='LocalVisBackend')], save_dir=str(folder))
        visualizer.add_scalar('loss', 1.0)
        return visualizer

    first = run(tmp_path / 'a')
    with pytest.warns(UserWarning, match='exp'):
        assert run(tmp_path / 'a') is first
    second = run(tmp_path / 'b')  # the first one was never closed: say, an interrupt in a notebook
    assert second is not first
    second.close()
    assert Visualizer.get_instance('exp') is second
    third = run(tmp_path / 'b')
    assert third is not second
    assert Visualizer.get_current_instance() is third
    for folder, count in (('a', 2), ('b', 2)):
        assert len((tmp_path / folder / 'vis_data' / 'scalars.json').read_text().splitlines()) == count


def test_two_side_by_side(tmp_path):
    one, two = (Visualizer(name, vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path / name))
                for name in ('one', 'two'))
    one.add_scalar('loss', 1.0)
    two.add_scalar('loss', 2.0)
    one.close()
    two.add_scalar('loss', 3.0)
    two.close()
    assert (tmp_path / 'two' / 'vis_data' / 'scalars.json').read_text().count('\n') == 2


def test_identity_and_runs(tmp_path):
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path))
    visualizer.identify(Identity(run_id='r7', name='seven'))
    assert visualizer.runs['LocalVisBackend'].id == 'r7'
    visualizer.add_scalar('loss', 1)
    visualizer.close('failed')
    kept = json.loads((tmp_path / 'vis_data' / 'run.json').read_text())
    assert kept == {'run_id': 'r7', 'name': 'seven', 'status': 'failed'}


def test_every_recording_method_reaches_the_backend(tmp_path, tensor):
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir=str(tmp_path), on_error='raise')
    file = tmp_path / 'a.txt'
    file.write_text('a')
    visualizer.add_graph(None, [])
    visualizer.add_table('t', ['a'], ((i,) for i in range(2)), 1)
    visualizer.add_curve('c', [0, 1], [1, 0], 1, x_name='recall')
    visualizer.add_histogram('h', tensor([1, 2, 3]), 1)
    visualizer.add_text('n', 'text', 1, format='markdown')
    visualizer.add_artifact('art', file, aliases=['latest'])
    visualizer.use_artifact('art')
    visualizer.add_summary({'best': tensor(0.5)})
    visualizer.update_config({'a': 1})
    visualizer.define_metric('a', goal='max')
    visualizer.add_tags(['x'])
    visualizer.alert('title')
    visualizer.flush()
    visualizer.close()
    folder = tmp_path / 'vis_data'
    assert sorted(path.name for path in folder.iterdir()) == [
        'alerts.json', 'artifacts', 'artifacts.json', 'config_update.json', 'histograms.json', 'run.json',
        'summary.json', 'tables', 'texts']
    assert (folder / 'tables' / 't_1.csv').read_text().split() == ['a', '0', '1']
    assert (folder / 'tables' / 'c_1.csv').read_text().split() == ['recall,y', '0,1', '1,0']
    assert json.loads((folder / 'summary.json').read_text()) == {'best': 0.5}


def test_data_samples_and_meta():
    backend = MemoryVisBackend()
    visualizer = Visualizer(vis_backends=[backend])
    assert visualizer.dataset_meta is None
    visualizer.dataset_meta = dict(classes=('cat',))
    assert visualizer.dataset_meta == dict(classes=('cat',))
    image = np.zeros((2, 2, 3), np.uint8)
    visualizer.add_datasample('sample', image, step=2)
    assert visualizer.get_backend('MemoryVisBackend').calls[-1][1::2] == ('sample', 2)


def test_built_from_the_registry(tmp_path):
    visualizer = VISUALIZERS.build(dict(type='OwnVisualizer', name='built', save_dir=str(tmp_path),
                                        vis_backends=[dict(type='LocalVisBackend')]))
    assert type(visualizer) is OwnVisualizer


def test_force_init_env_starts_once_and_tries_again_after_a_failure():
    class Flaky(MemoryVisBackend):
        tries = 0

        def _init_env(self):
            self.tries += 1
            if self.tries == 1:
                raise ConnectionError

    backend = Flaky()
    with pytest.raises(ConnectionError):
        backend.add_scalar('a', 1)
    backend.add_scalar('a', 1)
    backend.add_scalar('a', 1)
    assert backend.tries == 2

    class NoBackend:
        @force_init_env
        def add(self):
            pass

    with pytest.raises(AttributeError, match='_init_env'):
        NoBackend().add()
