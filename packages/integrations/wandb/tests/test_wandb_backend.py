"""Weights & Biases: offline runs, read back with the platform's own reader."""
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmengine.integrations.wandb import WandbVisBackend
from mmengine.visualization import Boxes, Identity, Picture, Visualizer
from mmengine.visualization.testing import Records, VisBackendContract, sample_image
from mmengine.visualization.values import Artifact, PictureRef

OFFLINE = dict(mode='offline', settings=dict(x_disable_stats=True, disable_git=True, console='off'))


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path_factory):
    """Keep the client from the network and from the user's folders."""
    home = tmp_path_factory.mktemp('home')
    for name in ('DATA', 'CACHE', 'CONFIG'):
        monkeypatch.setenv(f'WANDB_{name}_DIR', str(home / name))
    monkeypatch.setenv('WANDB_ERROR_REPORTING', 'false')


def inspect(run: Path, *options: str) -> str:
    """Run the reader that the client brings along; `wandb leet inspect` would import the whole client first."""
    reader = Path(importlib.util.find_spec('wandb').origin).parent / 'bin' / 'wandb-core'
    file, = run.glob('*.wandb')
    command = [str(reader), 'leet', 'inspect', *options, '--json', '--no-observability', '--run-file', str(file),
               str(run.parent)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True).stdout


def read_runs(folder: Path) -> Records:
    records = Records()
    for run in sorted((folder / 'wandb').glob('offline-run-*'), key=lambda path: path.stat().st_mtime_ns):
        for line in inspect(run).splitlines():
            record = json.loads(line)
            reader = {'history': read_row, 'artifact': read_artifact}.get(record['type'])
            if reader is not None:
                reader(records, run / 'files', record[record['type']])
        facts = json.loads(inspect(run, '--summary'))
        records.config = facts['config'] or records.config
        records.summary.update(facts['summary'])
        records.status = facts['state']
    return records


def read_row(records: Records, files: Path, history: dict) -> None:
    row, step = history['item'], history['item'].get('global_step')
    for name in {key.removesuffix('._type') for key in row if key.endswith('._type')}:
        kind = row[f'{name}._type']
        if kind == 'image-file':
            picture = np.asarray(Image.open(files / row[f'{name}.path']))
            records.images.setdefault(name, []).append((step, picture))
        elif kind == 'images/separated':
            pictures = [np.asarray(Image.open(files / place)) for place in row[f'{name}.filenames']]
            records.images.setdefault(name, []).extend((step, picture) for picture in pictures)
        elif kind == 'html-file':
            records.texts.setdefault(name, []).append((step, (files / row[f'{name}.path']).read_text()))
        elif kind == 'histogram':
            records.histograms[name] = sum(row[f'{name}.values'])
        elif kind == 'table-file':
            table = json.loads((files / row[f'{name}.path']).read_text())
            records.tables[name] = (table['columns'], table['data'])
    media = tuple(f'{name}.' for name in row if name.endswith('._type') for name in [name.removesuffix('._type')])
    for name, value in row.items():
        if not name.startswith(('_', *media)) and isinstance(value, (int, float)) and name != 'global_step':
            records.scalars.setdefault(name, []).append((step, value))


def read_artifact(records: Records, files: Path, artifact: dict) -> None:
    records.artifacts[artifact['name']] = json.loads(artifact.get('metadata') or '{}')


class TestWandbContract(VisBackendContract):
    backend_class = WandbVisBackend
    client_modules = ('wandb',)
    layers = True
    statuses = {'success': 'finished', 'failed': 'failed', 'aborted': 'failed'}

    def make_backend(self, save_dir):
        return WandbVisBackend(str(save_dir), init_kwargs=OFFLINE)

    def read(self, save_dir):
        return read_runs(save_dir)


@pytest.fixture
def backend(tmp_path):
    backend = WandbVisBackend(str(tmp_path), init_kwargs=OFFLINE)
    yield backend
    backend.close()


def the_run(folder):
    run, = (folder / 'wandb').glob('offline-run-*')
    return run
