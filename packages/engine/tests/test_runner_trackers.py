"""What a run tells a tracker: values on one axis, how it ended, and no secrets."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from mmengine.visualization import BaseVisBackend, force_init_env

KEY = 'open sesame, again'
TRACKERS: list[Tracker] = []


class Tracker(BaseVisBackend):
    """Has one counter for the whole run, as some have."""

    step_order = 'run'

    def __init__(self, save_dir: str, init_kwargs: dict[str, Any] | None = None) -> None:
        super().__init__(save_dir)
        self.init_kwargs = init_kwargs
        self.scalars: list[tuple[int, dict[str, Any]]] = []
        self.statuses: list[str] = []
        self.config: Any = None
        TRACKERS.append(self)

    experiment = None

    def _init_env(self) -> None:
        assert self.init_kwargs == {'api_key': KEY}  # what it uses is still there

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        self.config = config

    @force_init_env
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        assert not self.scalars or step >= self.scalars[-1][0]
        self.scalars.append((step, scalar_dict))

    def close(self, status: str = 'success') -> None:
        if self._env_initialized:
            self.statuses.append(status)
            self._env_initialized = False


class Stop(Hook):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        raise self.error


@pytest.fixture(autouse=True)
def _tracker() -> None:
    VISBACKENDS.register_module(module=Tracker, force=True)
    TRACKERS.clear()


@pytest.fixture
def cfg(make_cfg: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Make a run of 2 epochs of 6 batches with a tracker that has a key."""
    return make_cfg('.', train_cfg=dict(by_epoch=True, max_epochs=2), log_level='INFO', param_scheduler=None,
                    default_hooks=dict(logger=dict(type='LoggerHook', interval=4)),
                    visualizer=dict(type='Visualizer', vis_backends=[
                        dict(type='LocalVisBackend'), dict(type='Tracker', init_kwargs=dict(api_key=KEY))]))


def test_train_val_and_test_lie_on_one_axis(tmp_path: Path, cfg: dict[str, Any]) -> None:
    runner = Runner.from_cfg(cfg)
    runner.train()
    runner.test()
    tracker, = TRACKERS
    steps = [(step, values.get('epoch'), next(name for name in values if name in ('loss', 'line/error',
                                                                                   'test/line/error')))
             for step, values in tracker.scalars]
    assert steps == [(4, 1, 'loss'), (6, 1, 'line/error'), (10, 2, 'loss'), (12, 2, 'line/error'),
                     (12, 2, 'test/line/error')]
    assert [values['iter'] for _, values in tracker.scalars] == [4, 6, 10, 12, 12]
    assert tracker.statuses == ['success', 'success']
    file, = tmp_path.glob('*/vis_data/scalars.json')
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line['step'] for line in lines] == [4, 1, 10, 2, 2]  # as programs that read these files expect


def test_every_hook_may_record_at_the_end(cfg: dict[str, Any]) -> None:
    ends: list[int] = []

    class Last(Hook):
        priority = 'LOWEST'

        def after_run(self, runner: Any) -> None:
            assert len(TRACKERS[0].statuses) == len(ends)
            ends.append(runner.iter)
            runner.visualizer.add_scalars({'last': 1.0}, runner.iter)

    runner = Runner.from_cfg(cfg)
    runner.register_hook(Last())
    runner.train()
    runner.val()
    tracker, = TRACKERS
    assert [values for _, values in tracker.scalars if 'last' in values] == [{'last': 1.0}] * 2
    assert ends == [12, 12]
    assert tracker.statuses == ['success', 'success']


@pytest.mark.parametrize(('error', 'status'), [(ValueError('bad batch'), 'failed'), (KeyboardInterrupt(), 'aborted'),
                                               (SystemExit(1), 'aborted')])
def test_how_it_ended(cfg: dict[str, Any], error: BaseException, status: str) -> None:
    runner = Runner.from_cfg({**cfg, 'custom_hooks': [Stop(error)]})
    with pytest.raises(type(error)):
        runner.train()
    assert TRACKERS[0].statuses == [status]


def test_secrets_stay_where_they_are_used(tmp_path: Path, cfg: dict[str, Any],
                                          capsys: pytest.CaptureFixture[str]) -> None:
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert KEY not in TRACKERS[0].config.pretty_text
    assert KEY not in capsys.readouterr().out
    written = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert {path.suffix for path in written} >= {'.py', '.log', '.json', '.pth'}
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path
    dumped, = tmp_path.glob('*.py')
    again = Config.fromfile(dumped)
    assert again.visualizer.vis_backends[1].init_kwargs.api_key == 'secret-removed'
    assert again.model == runner.cfg.model
    checkpoint = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)
    assert 'secret-removed' in checkpoint['meta']['cfg']
    assert runner.cfg.visualizer.vis_backends[1].init_kwargs.api_key == KEY
