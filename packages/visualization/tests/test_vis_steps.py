"""One axis of steps for training, validation and test, in an order that each tracker accepts."""
import json

import numpy as np
import pytest

from mmengine.visualization import BaseVisBackend, Visualizer, force_init_env
from mmengine.visualization.delivery.steps import Axis


class Picky(BaseVisBackend):
    """Refuses what is out of its order, as trackers do."""

    def __init__(self, save_dir=None):
        super().__init__(save_dir)
        self.last, self.scalars = {}, []

    def _init_env(self):
        pass

    experiment = property(lambda self: self)

    def check(self, name, step):
        if self.step_order == 'run':
            assert step >= self.last.get('', 0), 'one counter for the run'
            self.last[''] = step
        elif self.step_order == 'name':
            assert step > self.last.get(name, -1), 'one counter for each name'
            self.last[name] = step

    @force_init_env
    def add_scalar(self, name, value, step=0, **kwargs):
        self.check(name, step)
        self.scalars.append((name, value, step))

    @force_init_env
    def add_image(self, name, image, step=0, **kwargs):
        self.check(name, step)

    add_artifact = add_text = lambda self, *args, step=0, **kwargs: self.check('x', step)


def picky(order):
    return type('Picky' + order, (Picky,), {'step_order': order})()


def run(visualizer):
    """As the runner does it: training by iteration, validation by epoch, a test at the end."""
    for epoch in range(1, 4):
        for iteration in range(10 * epoch - 9, 10 * epoch + 1):
            visualizer.add_scalars({'loss': 1 / iteration, 'time': 1, 'iter': iteration, 'epoch': epoch}, iteration)
        with visualizer.at(10 * epoch, epoch):
            visualizer.add_scalars({'acc': epoch / 4, 'time': 2}, step=epoch)
            visualizer.add_image('val', np.zeros((2, 2), np.uint8), epoch)
        visualizer.add_artifact('model', 'a.pth', reference=True, step=epoch)
    with visualizer.at(30, 3):
        visualizer.add_scalars({'test/acc': 0.7}, step=0)
    visualizer.close()


@pytest.mark.parametrize('order', ['any', 'run', 'name'])
def test_a_run_comes_in_an_order_that_is_accepted(tmp_path, order, capsys):
    backend = picky(order)
    run(Visualizer(vis_backends=[backend, dict(type='LocalVisBackend')], save_dir=str(tmp_path)))
    kept = {name: [(step, value) for each, value, step in backend.scalars if each == name]
            for name in ('loss', 'acc', 'test/acc', 'epoch', 'iter', 'time')}
    assert kept['loss'] == [(step, 1 / step) for step in range(1, 31)]
    assert kept['acc'] == [(10 * epoch, epoch / 4) for epoch in range(1, 4)]
    assert kept['test/acc'] == [(30, 0.7)]
    assert dict(kept['epoch']) == {step: 1 + (step - 1) // 10 for step in range(1, 31)}
    assert dict(kept['iter']) == {step: step for step in range(1, 31)}
    assert len(kept['time']) == 33
    assert 'failed' not in capsys.readouterr().out
    lines = [json.loads(line) for line in (tmp_path / 'vis_data' / 'scalars.json').read_text().splitlines()]
    assert [line['step'] for line in lines if 'acc' in line] == [1, 2, 3]  # files have what was given
    assert 'epoch' not in lines[10]


def test_steps_that_would_be_dropped_are_raised_and_it_is_said(capsys):
    backend = picky('run')
    visualizer = Visualizer(vis_backends={'rising': backend})
    for step in (5, 3, 2, 7):
        visualizer.add_scalar('a', 1, step)
    visualizer.close()
    assert [step for _, _, step in backend.scalars] == [5, 5, 5, 7]
    assert capsys.readouterr().out.count("'rising' would refuse or drop a step") == 1


def test_after_the_end_steps_may_start_over():
    backend = picky('run')
    visualizer = Visualizer(vis_backends=[backend])
    visualizer.add_scalar('a', 1, 5)
    visualizer.close()
    backend.last.clear()
    visualizer.add_scalar('a', 1, 1)
    visualizer.close()
    assert [step for _, _, step in backend.scalars] == [5, 1]


def test_outside_of_a_position_steps_are_those_given():
    backend = picky('any')
    visualizer = Visualizer(vis_backends=[backend], on_error='raise')
    with pytest.raises(KeyError), visualizer.at(100):
        raise KeyError
    visualizer.add_scalar('a', 1, 3)
    with visualizer.at(7):
        visualizer.add_scalar('a', 1, 3)
        visualizer.add_scalars({'b': 1}, 3)
    assert backend.scalars == [('a', 1, 3), ('a', 1, 7), ('iter', 7, 7), ('b', 1, 7)]


def test_an_order_that_there_is_not():
    with pytest.raises(ValueError, match="'any', 'run' or 'name', but got 'epoch'"):
        Axis('epoch')
