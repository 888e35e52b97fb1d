"""Ranks that a command starts: on two nodes, after a loss, after an error, after a signal; and what is wrong.

Each start of ranks takes its time. By default the tests have the runs that say most; MMENGINE_TEST_LAUNCH=1, or
`nox -s launch`, has all.
"""
from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from mmengine.cli.commands import program
from mmengine.config.commands import Refused
from mmengine.runner import launch_options
from mmengine.runner.launch_options import Launch, take_launch

PARTS = Path(__file__).parent / 'programs' / 'launch_parts.py'
CONFIG = '''
custom_imports = dict(imports=['launch_parts'])
model = dict(type='LaunchModel')
train_dataloader = dict(batch_size=2, num_workers=0, dataset=dict(type='LaunchPoints'),
                        sampler=dict(type='DefaultSampler', shuffle=True))
train_cfg = dict(by_epoch=True, max_epochs=4)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))
test_dataloader = train_dataloader
test_cfg = dict()
test_evaluator = dict(type='LaunchCount')
randomness = dict(seed=1)
log_level = 'WARNING'
'''
ALL = bool(os.environ.get('MMENGINE_TEST_LAUNCH'))
only_all = pytest.mark.skipif(not ALL, reason='takes long: MMENGINE_TEST_LAUNCH=1 runs it, as nox -s launch does')
#: What a shell that started the tests in ranks of its own would hand on.
OF_LAUNCHERS = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folder, which is the current one."""
    (tmp_path / 'launch_parts.py').write_text(PARTS.read_text(encoding='utf-8'), encoding='utf-8')
    (tmp_path / 'small.py').write_text(CONFIG, encoding='utf-8')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    for name in OF_LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)
    sys.modules.pop('launch_parts', None)


def call(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(program, list(arguments), prog_name='mmengine')
    assert result.exit_code == status, (result.output, result.exception)
    return result


def trouble(folder: Path, *troubles: str) -> str:
    """Write a config with troubles, each the arguments of the hook `Trouble`."""
    hooks = ', '.join(f"dict(type='Trouble', {item})" for item in troubles)
    (folder / 'troubled.py').write_text(f"_base_ = 'small.py'\ncustom_hooks = [{hooks}]\n", encoding='utf-8')
    return 'troubled.py'


def same_weights(first: str, second: str) -> bool:
    ours, theirs = (torch.load(name, weights_only=False)['state_dict'] for name in (first, second))
    return all(torch.equal(ours[key], theirs[key]) for key in theirs)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def on_two_nodes(config: str, work_dir: str, status: int = 0) -> str:
    """Run a rank on each of two nodes, which are agents on this machine, and give what the other one says."""
    place = ['train', config, '--work-dir', work_dir, '--nproc', '1', '--nnodes', '2', '--rdzv-id', 'two',
             '--local-addr', '127.0.0.1', '--rdzv-endpoint', f'127.0.0.1:{free_port()}']
    with subprocess.Popen([sys.executable, '-c', 'from mmengine.cli import main; main()', *place],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as other:
        try:
            call(*place, status=status)
            said = other.communicate(timeout=300)[0]
        finally:
            other.kill()
    assert other.returncode == status, said
    return said


def test_a_lost_rank_is_started_again(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A rank is killed, and the run ends with the weights of one that nothing disturbed, on two nodes."""
    config = trouble(folder, "kind='SIGKILL', at=10, attempt=0")
    call('train', config, '--nproc', '2', '--max-restarts', '1', '--work-dir', 'lost')
    assert 'Restart 1 of 1: the training goes on from the last checkpoint' in capfd.readouterr().err
    on_two_nodes('small.py', 'whole')
    assert same_weights('lost/epoch_4.pth', 'whole/epoch_4.pth')


@only_all
def test_an_error_before_the_first_checkpoint(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # A checkpoint of another run is no place to go on from.
    (folder / 'lost').mkdir()
    (folder / 'lost' / 'last_checkpoint').write_text('lost/epoch_9.pth', encoding='utf-8')
    config = trouble(folder, "kind='error', at=2, attempt=0", "kind='SIGKILL', at=10, attempt=1")
    said = call('train', config, '--nproc', '2', '--max-restarts', '1', '--work-dir', 'lost', status=1).output
    assert re.search(r'Rank 1 \(process \d+\) was ended by SIGKILL, as the system does when memory runs out', said)
    printed = capfd.readouterr().err
    assert printed.count('ValueError: this is the trouble') == 1
    assert re.search(r'Rank 1 failed:\nTraceback .*\n(.*\n)+ValueError: this is the trouble', printed)
    assert 'Restart 1 of 1: the training starts from the beginning, for no checkpoint was saved' in printed


@only_all
def test_a_rank_that_fails_ends_all(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = trouble(folder, "kind='error', at=2, attempt=0")
    said = call('train', config, '--nproc', '2', status=1).output
    assert re.search(r'Rank 1 \(process \d+\) failed with exit code 1; its error is above. The other ranks', said)
    assert capfd.readouterr().err.count('ValueError: this is the trouble') == 1


@only_all
@pytest.mark.parametrize(('kind', 'status'), [
    ('SIGTERM@agent', 143), ('SIGINT@agent', 130), ('SIGUSR1@agent', 138), ('SIGUSR1', 143)])
def test_a_signal_saves_and_ends(folder: Path, kind: str, status: int) -> None:
    """Whether the agent gets it or one of the ranks; nothing is started again."""
    before = signal.getsignal(signal.SIGTERM)
    config = trouble(folder, f"kind='{kind}', at=6, attempt=0")
    call('train', config, '--nproc', '2', '--work-dir', 'ended', '--max-restarts', '1', status=status)
    assert signal.getsignal(signal.SIGTERM) is before
    assert len(list(Path('ended').glob('iter_*.pth'))) == 1


@pytest.mark.parametrize(('kind', 'status'), [('SIGTERM', 143), ('SIGINT', 130)])
def test_a_signal_without_ranks(folder: Path, kind: str, status: int) -> None:
    config = trouble(folder, f"kind='{kind}', at=6, attempt=0, rank=0")
    call('train', config, '--work-dir', 'ended', status=status)
    assert Path('ended/iter_6.pth').exists()


@only_all
def test_a_signal_on_one_node_ends_both(folder: Path) -> None:
    config = trouble(folder, "kind='SIGUSR1', at=6, attempt=0, rank=0")
    on_two_nodes(config, 'ended', status=143)
    assert len(list(Path('ended').glob('iter_*.pth'))) == 1


@only_all
def test_under_torchrun(folder: Path) -> None:
    """Nothing is said of a launcher: the program sees that torchrun started it."""
    (folder / 'program.py').write_text('from mmengine.cli import main; main()', encoding='utf-8')
    done = subprocess.run([sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
                           'program.py', 'train', 'small.py', '--work-dir', 'torchrun'], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert torch.load('torchrun/epoch_4.pth', weights_only=False)['meta']['iter'] == 16  # of 2 ranks; of one it is 32


@only_all
def test_static_rendezvous_and_test(folder: Path) -> None:
    call('train', 'small.py', '--nproc', '2', '--rdzv-backend', 'static', '--rdzv-endpoint', f'127.0.0.1:{free_port()}')
    call('test', 'small.py', 'work_dirs/small/epoch_4.pth', '--nproc', '2', '--out', 'found.pkl')
    assert Path('found.pkl').exists()


@only_all
def test_ranks_with_different_numbers_of_batches(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call('train', 'small.py', '--nproc', '3', '-o', 'train_dataloader.sampler.round_up=False', '-o',
         'train_dataloader.batch_size=1', '--allow-new', status=1)
    said = capfd.readouterr().err
    assert '6 in rank 0, 5 in rank 1, 5 in rank 2; those with more would wait' in said


@pytest.mark.parametrize(('arguments', 'said'), [
    (['--nproc', '0'], "--nproc should be a number of ranks, 1 or more, or auto, but got '0'"),
    (['--nproc', 'two'], "or auto, but got 'two'"),
    (['--nproc', '2', '--rdzv-backend', 'c10'], "no rendezvous 'c10'. Did you mean 'c10d'? There are c10d, etcd"),
    (['--nproc', '2', '--nnodes', '2'], '--rdzv-endpoint is missing: HOST:PORT where the nodes meet'),
    (['--nproc', '2', '--nnodes', '2', '--rdzv-endpoint', 'a:1'], '--rdzv-id is missing'),
    (['--nproc', '2', '--node-rank', '1'], '--node-rank is for --rdzv-backend static'),
    (['--nproc', '2', '--rdzv-backend', 'static'], '--rdzv-endpoint is missing'),
    (['--nproc', '2', '--rdzv-backend', 'static', '--rdzv-endpoint', 'a'], 'the static rendezvous needs HOST:PORT'),
    (['--nproc', '2', '--rdzv-backend', 'static', '--rdzv-endpoint', 'a:1', '--node-rank', '1'], 'from 0 to 0'),
    (['--nproc', '2', '--rdzv-backend', 'static', '--rdzv-endpoint', 'a:1', '--max-restarts', '1'], 'can meet again'),
    (['--max-restarts', '2'], '--max-restarts needs --nproc'),
    (['--nproc', '2', '--max-restarts', '-1'], 'max-restarts'),
    (['--nproc', '2', '--launcher', 'slurm'], '--nproc starts the ranks, and so does --launcher slurm'),
    (['--nproc', '2', '--rdzv-backend', 'etcd', '--rdzv-endpoint', 'localhost:1'], 'The nodes could not meet with'),
    (['--nproc', '2', '-o', 'train_cfg.max_epoch=3'], 'train_cfg.max_epochs'),
])
def test_what_is_wrong(arguments: list[str], said: str) -> None:
    assert said in re.sub(r'\s+', ' ', call('train', 'small.py', *arguments, status=2).output)


def test_a_missing_config_starts_nothing() -> None:
    assert 'nothing.py' in call('train', 'nothing.py', '--nproc', '2', status=2).output
    assert 'There is no checkpoint in work_dirs' in call('resume', 'small.py', '--nproc', '2', status=2).output


def test_within_other_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('RANK', '1')
    monkeypatch.setenv('WORLD_SIZE', '4')
    said = call('train', 'small.py', '--nproc', '2', status=2).output
    assert 'this is rank 1 of 4 of another launcher already' in said


def launch_of(nproc: str, **options: Any) -> Launch | None:
    given = dict.fromkeys(launch_options._NEED_NPROC)
    return take_launch({**given, 'nproc': nproc, **options}, None)


def test_number_of_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there are devices, which a machine for tests seldom has: what it has is given."""
    monkeypatch.setattr(launch_options, '_accelerators', lambda: ('cuda', 2))
    assert launch_of('auto') == launch_of('2') == Launch(2)
    with pytest.raises(Refused, match="--nproc 3: there are only 2 devices of type 'cuda' here"):
        launch_of('3')
    monkeypatch.setattr(launch_options, '_accelerators', lambda: ('cpu', 0))
    assert launch_of('auto') == Launch(len(os.sched_getaffinity(0)))
    assert launch_of('64') == Launch(64)
