"""The commands `mmengine train`, `mmengine resume` and `mmengine test`; only the program imports this."""
from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from mmengine.config import Config
from mmengine.config.commands import Refused, allow_new_keys, cfg_options, config_errors, option_pair
from mmengine.dist import infer_launcher
from mmengine.registry import RUNNERS
from mmengine.runner.launch_options import launch_options, take_launch

_F = TypeVar('_F', bound=Callable[..., Any])
_LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def _common(command: _F) -> _F:
    """Add what all of them take."""
    for option in (
        click.option('--launcher', type=click.Choice(_LAUNCHERS), help='What started this rank of a distributed run; '
                     'torchrun, mpirun and srun are noticed without it.'),
        launch_options,
        click.option('--work-dir', type=click.Path(file_okay=False), help='Folder of the run; by default that of the '
                     'config, or work_dirs/NAME_OF_THE_CONFIG.'),
        allow_new_keys,
        cfg_options,
        click.argument('config', type=click.Path(exists=True, dir_okay=False)),
    ):
        command = option(command)
    return command


def read_config(config: str, options: Iterable[str], allow_new: bool, work_dir: str | None,
                launcher: str | None) -> Config:
    """Read the config of a command, with the options of the command line in it."""
    if os.getcwd() not in sys.path:  # modules of the user's own, as with `python train.py`
        sys.path.insert(0, os.getcwd())
    with config_errors():
        cfg = Config.fromfile(config)
        pairs = dict(option_pair(option) for option in options)
        if pairs:
            cfg.merge_from_dict(pairs, allow_new=None if allow_new else False)
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', os.path.splitext(os.path.basename(config))[0])
    if launcher is not None:
        cfg.launcher = launcher
    elif cfg.get('launcher') in (None, 'none') and _launcher_of_this_process() != 'none':
        cfg.launcher = _launcher_of_this_process()
    return cfg


def _launcher_of_this_process() -> str:
    """Give what started this process as one of several; a shell in an allocation of Slurm is not one of several."""
    found = infer_launcher()
    if found == 'slurm' and int(os.environ.get('SLURM_STEP_NUM_TASKS', '1')) < 2:
        return 'none'
    return found


def _runner(cfg: Config) -> Any:
    if 'runner_type' in cfg:
        return RUNNERS.build(cfg)
    from mmengine.runner import Runner
    return Runner.from_cfg(cfg)


def _use_amp(cfg: Config) -> None:
    wrapper = cfg.get('optim_wrapper')
    kind = wrapper.get('type', 'OptimWrapper') if isinstance(wrapper, dict) else None
    if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise Refused(f'--amp turns an OptimWrapper into an AmpOptimWrapper, but optim_wrapper.type is {kind!r}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


@dataclass(frozen=True)
class Job:
    """What a command does in a rank: it reads the config, with all that can be wrong in it, and then runs it.

    Args:
        prepare: Takes the arguments of the command, and gives the config.
        run: Takes the config, and the arguments as well.
    """

    prepare: Callable[..., Config]
    run: Callable[..., None]


def _start(command: str, launcher: str | None, **arguments: Any) -> None:
    launch = take_launch(arguments, launcher)
    arguments['launcher'] = launcher
    job = JOBS[command]
    cfg = job.prepare(**arguments)
    if launch is None:
        try:
            job.run(cfg, **arguments)
        except KeyboardInterrupt as ended:
            click.echo(str(ended) or 'Interrupted', err=True)
            sys.exit(128 + signal.SIGINT)
        return
    from mmengine.runner.launch import launch_ranks
    sys.exit(launch_ranks(launch, command, arguments, cfg.work_dir))


def _prepare_train(config: str, options: Iterable[str], allow_new: bool, work_dir: str | None, launcher: str | None,
                   amp: bool, auto_scale_lr: bool, resume: bool = False) -> Config:
    cfg = read_config(config, options, allow_new, work_dir, launcher)
    if resume:
        cfg.resume = True
    if amp:
        _use_amp(cfg)
    if auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise Refused('--auto-scale-lr: the config does not say auto_scale_lr.base_batch_size, the batch size of '
                           'all ranks that its learning rate is for')
        cfg.auto_scale_lr.enable = True
    return cfg


def _prepare_resume(checkpoint: str | None, **arguments: Any) -> Config:
    cfg = _prepare_train(**arguments, resume=True)
    if checkpoint is not None:
        cfg.load_from = checkpoint
    elif not _has_checkpoint(cfg.work_dir):
        raise Refused(f'There is no checkpoint in {cfg.work_dir}: give one with --from, or begin with mmengine train')
    return cfg


def _has_checkpoint(work_dir: str) -> bool:
    from mmengine.checkpoint import find_latest_checkpoint
    return find_latest_checkpoint(work_dir) is not None


def _run_train(cfg: Config, **arguments: Any) -> None:
    _runner(cfg).train()


def _prepare_test(checkpoint: str, out: str | None, **arguments: Any) -> Config:
    if out is not None and not out.endswith(('.pkl', '.pickle')):
        raise click.BadParameter(f'{out!r} should end in .pkl', param_hint='--out')
    cfg = read_config(**arguments)
    cfg.load_from = checkpoint
    return cfg


def _run_test(cfg: Config, out: str | None, **arguments: Any) -> None:
    runner = _runner(cfg)
    if out is not None:
        from mmengine.evaluator import DumpResults
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=out))
    runner.test()


#: The commands that can run in several ranks, by name.
JOBS = {
    'train': Job(_prepare_train, _run_train),
    'resume': Job(_prepare_resume, _run_train),
    'test': Job(_prepare_test, _run_test),
}

_amp = click.option('--amp', is_flag=True, help='Train in mixed precision, with a dynamic scale of the loss.')
_scale = click.option('--auto-scale-lr', is_flag=True, help='Scale the learning rate with the batch size.')


@click.command()
@_common
@_amp
@_scale
@click.option('--resume', is_flag=True, help='Go on from the newest whole checkpoint of the work_dir, if it has one.')
def train(**arguments: Any) -> None:
    """Train a model from a config.

    Exit codes: 0 the training came to its end; 1 it failed; 2 the command or the config is wrong; 130 after Ctrl-C and
    143 after SIGTERM, with a checkpoint to go on from.

    \b
    Example:
        mmengine train configs/my_config.py -o train_cfg.max_epochs=3
        mmengine train configs/my_config.py --nproc 8 --max-restarts 3
    """
    _start('train', **arguments)


@click.command()
@_common
@_amp
@_scale
@click.option('--from', 'checkpoint', metavar='CHECKPOINT', help='The checkpoint; by default the newest whole one of '
              'the work_dir.')
def resume(**arguments: Any) -> None:
    """Go on with a training where it was broken off, bit for bit as if it had not been.

    \b
    Example:
        mmengine resume configs/my_config.py --from work_dirs/my_config/epoch_3.pth
    """
    _start('resume', **arguments)


@click.command()
@_common
@click.argument('checkpoint')
@click.option('--out', type=click.Path(dir_okay=False), help='Write the predictions of all samples to a .pkl file.')
def test(**arguments: Any) -> None:
    """Test a model on the test data of a config.

    \b
    Example:
        mmengine test configs/my_config.py work_dirs/my_config/epoch_12.pth
        mmengine test configs/my_config.py work_dirs/my_config/epoch_12.pth --nproc auto
    """
    _start('test', **arguments)
