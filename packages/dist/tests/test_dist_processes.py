"""All functions in 2 and 4 real processes with gloo, started in the ways of the launchers."""
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

RANKS = Path(__file__).with_name('dist_ranks.py')
LAUNCHER_VARIABLES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')

pytestmark = pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='this PyTorch was built without gloo')


def load_checks():
    spec = importlib.util.spec_from_file_location('dist_ranks', RANKS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return list(module.CHECKS)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def environment(**variables):
    kept = {name: value for name, value in os.environ.items()
            if name not in LAUNCHER_VARIABLES and not name.startswith(('SLURM_', 'OMPI_'))}
    return {**kept, 'OMP_NUM_THREADS': '1', 'GLOO_SOCKET_IFNAME': 'lo', **variables}


def start_ranks(world_size, launcher, folder, variables_of, *names):
    """Run the checks in processes of their own and give what each rank found."""
    command = [sys.executable, '-W', 'error', str(RANKS), launcher, str(folder), *names]
    port = str(free_port())
    processes = [subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  env=environment(MASTER_PORT=port, **variables_of(rank)))
                 for rank in range(world_size)]
    try:
        outputs = [process.communicate(timeout=240)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return read_report(world_size, folder, '\n'.join(outputs))


def read_report(world_size, folder, output):
    found = {}
    for rank in range(world_size):
        path = folder / f'{rank}.json'
        assert path.exists(), output
        found[rank] = json.loads(path.read_text())
    return found


@pytest.fixture(scope='module', params=[2, 4], ids='{}-processes'.format)
def report(request, tmp_path_factory):
    world_size = request.param

    def variables_of(rank):
        return {'RANK': str(rank), 'WORLD_SIZE': str(world_size), 'LOCAL_RANK': str(rank), 'MASTER_ADDR': '127.0.0.1'}

    return start_ranks(world_size, 'pytorch', tmp_path_factory.mktemp('ranks'), variables_of)


@pytest.mark.parametrize('check', load_checks())
def test_in_processes(report, check):
    for rank, found in report.items():
        assert check in found, f'rank {rank} did not come to {check}: {found}'
        assert found[check] is None, f'rank {rank}: {found[check]}'


def test_slurm(tmp_path):

    def variables_of(rank):
        return {'SLURM_PROCID': str(rank), 'SLURM_NTASKS': '2', 'SLURM_LOCALID': str(rank),
                'SLURM_NODELIST': '127.0.0.[1,7-9]'}

    found = start_ranks(2, 'slurm', tmp_path, variables_of, 'info', 'all_reduce')
    assert found == {rank: {'info': None, 'all_reduce': None} for rank in range(2)}


def test_mpi(tmp_path):

    def variables_of(rank):
        return {'OMPI_COMM_WORLD_RANK': str(rank), 'OMPI_COMM_WORLD_SIZE': '2', 'MASTER_ADDR': '127.0.0.1',
                'OMPI_COMM_WORLD_LOCAL_RANK': str(rank)}

    found = start_ranks(2, 'mpi', tmp_path, variables_of, 'info', 'broadcast')
    assert found == {rank: {'info': None, 'broadcast': None} for rank in range(2)}


def test_torchrun(tmp_path):
    command = [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node=2', '--master-addr=127.0.0.1',
               f'--master-port={free_port()}', str(RANKS), 'pytorch', str(tmp_path), 'info', 'objects']
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=240,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert read_report(2, tmp_path, done.stderr) == {rank: {'info': None, 'objects': None} for rank in range(2)}


#: A busy machine starts the processes slowly, and the timeouts of these tests are short: they count from here.
ALL_UP = """
import os, sys, time, torch
from mmengine import dist
open(f'up.{os.environ["RANK"]}', 'w').close()
while not all(os.path.exists(f'up.{rank}') for rank in range(int(os.environ['WORLD_SIZE']))):
    time.sleep(0.02)
"""
MISSING = ALL_UP + """
import signal
timeout, trouble, operation, launcher = float(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
dist.init_dist(launcher, timeout=timeout)
rank = dist.get_rank()
dist.barrier()
if rank == int(sys.argv[5]):
    if trouble == 'die':
        os._exit(7)
    if trouble == 'raise':
        sys.exit(7)
    if trouble == 'stop':
        os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(60)
start = time.monotonic()
data = torch.ones(1)
try:
    {'all_reduce': lambda: dist.all_reduce(data), 'barrier': dist.barrier, 'gather': lambda: dist.all_gather(data),
     'objects': lambda: dist.all_gather_object(rank)}[operation]()
except RuntimeError as error:
    print(f'{time.monotonic() - start:.2f}')
    print(error)
    missing = dist.who_is_missing()
    print(missing)
    sys.stdout.flush()
    os._exit(3)
"""


def start(folder, world_size, code, *args, **pipes):
    """Start a program on all ranks, as torchrun does."""
    port = str(free_port())
    return [subprocess.Popen([sys.executable, '-c', code, *map(str, args)], cwd=folder, text=True,
                             env=environment(RANK=str(rank), WORLD_SIZE=str(world_size), LOCAL_RANK=str(rank),
                                             MASTER_ADDR='127.0.0.1', MASTER_PORT=port),
                             **{name: pipe(rank) for name, pipe in pipes.items()}) for rank in range(world_size)]


def run_with_a_missing_rank(folder, world_size, missing, timeout, trouble, operation):
    """Give for each other rank the seconds until its error, its text and what is said afterwards."""
    processes = start(folder, world_size, MISSING, timeout, trouble, operation, 'pytorch', missing,
                      stderr=lambda rank: subprocess.DEVNULL,
                      stdout=lambda rank: subprocess.DEVNULL if rank == missing else subprocess.PIPE)
    try:
        said = [process.communicate(timeout=120)[0] for rank, process in enumerate(processes) if rank != missing]
        assert [process.returncode for rank, process in enumerate(processes) if rank != missing] == [3] * len(said)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    parts = [text.split('\n') for text in said]
    return [(float(lines[0]), ' '.join(lines[1:-2]), lines[-2]) for lines in parts]


@pytest.mark.parametrize(('world_size', 'trouble', 'operation', 'text'), [
    (2, 'die', 'all_reduce', 'process 1 gives no sign of life'),
    (2, 'raise', 'barrier', 'process 1 has ended; its last operation was barrier (number 1)'),
    (2, 'stop', 'all_reduce', 'process 1 gives no sign of life'),
    (4, 'die', 'objects', 'process 1 gives no sign of life'),
    (4, 'stall', 'gather', 'process 1 lives but did not come; its last operation was barrier (number 1)'),
])
def test_missing_rank_ends_the_others_and_is_named(tmp_path, world_size, trouble, operation, text):
    if trouble == 'stop' and not hasattr(signal, 'SIGSTOP'):
        pytest.skip('no SIGSTOP here')
    timeout = 9
    for seconds, error, afterwards in run_with_a_missing_rank(tmp_path, world_size, 1, timeout, trouble, operation):
        assert text in error
        assert 'failed in process' in error
        assert not any(f'process {rank} {what}' in error for rank in (0, 2, 3) for what in ('gives', 'has', 'lives'))
        assert 'process 1' in afterwards or trouble == 'stall'
        assert seconds <= timeout  # not a speed: the time that was asked for


def test_rank_that_keeps_the_store_dies(tmp_path):
    [(_, error, _)] = run_with_a_missing_rank(tmp_path, 2, 0, 6, 'die', 'all_reduce')
    assert 'for process 0' in error


SLOW = ALL_UP + """
from mmengine.dist import watch
watch._PATIENCE = 0.5
dist.init_dist('pytorch', timeout=4.5)
rank, world_size = dist.get_dist_info()
results = dist.collect_results([{'index': rank}], world_size)
metrics = [None]
if rank == 0:
    time.sleep(5)  # the metric takes longer than any operation of the group that trains may wait
    metrics = [{'accuracy': len(results) / world_size}]
dist.broadcast_object_list(metrics, group=dist.results_group())
total = torch.ones(1)
dist.all_reduce(total)  # training goes on
print(metrics[0]['accuracy'], total.item())
torch.distributed.destroy_process_group()
"""


@pytest.mark.parametrize('world_size', [2, 4])
def test_slow_metric_on_rank_0_kills_nobody_and_is_told(tmp_path, world_size):
    processes = start(tmp_path, world_size, SLOW, stdout=lambda rank: subprocess.PIPE,
                      stderr=lambda rank: subprocess.PIPE)
    try:
        said = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [out.split() for out, _ in said] == [['1.0', str(float(world_size))]] * world_size, said
    remark = 's in broadcast_object_list for process 0 (last in collect_results)'
    assert 'mmengine: process 1 has waited' in said[1][1]
    assert remark in said[1][1]
    assert not any('has waited' in error for rank, (_, error) in enumerate(said) if rank != 1)
