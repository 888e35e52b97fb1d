"""Configs with `log_config`, as they were before mmengine."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmengine.config import Config
from mmengine.hooks import Hook, LoggerHook
from mmengine.registry import HOOKS, VISBACKENDS
from mmengine.runner import Runner
from mmengine.runner.legacy_log_config import translate_log_config
from mmengine.visualization import LocalVisBackend

Make = Callable[..., dict[str, Any]]


class OldStyleHook(Hook):
    def __init__(self, interval: int, init_kwargs: Any = None) -> None:
        self.interval, self.init_kwargs = interval, init_kwargs


class StandInBackend(LocalVisBackend):
    def __init__(self, save_dir: str, init_kwargs: Any = None) -> None:
        super().__init__(save_dir, scalar_save_file='stand_in.json')
        self.init_kwargs = init_kwargs


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    HOOKS.register_module(module=OldStyleHook)
    VISBACKENDS.register_module(name='NeptuneVisBackend', module=StandInBackend, force=True)
    yield
    HOOKS.module_dict.pop('OldStyleHook')
    VISBACKENDS.module_dict.pop('NeptuneVisBackend')


def test_a_run_with_it(make_cfg: Make) -> None:
    cfg = Config(make_cfg())
    cfg.log_config = dict(interval=3, hooks=[])
    cfg.log_config.hooks = [
        dict(type='TextLoggerHook', by_epoch=True), dict(type='OldStyleHook', init_kwargs=dict(project='digits')),
        dict(type='NeptuneLoggerHook', init_kwargs=dict(mode='offline'), reset_flag=True)]
    with pytest.warns(DeprecationWarning, match='log_config is the old way') as noted:
        runner = Runner.from_cfg(cfg)
    assert len([note for note in noted if 'log_config' in str(note.message)]) == 1
    assert 'log_config' in cfg  # the caller's own is left alone
    logger = next(hook for hook in runner.hooks if isinstance(hook, LoggerHook))
    own = next(hook for hook in runner.hooks if isinstance(hook, OldStyleHook))
    assert logger.interval == own.interval == 3
    assert own.init_kwargs == dict(project='digits')
    assert runner.visualizer.get_backend('StandInBackend').init_kwargs == dict(mode='offline')
    runner.train()
    written = Path(runner.log_dir).rglob('*.json')
    assert {'scalars.json', 'stand_in.json'} <= {path.name for path in written}
    dumped = next(Path(runner.work_dir).glob('*.py'))
    assert 'log_config' not in Config.fromfile(dumped)


@pytest.mark.parametrize(('backends', 'expected'), [
    (None, [dict(type='LocalVisBackend'), dict(type='WandbVisBackend')]),
    ([dict(type='AimVisBackend')], [dict(type='AimVisBackend'), dict(type='WandbVisBackend')]),
    (dict(type='AimVisBackend'), [dict(type='AimVisBackend'), dict(type='WandbVisBackend')]),
    (dict(a=dict(type='AimVisBackend')), dict(a=dict(type='AimVisBackend'),
                                              WandbVisBackend=dict(type='WandbVisBackend'))),
])
@pytest.mark.filterwarnings('ignore:log_config')
def test_trackers_join_those_that_are_there(backends: Any, expected: Any) -> None:
    cfg = dict(log_config=dict(hooks=[dict(type='WandbLoggerHook')]),
               visualizer=dict(type='DetLocalVisualizer', vis_backends=backends))
    translate_log_config(cfg)
    assert cfg == dict(visualizer=dict(type='DetLocalVisualizer', vis_backends=expected))


def test_without_it_nothing_happens() -> None:
    cfg = dict(model=1)
    translate_log_config(cfg)
    assert cfg == dict(model=1)


@pytest.mark.parametrize(('log_config', 'kind', 'text'), [
    ([], TypeError, r'log_config should be a dict with .*but got \[\]'),
    (dict(intervall=3), KeyError, "unknown key 'intervall'.*'interval'"),
    (dict(hooks=['TextLoggerHook']), TypeError, r"log_config.hooks\[0\] should be a dict with type, but got 'Text"),
    (dict(hooks=[dict(interval=3)]), KeyError, r"log_config.hooks\[0\] needs the key type, but has \['interval'\]"),
])
def test_mistakes(log_config: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        translate_log_config(dict(log_config=log_config))
