"""The picture of a training's curves."""
from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from mmengine.hooks import CurvePlotHook
from mmengine.hooks.curve_plot import Curve, draw_curves
from mmengine.runner import Runner

Make = Callable[..., Runner]


def hook_of(runner: Runner) -> CurvePlotHook:
    return next(hook for hook in runner.hooks if isinstance(hook, CurvePlotHook))


def make(make_runner: Make, folder: str = 'run', **changes: Any) -> Runner:
    return make_runner(folder, custom_hooks=[dict(type='CurvePlotHook')], **changes)


def test_a_picture_of_losses_and_metrics(make_runner: Make) -> None:
    global_state = 'matplotlib.pyplot' in sys.modules
    runner = make(make_runner)
    runner.train()
    picture = imread(Path(runner.log_dir) / 'curves.png')
    assert picture.shape[0] > 200
    assert picture.shape[1] > 600
    assert picture[..., :3].std() > 0.05  # something is drawn
    loss, error = hook_of(runner)._curves(runner)
    assert (loss.name, error.name) == ('loss', 'line/error')
    assert [step for step, _ in loss.points] == list(range(1, 25))
    assert [step for step, _ in error.points] == [6, 12, 18, 24]
    history = runner.message_hub.get_scalar('val/line/error').data[0]
    assert [value for _, value in error.points] == list(history)
    assert ('matplotlib.pyplot' in sys.modules) == global_state


def test_the_curves_of_a_resumed_run_begin_where_its_training_began(make_runner: Make, tmp_path: Path) -> None:
    whole = make(make_runner, 'whole', randomness=dict(seed=0))
    whole.train()
    ours = make(make_runner, 'ours', load_from=str(tmp_path / 'whole' / 'epoch_2.pth'), resume=True)
    ours.train()
    assert hook_of(ours)._curves(ours) == hook_of(whole)._curves(whole)


def test_a_test_alone_draws_nothing(make_runner: Make) -> None:
    runner = make(make_runner)
    runner.test()
    assert not (Path(runner.log_dir) / 'curves.png').exists()


def test_a_picture_that_cannot_be_written_does_not_fail_the_run(make_runner: Make,
                                                                capsys: pytest.CaptureFixture[str]) -> None:
    runner = make(make_runner)
    (Path(runner.log_dir) / 'curves.png').mkdir(parents=True)
    runner.train()
    assert 'The curves could not be drawn' in capsys.readouterr().out
    assert runner.epoch == 4


def test_without_matplotlib_the_run_does_not_begin(make_runner: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = make(make_runner)
    monkeypatch.setitem(sys.modules, 'matplotlib', None)  # as if it were not installed
    with pytest.raises(ImportError, match='CurvePlotHook .* pip install matplotlib'):
        runner.train()
    assert runner.iter == 0


def test_long_and_odd_curves(tmp_path: Path) -> None:
    nan, inf = float('nan'), float('inf')
    curves = [Curve('long', [(i, 1000 / (i + 1)) for i in range(20000)], is_dense=True),
              Curve('gaps', [(i, nan if i % 3 else 1.0) for i in range(100)], is_dense=True),
              Curve('nothing but nan', [(i, nan) for i in range(100)], is_dense=True), Curve('one', [(1, 0.5)]),
              Curve('infinite', [(1, inf), (2, 1.0)], best=(2, 1.0)),
              *(Curve(f'metric {index}', [(1, 0.1), (2, 0.2)]) for index in range(20))]
    draw_curves(str(tmp_path / 'curves.png'), curves, None, 'a run')
    assert imread(tmp_path / 'curves.png').shape[0] > 1000
    assert [path.name for path in tmp_path.iterdir()] == ['curves.png']
