"""What launchers say about a process, as the variables that PyTorch reads."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping

from mmengine.dist.schedulers import (
    DEFAULT_PORT,
    FAMILIES,
    Family,
    first_host,
    first_of_the_scheduler,
    mpi_family,
    port_of_the_job,
)


def infer_launcher() -> str:
    """Give the launcher that started this process: 'pytorch', 'slurm', 'mpi' or 'none'."""
    if 'WORLD_SIZE' in os.environ:
        return 'pytorch'
    if mpi_family(os.environ) is not None:  # before Slurm, in whose jobs mpirun may be called
        return 'mpi'
    return 'slurm' if 'SLURM_NTASKS' in os.environ else 'none'


def launcher_environment(launcher: str, port: int | None = None) -> dict[str, str]:
    """Give RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT as the launcher tells them.

    LOCAL_WORLD_SIZE is given as well where it is told. MASTER_ADDR and MASTER_PORT of the environment go first; else
    the address is that of the first node, and the port one that belongs to the job (see `port_of_the_job`).

    Args:
        launcher: 'pytorch', 'mpi' or 'slurm'.
        port: The port of process 0, where it is not to be that of the environment.

    Returns:
        The variables.
    """
    if launcher not in _READERS:
        raise ValueError(f"Invalid launcher type: {launcher!r}; it should be 'none', 'pytorch', 'mpi' or 'slurm'")
    variables = _READERS[launcher](os.environ)
    if port is not None:
        variables['MASTER_PORT'] = str(port)
    return variables


def _ask(environment: Mapping[str, str], variable: str, launcher: str) -> str:
    if variable not in environment:
        raise RuntimeError(f'The environment variable {variable} is not set, which launcher={launcher!r} needs: '
                           f'{_START[launcher]}')
    return environment[variable]


_START = {
    'pytorch': 'start the program with torchrun',
    'mpi': 'start the program with mpirun and export MASTER_ADDR, the host of process 0, to all processes '
           '(mpirun -x MASTER_ADDR of Open MPI, mpiexec -genv MASTER_ADDR HOST of MPICH and Intel MPI)',
    'slurm': 'start the program with srun',
}


def _pytorch(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        'RANK': _ask(environment, 'RANK', 'pytorch'),
        'WORLD_SIZE': _ask(environment, 'WORLD_SIZE', 'pytorch'),
        'LOCAL_RANK': environment.get('LOCAL_RANK', '0'),
        'MASTER_ADDR': _ask(environment, 'MASTER_ADDR', 'pytorch'),
        'MASTER_PORT': environment.get('MASTER_PORT', DEFAULT_PORT),
    }


def _mpi(environment: Mapping[str, str]) -> dict[str, str]:
    names = mpi_family(environment)
    if names is None:
        raise RuntimeError(f"launcher='mpi' finds none of the variables {', '.join(item.rank for item in FAMILIES)}, "
                           f'one of which each MPI sets: start the program with mpirun')
    world_size = _ask(environment, names.size, 'mpi')
    return {
        'RANK': _ask(environment, names.rank, 'mpi'),
        'WORLD_SIZE': world_size,
        'LOCAL_RANK': _ask(environment, names.local_rank, 'mpi'),
        **_local_size(environment.get(names.local_size)),
        'MASTER_ADDR': environment.get('MASTER_ADDR') or _first_node(environment, names, world_size),
        'MASTER_PORT': environment.get('MASTER_PORT') or port_of_the_job(environment),
    }


def _first_node(environment: Mapping[str, str], names: Family, world_size: str) -> str:
    """Find the node of process 0, where all are on one node or a scheduler lists the nodes."""
    if environment.get(names.local_size) == world_size:
        return '127.0.0.1'
    return first_of_the_scheduler(environment) or _ask(environment, 'MASTER_ADDR', 'mpi')


def _slurm(environment: Mapping[str, str]) -> dict[str, str]:
    # A step may have fewer tasks and nodes than its job, and the rank is that in the step.
    nodes = environment.get('SLURM_STEP_NODELIST') or environment.get('SLURM_JOB_NODELIST')
    return {
        'RANK': _ask(environment, 'SLURM_PROCID', 'slurm'),
        'WORLD_SIZE': environment.get('SLURM_STEP_NUM_TASKS') or _ask(environment, 'SLURM_NTASKS', 'slurm'),
        'LOCAL_RANK': _ask(environment, 'SLURM_LOCALID', 'slurm'),
        **_local_size(_tasks_of_this_node(environment)),
        'MASTER_ADDR': environment.get('MASTER_ADDR') or first_host(nodes or _ask(environment, 'SLURM_NODELIST',
                                                                                  'slurm')),
        'MASTER_PORT': environment.get('MASTER_PORT') or port_of_the_job(environment),
    }


def _tasks_of_this_node(environment: Mapping[str, str]) -> str | None:
    """Read how many tasks are on this node from `2(x3),1`: two on each of three nodes, then one on a fourth."""
    tasks = environment.get('SLURM_STEP_TASKS_PER_NODE')
    if tasks is None or 'SLURM_NODEID' not in environment:
        return None
    of_nodes = [count for count, times in re.findall(r'(\d+)(?:\(x(\d+)\))?', tasks) for _ in range(int(times or 1))]
    node = int(environment['SLURM_NODEID'])
    return of_nodes[node] if node < len(of_nodes) else None


def _local_size(count: str | None) -> dict[str, str]:
    return {} if count is None else {'LOCAL_WORLD_SIZE': count}


_READERS = {'pytorch': _pytorch, 'mpi': _mpi, 'slurm': _slurm}
