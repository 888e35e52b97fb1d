"""One run of the example with every tracker at once, each kept on this machine and read with its own reader."""
from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmengine.runner import Runner
from mmengine.visualization.testing import Records, VisBackendContract


@dataclass(frozen=True)
class Tracker:
    """How a tracker is kept here.

    Attributes:
        kind: Its backend.
        settings: Arguments of the backend; `{folder}` is a folder of the test.
        environ: Variables that keep its client off the network.
    """

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)


#: By the folder below packages/integrations, where the tests of each have its reader.
TRACKERS = {
    'tensorboard': Tracker('TensorboardVisBackend'),
    'wandb': Tracker('WandbVisBackend', {'init_kwargs': {
        'mode': 'offline', 'settings': {'x_disable_stats': True, 'disable_git': True, 'console': 'off'}}},
        {'WANDB_ERROR_REPORTING': 'false', 'WANDB_DATA_DIR': '{folder}', 'WANDB_CACHE_DIR': '{folder}',
         'WANDB_CONFIG_DIR': '{folder}'}),
    'dvclive': Tracker('DVCLiveVisBackend', environ={'DVC_NO_ANALYTICS': 'true', 'DVC_STUDIO_OFFLINE': 'true'}),
    'neptune': Tracker('NeptuneVisBackend'),
    'mlflow': Tracker('MLflowVisBackend', environ={'MLFLOW_DISABLE_TELEMETRY': 'true'}),
    'swanlab': Tracker('SwanlabVisBackend', {'init_kwargs': {'mode': 'offline', 'settings': {
        'probe': {'monitor': False, 'hardware': False, 'requirements': False, 'git': False},
        'terminal': {'proxy_type': 'none'}}}}, {'SWANLAB_ROOT': '{folder}'}),
    'aim': Tracker('AimVisBackend', {'init_kwargs': {'system_tracking_interval': None, 'capture_terminal_logs': False}},
                   {'AIM_ANALYTICS_OPT_OUT': '1'}),
    'clearml': Tracker('ClearMLVisBackend', environ={
        'CLEARML_OFFLINE_MODE': '1', 'CLEARML_NO_DEFAULT_SERVER': '1', 'CLEARML_SUPPRESS_UPDATE_MESSAGE': '1',
        'CLEARML_CACHE_DIR': '{folder}', 'CLEARML_CONFIG_FILE': '{folder}/none.conf'}),
}
pytestmark = pytest.mark.filterwarnings('ignore::DeprecationWarning')  # of what the clients import


def filled(value: Any, folder: Path) -> Any:
    return json.loads(json.dumps(value).replace('{folder}', str(folder)))


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """Train and test; gives the folder of the records, and the iterations of an epoch."""
    from train import read_config
    folder = tmp_path_factory.mktemp('run')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for tracker in TRACKERS.values():
            for name, value in filled(tracker.environ, folder / 'clients').items():
                patch.setenv(name, value)
        cfg = read_config({'work_dir': str(folder / 'work'), 'train_cfg.max_epochs': 2, 'default_hooks.progress': None,
                           'default_hooks.curves': None})
        cfg.visualizer.vis_backends = [{'type': 'LocalVisBackend'}, *(
            {'type': tracker.kind, **filled(tracker.settings, folder)} for tracker in TRACKERS.values())]
        runner = Runner.from_cfg(cfg)
        runner.train()
        runner.test()
        yield Path(runner.log_dir, 'vis_data'), len(runner.train_dataloader)


def expected_scalars(folder: Path, epoch_length: int) -> Iterator[tuple[str, int, float]]:
    """What the plain files have, at the steps of the training iterations."""
    for line in (folder / 'scalars.json').read_text().splitlines():
        row = json.loads(line)
        step = row.pop('step')
        for name, value in row.items():
            yield name, step if 'loss' in row else step * epoch_length, value


def contract_of(module: Any) -> VisBackendContract:
    kind = next(value for value in vars(module).values() if isinstance(value, type)
                and issubclass(value, VisBackendContract) and hasattr(value, 'backend_class'))
    return kind()


def check_scalars(records: Records, contract: VisBackendContract, folder: Path, epoch_length: int) -> int:
    count = 0
    for name, step, value in expected_scalars(folder, epoch_length):
        kept = records.scalars[contract.kept_name(name)]
        tolerance = max(contract.scalar_tolerance, 1e-6)
        same = [at for at, found in kept if math.isclose(found, value, rel_tol=tolerance)]
        # Training and validation share names such as `time`; a tracker that refuses a step twice gets the next one.
        may_be_later = contract.backend_class.step_order == 'name'
        assert step in same or (may_be_later and step + 1 in same), (name, step, kept)
        count += 1
    return count


@pytest.mark.parametrize('name', TRACKERS)
def test_what_a_tracker_kept(name: str, run: tuple[Path, int], tests_of: Callable[[str], Any]) -> None:
    folder, epoch_length = run
    contract = contract_of(tests_of(name))
    records = contract.read(folder)
    for word in ('SmallNet', 'AdamW', '0.003'):
        assert word in str(records.config)
    assert check_scalars(records, contract, folder, epoch_length) > 30
    (step, picture), = records.images['predictions']
    file, = folder.rglob(f'predictions_{2 * epoch_length}.png')
    from PIL import Image
    local = np.asarray(Image.open(file)).astype(int)
    assert step == 2 * epoch_length
    assert np.abs(picture[..., :3].astype(int) - local).max() <= contract.image_tolerance


def test_none_is_missing(integrations: Path) -> None:
    """An integration with a backend has an entry above."""
    found = {file.parent.name for file in integrations.glob('[!_]*/pyproject.toml')
             if '[project.entry-points."mmengine.vis_backends"]' in file.read_text()}
    assert set(TRACKERS) == found
