import subprocess
import sys

import pytest


def run(code):
    answer = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


HEAVY = "print(sorted({'torch', 'matplotlib', 'cv2', 'tensorboard'} & {m.partition('.')[0] for m in sys.modules}))"


def test_importing_is_light():
    assert run(f'import sys, mmengine.visualization, mmengine.visualization.testing\n{HEAVY}') == '[]'


def test_recording_needs_neither_torch_nor_matplotlib(tmp_path):
    code = f'''
import sys
import numpy as np
from mmengine.visualization import Boxes, Visualizer
v = Visualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir={str(tmp_path)!r}, on_error='raise')
image = np.zeros((9, 9, 3), np.uint8)
v.set_image(image)
v.add_image('img', v.get_image(), boxes={{'gt': Boxes(np.array([[1, 1, 5, 5]]), [0])}})
v.add_scalar('loss', 1.0)
v.add_histogram('h', image)
v.close()
{HEAVY}'''
    assert run(code) == '[]'


def test_a_tracker_that_is_not_installed_names_its_distribution():
    import mmengine.visualization as visualization
    from mmengine.visualization import vis_backend
    known = {'AimVisBackend': 'mmparts-aim', 'ClearMLVisBackend': 'mmparts-clearml',
             'DVCLiveVisBackend': 'mmparts-dvclive', 'MLflowVisBackend': 'mmparts-mlflow',
             'NeptuneVisBackend': 'mmparts-neptune', 'SwanlabVisBackend': 'mmparts-swanlab',
             'TensorboardVisBackend': 'mmparts-tensorboard', 'WandbVisBackend': 'mmparts-wandb'}
    installed = visualization.trackers.installed()
    for name, distribution in known.items():
        for module in (visualization, vis_backend):
            assert getattr(module, name).__name__ == name
            if name not in installed:
                with pytest.raises(ImportError, match=f'{name} .*pip install {distribution}$'):
                    getattr(module, name)(save_dir='unused')


def test_a_library_may_derive_from_a_tracker_that_is_not_installed(monkeypatch):
    from mmengine.visualization import BaseVisBackend, Visualizer, vis_backend
    from mmengine.visualization.backends import trackers
    monkeypatch.setitem(trackers.DISTRIBUTIONS, 'AbsentVisBackend', 'mmparts-absent')
    base = vis_backend.AbsentVisBackend
    assert issubclass(base, BaseVisBackend)
    assert base is vis_backend.AbsentVisBackend

    class Video(base):
        def __init__(self, save_dir):
            super().__init__(save_dir)

    with pytest.raises(ImportError, match='pip install mmparts-absent'):
        Visualizer(vis_backends=[dict(type=Video)], save_dir='unused')


def test_a_config_that_names_one_says_the_same(monkeypatch):
    from mmengine.visualization import Visualizer
    from mmengine.visualization.backends import trackers
    monkeypatch.setitem(trackers.DISTRIBUTIONS, 'AbsentVisBackend', 'mmparts-absent')
    for name in ('AbsentVisBackend', 'mmengine.AbsentVisBackend'):
        with pytest.raises(ImportError, match='pip install mmparts-absent'):
            Visualizer(vis_backends=[dict(type=name)], save_dir='unused')


def test_other_names_are_attribute_errors():
    import mmengine.visualization
    assert not hasattr(mmengine.visualization, 'NoBackend')
    assert not hasattr(mmengine.visualization, '__wrapped__')


def test_old_paths():
    from mmengine.interfaces import Hook as CoreHook
    from mmengine.visualization import BaseVisBackend, Hook, LocalVisBackend, Visualizer
    from mmengine.visualization.vis_backend import BaseVisBackend as OldBase
    from mmengine.visualization.vis_backend import LocalVisBackend as OldLocal
    from mmengine.visualization.vis_backend import force_init_env
    from mmengine.visualization.visualizer import Visualizer as OldVisualizer
    assert (OldBase, OldLocal, OldVisualizer, CoreHook) == (BaseVisBackend, LocalVisBackend, Visualizer, Hook)
    assert callable(force_init_env)
