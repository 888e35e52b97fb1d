"""Mistakes are answered with what is wrong, where, and what to do; nothing is lost."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import FlexibleRunner, Runner

Make = Callable[..., Runner]


def config_file(make_cfg: Any, tmp_path: Path, **changes: Any) -> Path:
    file = tmp_path / 'line.py'
    file.write_text(Config(make_cfg(**changes)).pretty_text)
    return file


@pytest.mark.parametrize('mode', ['train', 'val', 'test'])
def test_half_of_a_triple(make_cfg: Any, mode: str) -> None:
    cfg = make_cfg()
    cfg[f'{mode}_dataloader'] = None
    words = f'{mode}_dataloader.*should be either all None or not None.*{mode}_dataloader'
    with pytest.raises(ValueError, match=words):
        Runner.from_cfg(cfg)


@pytest.mark.parametrize('mode', ['train', 'val', 'test'])
def test_a_run_without_its_config(make_cfg: Any, mode: str) -> None:
    cfg = make_cfg()
    names = {'train': ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler')}
    for name in names.get(mode, (f'{mode}_dataloader', f'{mode}_cfg', f'{mode}_evaluator')):
        cfg[name] = None
    with pytest.raises(RuntimeError, match='should not be None'):
        getattr(Runner.from_cfg(cfg), mode)()


def test_schedulers_without_an_optimizer(make_cfg: Any) -> None:
    cfg = make_cfg(train_dataloader=None, train_cfg=None, optim_wrapper=None)
    with pytest.raises(ValueError, match='should be None'):
        Runner.from_cfg(cfg)


@pytest.mark.parametrize(('wrong', 'error', 'words'), [
    ('x', TypeError, '`param_scheduler` should be a'), (['x'], AssertionError, 'Each value of'),
    (dict(a='x'), AssertionError, 'Each value of')])
def test_wrong_schedulers(make_cfg: Any, wrong: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Runner.from_cfg(make_cfg(param_scheduler=wrong))


@pytest.mark.parametrize('key', ['model', 'work_dir'])
def test_a_config_without_a_model(make_cfg: Any, key: str) -> None:
    cfg = make_cfg()
    del cfg[key]
    with pytest.raises(KeyError, match=key):
        Runner.from_cfg(cfg)


def test_a_misspelt_type_names_the_nearest(make_cfg: Any, tmp_path: Path) -> None:
    file = config_file(make_cfg, tmp_path, model=dict(type='LinModel'))
    with pytest.raises(KeyError) as caught:
        Runner.from_cfg(Config.fromfile(file))
    text = str(caught.value)
    assert 'LinModel is not in the mmengine::model registry' in text
    assert 'LineModel' in text


def test_a_misspelt_argument_names_class_place_and_the_right_ones(make_cfg: Any, tmp_path: Path) -> None:
    file = tmp_path / 'line.py'
    lines = Config(make_cfg()).pretty_text.splitlines()
    line = next(number for number, text in enumerate(lines, 1) if 'LineModel' in text)
    lines[line - 1] = lines[line - 1].replace("type='LineModel'", "type='LineModel', data_preproccesor=None")
    file.write_text('\n'.join(lines))
    with pytest.raises(TypeError) as caught:
        Runner.from_cfg(Config.fromfile(file))
    text = '\n'.join([str(caught.value), *getattr(caught.value, '__notes__', [])])
    assert 'LineModel' in text
    assert 'data_preproccesor' in text
    assert f'{file}:' in text


def test_a_runner_that_cannot_be_built_leaves_nothing_open(make_cfg: Any, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Runner.from_cfg(make_cfg(model=dict(type='Nothing'), log_level='INFO'))
    links = [os.path.join('/proc/self/fd', number) for number in os.listdir('/proc/self/fd')]
    assert not [link for link in links if os.path.exists(link) and str(tmp_path) in os.readlink(link)]


def test_a_misspelt_argument_of_a_loader(make_cfg: Any) -> None:
    cfg = make_cfg()
    cfg['train_dataloader']['batchsize'] = cfg['train_dataloader'].pop('batch_size')
    with pytest.raises(TypeError, match="DataLoader has no argument 'batchsize'.*'batch_size'"):
        Runner.from_cfg(cfg).train()


def test_a_work_dir_that_cannot_be_written(make_cfg: Any, tmp_path: Path) -> None:
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match=r"work_dir .*file/run.* cannot be written") as caught:
        Runner.from_cfg(make_cfg('file/run'))
    assert 'choose another folder' in str(caught.value)
    with pytest.raises(OSError, match='cannot be written'):
        Runner.from_cfg(make_cfg('file'))


def test_a_model_that_cannot_train(make_runner: Make) -> None:
    with pytest.raises(AssertionError, match='If you want to train your model.*Linear'):
        make_runner(model=torch.nn.Linear(2, 1)).train()


def test_a_model_that_cannot_validate(make_runner: Make) -> None:
    class OnlyTrains(torch.nn.Linear):
        train_step = BaseModel.train_step

    with pytest.raises(AssertionError, match='If you want to validate'):
        make_runner(model=OnlyTrains(2, 1)).train()


def test_a_failing_run_says_how_to_go_on(make_runner: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Fails(Hook):
        def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
            if runner.iter == 14:
                raise ZeroDivisionError('the 14th')

    runner = make_runner(custom_hooks=[Fails()])
    with pytest.raises(ZeroDivisionError, match='the 14th'):
        runner.train()
    said = capsys.readouterr().out
    assert 'Training stopped by ZeroDivisionError: the 14th in epoch 3, after 14 of 24 iterations' in said
    assert f'{tmp_path / "run" / "epoch_2.pth"}' in said
    assert 'resume=True' in said
    make_runner(resume=True).train()


SCRIPT = '''
import sys, time
sys.path.insert(0, {folder!r})
import conftest
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import FlexibleRunner, Runner

for registry, item in ((MODELS, conftest.LineModel), (DATASETS, conftest.LinePoints), (METRICS, conftest.Error)):
    registry.register_module(module=item)

class Slow(Hook):
    def after_train_iter(self, runner, **kwargs):
        if runner.iter == 15:
            print('READY', flush=True)
            time.sleep(2)

if __name__ == '__main__':
    hooks = [Slow()] if sys.argv[2] == 'slow' else []
    Runner.from_cfg(conftest.line_cfg(sys.argv[1], custom_hooks=hooks, resume=True, randomness=dict(seed=1))).train()
'''


def run_script(tmp_path: Path, work_dir: Path, kind: str) -> subprocess.Popen[str]:
    script = tmp_path / 'script.py'
    script.write_text(textwrap.dedent(SCRIPT.format(folder=str(Path(__file__).parent))))
    return subprocess.Popen([sys.executable, str(script), str(work_dir), kind], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def test_ctrl_c_leaves_the_last_checkpoint_and_says_how_to_resume(tmp_path: Path) -> None:
    work_dir = tmp_path / 'run'
    process = run_script(tmp_path, work_dir, 'slow')
    with process:
        assert process.stdout is not None
        said = ''
        for line in process.stdout:
            said += line
            if 'READY' in line:
                process.send_signal(signal.SIGINT)
    assert process.returncode not in (0, None)
    assert 'SIGINT: the training ends after this iteration' in said
    assert f'after 16 of 24 iterations, and saved: {work_dir / "iter_16.pth"}' in said
    assert 'resume=True' in said
    assert torch.load(work_dir / 'iter_16.pth', weights_only=False)['meta']['iter'] == 16

    again = run_script(tmp_path, work_dir, 'quick')
    said = again.communicate(timeout=120)[0]
    assert again.returncode == 0, said
    whole = run_script(tmp_path, tmp_path / 'whole', 'quick')
    said = whole.communicate(timeout=120)[0]
    assert whole.returncode == 0, said
    ours, theirs = (torch.load(folder / 'epoch_4.pth', weights_only=False)['state_dict']
                    for folder in (work_dir, tmp_path / 'whole'))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_full_disk_stops_the_run_and_keeps_the_old_checkpoint(make_runner: Make, tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full once the second checkpoint is written: the limit on the size of files stands in for it."""
    import resource
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    class FillsTheDisk(Hook):
        priority = 'LOW'

        def after_train_epoch(self, runner: Any) -> None:
            if runner.epoch == 1:
                resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))

    try:
        with pytest.raises(OSError, match='epoch_2.pth.*could not be written'):
            make_runner(custom_hooks=[FillsTheDisk()]).train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    left = sorted(name for name in os.listdir(tmp_path / 'run') if '.pth' in name)
    assert left == ['epoch_1.pth']
    runner = make_runner(resume=True)
    runner.train()
    assert runner.epoch == 4


def test_the_environment_and_the_strategy_by_upstreams_arguments(make_cfg: Any) -> None:
    cfg = make_cfg()
    runner = FlexibleRunner(cfg['model'], work_dir=cfg['work_dir'])
    built = runner.build_strategy(launcher='none', randomness=dict(seed=7), env_cfg=dict(resource_limit=0),
                                  experiment_name='other', log_level='ERROR', work_dir=cfg['work_dir'])
    assert (built.seed, built.launcher) == (7, 'none')
    assert built.experiment_name.startswith('other_')
    benchmark = torch.backends.cudnn.benchmark
    try:
        runner.setup_env(dict(cudnn_benchmark=True))
        assert torch.backends.cudnn.benchmark
    finally:
        torch.backends.cudnn.benchmark = benchmark
