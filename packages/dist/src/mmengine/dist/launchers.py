"""What launchers say about a process, as the variables that PyTorch reads."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping

_DEFAULT_PORT = '29500'


def infer_launcher() -> str:
    """Give the launcher that started this process: 'pytorch', 'slurm', 'mpi' or 'none'."""
    for variable, launcher in (('WORLD_SIZE', 'pytorch'), ('SLURM_NTASKS', 'slurm'),
                               ('OMPI_COMM_WORLD_LOCAL_RANK', 'mpi')):
        if variable in os.environ:
            return launcher
    return 'none'


def launcher_environment(launcher: str, port: int | None = None) -> dict[str, str]:
    """Give RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT as the launcher tells them.

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
    'mpi': 'start the program with mpirun and export MASTER_ADDR',
    'slurm': 'start the program with srun',
}


def _pytorch(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        'RANK': _ask(environment, 'RANK', 'pytorch'),
        'WORLD_SIZE': _ask(environment, 'WORLD_SIZE', 'pytorch'),
        'LOCAL_RANK': environment.get('LOCAL_RANK', '0'),
        'MASTER_ADDR': _ask(environment, 'MASTER_ADDR', 'pytorch'),
        'MASTER_PORT': environment.get('MASTER_PORT', _DEFAULT_PORT),
    }


def _mpi(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        'RANK': _ask(environment, 'OMPI_COMM_WORLD_RANK', 'mpi'),
        'WORLD_SIZE': _ask(environment, 'OMPI_COMM_WORLD_SIZE', 'mpi'),
        'LOCAL_RANK': _ask(environment, 'OMPI_COMM_WORLD_LOCAL_RANK', 'mpi'),
        'MASTER_ADDR': _ask(environment, 'MASTER_ADDR', 'mpi'),
        'MASTER_PORT': environment.get('MASTER_PORT', _DEFAULT_PORT),
    }


def _slurm(environment: Mapping[str, str]) -> dict[str, str]:
    nodes = environment.get('SLURM_STEP_NODELIST') or _ask(environment, 'SLURM_NODELIST', 'slurm')
    return {
        'RANK': _ask(environment, 'SLURM_PROCID', 'slurm'),
        'WORLD_SIZE': _ask(environment, 'SLURM_NTASKS', 'slurm'),
        'LOCAL_RANK': _ask(environment, 'SLURM_LOCALID', 'slurm'),
        'MASTER_ADDR': environment.get('MASTER_ADDR') or first_host(nodes),
        'MASTER_PORT': environment.get('MASTER_PORT', _DEFAULT_PORT),
    }


_READERS = {'pytorch': _pytorch, 'mpi': _mpi, 'slurm': _slurm}


def first_host(nodes: str) -> str:
    """Give the first host of Slurm's list: `gpu07` of `gpu[07-09,12],login1`."""
    first = re.match(r'(?:[^,\[]|\[[^\]]*\])+', nodes)
    if first is None:
        raise ValueError(f'cannot read the list of hosts {nodes!r}')
    return re.sub(r'\[([^\],-]+)[^\]]*\]', r'\1', first.group())
