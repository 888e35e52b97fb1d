"""A tracker may fail, training may not: real threads, and backends that raise, hang, are slow, or end the process."""
import os
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

from mmengine.visualization import BaseVisBackend, Visualizer, force_init_env
from mmengine.visualization.delivery import lane as lanes
from mmengine.visualization.delivery.dispatch import Dispatcher
from mmengine.visualization.testing import FaultyVisBackend


class Kept(BaseVisBackend):
    """Keeps what it is given, waits at a gate, and knows which thread called it."""

    def __init__(self, save_dir=None):
        super().__init__(save_dir)
        self.calls, self.threads, self.gate = [], set(), threading.Event()
        self.gate.set()

    def _init_env(self):
        self.threads.add(threading.current_thread().name)

    experiment = property(lambda self: self)

    @force_init_env
    def _keep(self, *call):
        assert self.gate.wait(30)
        self.threads.add(threading.current_thread().name)
        self.calls.append(call)

    def add_config(self, config, **kwargs):
        self._keep('config', config)

    def add_image(self, name, image, step=0, **kwargs):
        self._keep('image', name, image, step)

    def add_scalar(self, name, value, step=0, **kwargs):
        self._keep('scalar', name, value, step)

    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        self._keep('scalars', scalar_dict, step)

    def add_text(self, name, text, step=0, *, format='plain', **kwargs):
        self._keep('text', name, text, step)

    def add_figure(self, name, figure, step=0, **kwargs):
        self._keep('figure', figure.title)

    def add_artifact(self, name, path, **kwargs):
        self._keep('artifact', os.path.basename(path), Path(path).read_text())

    def close(self, status='success'):
        self._keep('close', status)
        self._env_initialized = False


def warned(capsys, *words):
    return [line for line in capsys.readouterr().out.splitlines() if all(word in line for word in words)]


def run(visualizer, steps=20):
    for step in range(steps):
        visualizer.add_scalars({'loss': 1.0}, step)


def test_calls_come_in_order_from_one_thread_that_ends_with_the_run():
    backend = Kept()
    visualizer = Visualizer(vis_backends=[backend])
    for step in range(100):
        visualizer.add_scalar('a', step, step)
        visualizer.add_text('b', str(step), step)
    visualizer.close()
    assert [call[-1] for call in backend.calls] == [*np.repeat(range(100), 2), 'success']
    assert backend.threads == {'records'}
    assert 'records' not in {thread.name for thread in threading.enumerate()}


def test_what_waits_is_a_copy():
    backend = Kept()
    backend.gate.clear()
    visualizer = Visualizer(vis_backends=[backend])
    image, values, nested = np.zeros((2, 2, 3), np.uint8), {'a': np.zeros(1)}, {'a': [1]}
    visualizer.add_image('img', image)
    visualizer.add_scalars(values)
    visualizer.add_config(nested)
    image[:], values['a'][:], values['b'], nested['a'][0] = 9, 9, 9, 9
    backend.gate.set()
    visualizer.close()
    (_, _, kept, _), (_, scalars, _), (_, config), _ = backend.calls
    assert not kept.any()
    assert scalars == {'a': 0}
    assert config == {'a': [1]}


def test_each_backend_gets_a_dictionary_of_its_own():
    class Changing(Kept):
        def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
            self._keep('scalars', scalar_dict.pop('a'))

    backends = Changing(), Changing()
    visualizer = Visualizer(vis_backends=dict(zip('xy', backends, strict=True)))
    visualizer.add_scalars({'a': 1})
    visualizer.close()
    assert [backend.calls[0] for backend in backends] == [('scalars', 1)] * 2


def test_a_tensor_on_a_device_is_read_by_the_thread_and_once(monkeypatch):
    main = threading.current_thread()

    class Stream:
        def record_event(self):
            return self

        def synchronize(self):
            synchronized.append(threading.current_thread())

    class Device:
        type = 'cuda'

    class Tensor:
        device, shape, ndim = Device(), (), 0

        def __init__(self, value):
            self.value = value

        def numel(self):
            return 1

        element_size = numel

        def detach(self):
            return self

        def clone(self):
            return Tensor(self.value)

        def cpu(self):
            assert threading.current_thread() is not main, 'the training waits for the device'
            return self

        def numpy(self):
            return np.asarray(self.value)

    torch = types.ModuleType('torch')
    torch.accelerator = types.SimpleNamespace(current_stream=lambda device: Stream())
    monkeypatch.setitem(sys.modules, 'torch', torch)
    synchronized = []
    backends = Kept(), Kept()
    visualizer = Visualizer(vis_backends=dict(zip('xy', backends, strict=True)))
    loss = Tensor(0.5)
    visualizer.add_scalar('loss', loss, 1)
    loss.value = 7.0  # as an optimizer changes a parameter in place
    visualizer.close()
    assert [backend.calls[0] for backend in backends] == [('scalar', 'loss', 0.5, 1)] * 2
    assert len(synchronized) == 1


def test_a_figure_is_drawn_before_the_caller_goes_on():
    class Figure:
        title = 'before'

    backend, figure = Kept(), Figure()
    visualizer = Visualizer(vis_backends=[backend])
    visualizer.add_figure('fig', figure)
    figure.title = 'after'
    visualizer.close()
    assert backend.calls[0] == ('figure', 'before')


@pytest.mark.parametrize('kind', ['model', 'file'])
def test_an_artifact_is_kept_until_it_is_taken(tmp_path, kind):
    file = tmp_path / 'epoch_1.pth'
    file.write_text('weights')
    backend = Kept()
    visualizer = Visualizer(vis_backends=[backend])
    if kind == 'model':  # as when old checkpoints are removed while the tracker is behind
        backend.gate.clear()
    visualizer.add_artifact('model', file, type=kind)
    file.unlink()
    backend.gate.set()
    visualizer.close()
    assert backend.calls[0] == ('artifact', 'epoch_1.pth', 'weights')
    assert list(tmp_path.iterdir()) == []


def test_files_that_the_client_reads_later_are_kept_until_the_end(tmp_path):
    class Late(Kept):
        keeps_paths = True

        def add_artifact(self, name, path, **kwargs):
            self.path = path

        def close(self, status='success'):
            self.content = Path(self.path).read_text()

    file = tmp_path / 'epoch_1.pth'
    file.write_text('weights')
    backend = Late()
    visualizer = Visualizer(vis_backends=[backend])
    visualizer.add_artifact('model', file, type='model')
    file.unlink()
    visualizer.close()
    assert backend.content == 'weights'
    assert list(tmp_path.iterdir()) == []


def test_get_backend_gives_one_that_has_everything():
    backend = Kept()
    visualizer = Visualizer(vis_backends=[backend])
    run(visualizer)
    assert len(visualizer.get_backend('Kept').calls) == 20
    visualizer.close()


@pytest.mark.parametrize('fault', ['raise', 'exit'])
@pytest.mark.parametrize('method', ['add_scalar', 'start', 'close'])
def test_what_it_raises_is_reported_with_its_name(tmp_path, capsys, fault, method):
    backend, name = FaultyVisBackend(fault=fault, at=method), f'odd {fault} {method}'  # the same line is logged once
    visualizer = Visualizer(vis_backends={name: backend, 'files': dict(type='LocalVisBackend')},
                            save_dir=str(tmp_path))
    run(visualizer)
    visualizer.close()
    text = 'RuntimeError: the tracker is out of order' if fault == 'raise' else 'SystemExit: the tracker ends'
    out = capsys.readouterr().out
    assert len([line for line in out.splitlines() if f"'{name}' failed" in line and text in line]) == 1
    assert (tmp_path / 'vis_data' / 'scalars.json').read_text().count('\n') == 20
    if method != 'close':
        assert f"'{name}' did not get everything: 20 x add_scalars" in out


@pytest.mark.parametrize('method', ['start', 'add_scalar', 'flush', 'close'])
def test_one_that_hangs_is_reported_and_left_behind(tmp_path, capsys, method):
    backend, name = FaultyVisBackend(fault='hang', at=method), f'stuck in {method}'
    visualizer = Visualizer(vis_backends={name: backend, 'files': dict(type='LocalVisBackend')},
                            save_dir=str(tmp_path))
    run(visualizer)
    visualizer.flush()
    visualizer.close(timeout=0.4)
    out = capsys.readouterr().out
    assert out.count(f"'{name}' has not returned from") == (method != 'close')
    assert out.count(f"'{name}' was given up") == 1
    assert (tmp_path / 'vis_data' / 'scalars.json').read_text().count('\n') == 20
    assert not visualizer._dispatcher.is_open  # nobody waits for it again at exit
    visualizer.add_scalar('late', 1.0)
    backend.released.set()


def test_one_that_returns_at_last_gets_what_waited(capsys):
    backend = FaultyVisBackend(fault='hang', at='start')
    visualizer = Visualizer(vis_backends={'late': backend})
    run(visualizer)
    visualizer.flush()
    assert warned(capsys, "'late' has not returned from `start` within 0.2 s")
    backend.released.set()
    backend.close_limit = 30
    visualizer.close()
    assert [step for step, _ in backend.scalars] == list(range(20))
    assert backend.status == 'success'


def test_a_slow_one_is_waited_for_and_then_left_behind(capsys, monkeypatch):
    monkeypatch.setattr(lanes, 'MAX_CALLS', 5)
    monkeypatch.setattr(lanes, 'PATIENCE', 0.1)
    backend = FaultyVisBackend(fault='slow', seconds=0.05)
    backend.close_limit = 30
    visualizer = Visualizer(vis_backends={'slow': backend})
    run(visualizer, 30)
    visualizer.close()
    out = capsys.readouterr().out
    assert out.count("'slow' does not keep up") == 1
    assert out.count("'slow' is left behind") == 1
    steps = [step for step, _ in backend.scalars]
    assert steps == sorted(steps)
    assert f"'slow' did not get everything: {30 - len(steps)} x add_scalars" in out


def test_waiting_pictures_are_bounded_by_their_bytes(monkeypatch):
    monkeypatch.setattr(lanes, 'MAX_BYTES', 1000)
    monkeypatch.setattr(lanes, 'PATIENCE', 0)
    backend = Kept()
    backend.gate.clear()
    visualizer = Visualizer(vis_backends=[backend])
    for step in range(10):
        visualizer.add_image('img', np.zeros((10, 30), np.uint8), step)
    backend.gate.set()
    visualizer.close()
    assert [call[-1] for call in backend.calls] == [0, 1, 2, 3, 'success']


def test_what_may_pass_is_tried_again(monkeypatch):
    monkeypatch.setattr(lanes, 'RETRY_PAUSE', 0.01)

    class Shaky(Kept):
        tries = 0

        def add_scalar(self, name, value, step=0, **kwargs):
            self.tries += 1
            if self.tries < 3:
                raise ConnectionResetError
            super().add_scalar(name, value, step)

    backend = Shaky()
    visualizer = Visualizer(vis_backends=[backend])
    visualizer.add_scalar('a', 1, 1)
    visualizer.get_backend('Shaky')
    assert backend.calls == [('scalar', 'a', 1, 1)]
    visualizer.close()


def test_records_wait_for_a_start_that_fails_at_first():
    class Late(Kept):
        tries = 0

        def _init_env(self):
            self.tries += 1
            if self.tries == 1:
                raise ConnectionRefusedError

    now = [0.0]
    backend = Late()
    dispatcher = Dispatcher({'late': backend}, clock=lambda: now[0])
    dispatcher.call('add_scalar', 'a', 1, 1)
    for _ in range(500):
        if dispatcher.is_aside('late'):
            break
        time.sleep(0.01)
    now[0] = 1000.0
    dispatcher._ways['late'].lane.hurry()  # wakes it, as the pause does when it is over
    dispatcher.call('add_scalar', 'a', 2, 2)
    dispatcher.close('success')
    assert backend.tries == 2
    assert backend.calls == [('scalar', 'a', 1, 1), ('scalar', 'a', 2, 2), ('close', 'success')]


def test_numbers_that_gather_are_sent_together():
    class Batches(Kept):
        def add_scalar_batch(self, rows):
            self._keep('rows', [(row.step, row.values) for row in rows], rows[0].time)

    backend = Batches()
    backend.gate.clear()
    visualizer = Visualizer(vis_backends=[backend])
    visualizer.add_text('first', '')
    for step in range(5):
        visualizer.add_scalar('a', step, step)
        visualizer.add_scalars({'b': step}, step)
    visualizer.add_text('last', '')
    visualizer.add_scalar('a', 5, 5)
    backend.gate.set()
    visualizer.close()
    first, rows, last, more, _ = backend.calls
    assert (first[1], last[1]) == ('first', 'last')
    assert rows[1] == [(step, values) for step in range(5) for values in ({'a': step}, {'b': step})]
    assert more[1] == [(5, {'a': 5})]
    assert 0 <= time.time() - rows[2] < 600


def test_a_batch_that_is_lost_counts_every_call(capsys):
    class Batches(Kept):
        def add_scalar_batch(self, rows):
            raise ValueError('no')

    backend = Batches()
    backend.gate.clear()
    visualizer = Visualizer(vis_backends=[backend])
    visualizer.add_text('first', '')
    run(visualizer, 7)
    backend.gate.set()
    visualizer.close()
    assert warned(capsys, 'did not get everything: 7 x add_scalar_batch')


def test_used_again_after_the_end():
    backend = Kept()
    visualizer = Visualizer(vis_backends=[backend])
    for _ in range(3):
        visualizer.add_scalar('a', 1, 1)
        visualizer.close()
    assert backend.calls == [('scalar', 'a', 1, 1), ('close', 'success')] * 3


def test_settings_in_the_config_of_a_backend(tmp_path):
    visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend', queued=True, call_limit=3.0)],
                            save_dir=str(tmp_path))
    visualizer.add_scalar('a', 1)
    backend = visualizer.get_backend('LocalVisBackend')
    assert (backend.queued, backend.call_limit, backend.limit_of('close')) == (True, 3.0, 60.0)
    visualizer.close()




def test_a_class_of_its_own_that_has_nothing_of_ours():
    class Plain:
        def __init__(self):
            self.calls = []

        def add_scalar(self, name, value, step=0):
            self.calls.append((name, value, step))

        def close(self):
            self.calls.append('close')

    backend = Plain()
    visualizer = Visualizer(vis_backends=[backend])
    visualizer.add_scalar('a', 1, 2)
    visualizer.add_table('t', [], [])
    assert visualizer.get_backend('Plain').calls == [('a', 1, 2)]
    visualizer.close('failed')
    assert backend.calls == [('a', 1, 2), 'close']
