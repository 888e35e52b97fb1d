"""The commands that train, resume and test, as they are called from a shell."""
from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from mmengine.cli.commands import program

MODULE = '''
from typing import Any
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS


@MODELS.register_module(force=True)
class CommandModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        found = self.layer(torch.stack(list(inputs)).float())
        return dict(loss=found.pow(2).mean()) if mode == 'loss' else [dict(found=value) for value in found]


@DATASETS.register_module(force=True)
class CommandPoints(torch.utils.data.Dataset):
    metainfo = {}

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return dict(inputs=torch.tensor([index, 1.0]))


@METRICS.register_module(force=True)
class CommandMean(BaseMetric):
    default_prefix = 'command'

    def process(self, data_batch, data_samples):
        self.results += [float(sample['found']) for sample in data_samples]

    def compute_metrics(self, results):
        return dict(mean=sum(results) / len(results))
'''
CONFIG = '''
custom_imports = dict(imports=['command_parts'])
model = dict(type='CommandModel')
loader = dict(batch_size=2, num_workers=0, dataset=dict(type='CommandPoints'),
              sampler=dict(type='DefaultSampler', shuffle=True))
train_dataloader = loader
test_dataloader = loader
train_cfg = dict(by_epoch=True, max_epochs=2)
test_cfg = dict()
test_evaluator = dict(type='CommandMean')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
randomness = dict(seed=1)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder, which is the current one."""
    (tmp_path / 'command_parts.py').write_text(MODULE, encoding='utf-8')
    (tmp_path / 'small.py').write_text(CONFIG, encoding='utf-8')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    yield tmp_path
    sys.modules.pop('command_parts', None)


def call(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(program, list(arguments), prog_name='mmengine')
    assert result.exit_code == status, (result.output, result.exception)
    return result


def saved(name: str) -> Any:
    return torch.load(name, weights_only=False)


def test_train_resume_and_test(folder: Path) -> None:
    call('train', 'small.py')
    whole = saved('work_dirs/small/epoch_2.pth')
    call('train', 'small.py', '-o', 'train_cfg.max_epochs=1', '--work-dir', 'other')
    assert not Path('other/epoch_2.pth').exists()
    call('resume', 'small.py', '--work-dir', 'other')
    call('resume', 'small.py', '--work-dir', 'third', '--from', 'work_dirs/small/epoch_1.pth')
    call('train', 'small.py', '--work-dir', 'other', '--resume', '-o', 'train_cfg.max_epochs=3')
    assert saved('other/epoch_3.pth')['meta']['iter'] == 12
    for name in ('other', 'third'):
        again = saved(f'{name}/epoch_2.pth')
        assert all(torch.equal(again['state_dict'][key], value) for key, value in whole['state_dict'].items())
    call('test', 'small.py', 'work_dirs/small/epoch_2.pth', '--work-dir', 'tested', '--out', 'found.pkl')
    with open('found.pkl', 'rb') as file:
        assert len(pickle.load(file)) == 8
    log = next(Path('tested').rglob('*.log')).read_text(encoding='utf-8')
    assert 'command/mean: ' in log


def test_mixed_precision_and_scaled_rates() -> None:
    call('train', 'small.py', '--auto-scale-lr', '-o', 'train_cfg.max_epochs=1')
    assert saved('work_dirs/small/epoch_1.pth')['optimizer']['param_groups'][0]['lr'] == 0.005
    call('train', 'small.py', '--amp', '-o', 'train_cfg.max_epochs=1', '--work-dir', 'amp')
    assert 'loss_scaler' in saved('amp/epoch_1.pth')['optimizer']
    said = call('train', 'small.py', '--amp', '--allow-new', '-o', 'optim_wrapper.type=Own', status=2).output
    assert "optim_wrapper.type is 'Own'" in said


def test_what_is_wrong() -> None:
    assert "There is no checkpoint in work_dirs" in call('resume', 'small.py', status=2).output
    said = call('train', 'small.py', '-o', 'train_cfg.max_epoch=3', status=2).output
    assert 'train_cfg.max_epochs' in said
    assert 'KEY=VALUE' in call('train', 'small.py', '-o', 'seed', status=2).output
    assert 'nothing.py' in call('train', 'nothing.py', status=2).output
    Path('broken.py').write_text('model = dict(\n', encoding='utf-8')
    assert 'broken.py:1' in call('train', 'broken.py', status=2).output
    Path('plain.py').write_text(CONFIG.replace('auto_scale_lr', 'unused'), encoding='utf-8')
    assert 'auto_scale_lr.base_batch_size' in call('train', 'plain.py', '--auto-scale-lr', status=2).output
    assert 'should end in .pkl' in call('test', 'small.py', 'x.pth', '--out', 'found.json', status=2).output


def test_from_a_shell(folder: Path) -> None:
    """The program finds the user's modules in the current folder, and a failure is a traceback and exit code 1."""
    (folder / 'failing.py').write_text(textwrap.dedent('''
        _base_ = 'small.py'
        model = dict(type='CommandModell')
    '''), encoding='utf-8')
    done = subprocess.run([sys.executable, '-c', 'from mmengine.cli import main; main()', 'train', 'failing.py'],
                          capture_output=True, text=True, check=False, cwd=folder,
                          env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 1
    assert "Did you mean 'CommandModel'" in done.stderr
