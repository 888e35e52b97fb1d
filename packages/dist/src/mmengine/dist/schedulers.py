"""What Slurm, PBS, LSF and the kinds of MPI say about a job in the environment of its processes."""
from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

DEFAULT_PORT = '29500'
#: Ports of jobs: below those that systems give to outgoing connections (from 32768 on Linux).
_FIRST_PORT, _PORTS = 15_000, 17_000
#: Where schedulers tell the number of the job.
_JOBS = ('SLURM_JOB_ID', 'PBS_JOBID', 'LSB_JOBID')


class Family(NamedTuple):
    """The variables in which a kind of MPI tells the place of a process."""

    rank: str
    size: str
    local_rank: str
    local_size: str


#: Open MPI, MVAPICH2, and those with the starter Hydra: MPICH and Intel MPI.
FAMILIES = (
    Family('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_LOCAL_SIZE'),
    Family('MV2_COMM_WORLD_RANK', 'MV2_COMM_WORLD_SIZE', 'MV2_COMM_WORLD_LOCAL_RANK', 'MV2_COMM_WORLD_LOCAL_SIZE'),
    Family('PMI_RANK', 'PMI_SIZE', 'MPI_LOCALRANKID', 'MPI_LOCALNRANKS'),
)


def mpi_family(environment: Mapping[str, str]) -> Family | None:
    """Find the kind of MPI that started this process, None if none did."""
    # The local rank decides: Slurm sets PMI_RANK as well.
    return next((family for family in FAMILIES if family.local_rank in environment), None)


def first_host(nodes: str) -> str:
    """Give the first host of Slurm's list: `gpu07` of `gpu[07-09,12],login1`."""
    first = re.match(r'(?:[^,\[]|\[[^\]]*\])+', nodes)
    if first is None:
        raise ValueError(f'cannot read the list of hosts {nodes!r}')
    return re.sub(r'\[([^\],-]+)[^\]]*\]', r'\1', first.group())


def first_of_the_scheduler(environment: Mapping[str, str]) -> str | None:
    """Give the first node of a job of Slurm, PBS or LSF, where mpirun puts process 0; None outside of these."""
    nodes = environment.get('SLURM_JOB_NODELIST') or environment.get('SLURM_NODELIST')
    if nodes:
        return first_host(nodes)
    file = Path(environment.get('PBS_NODEFILE') or '-')  # it may be on the first node only
    hosts = file.read_text(encoding='utf-8') if file.is_file() else environment.get('LSB_HOSTS', '')
    return next(iter(hosts.split()), None)


def port_of_the_job(environment: Mapping[str, str]) -> str:
    """Give the port of process 0, the same for all processes of a job without a word between them.

    It is made of the number of the job, and with Slurm of the step, so that jobs which share a node do not meet; it is
    29500 outside of a scheduler.
    """
    job = next((environment[name] for name in _JOBS if environment.get(name)), '')
    number = re.match(r'\d+', job)
    if number is None:
        return DEFAULT_PORT
    step = environment.get('SLURM_STEP_ID', '0')
    return str(_FIRST_PORT + (int(number[0]) * 7 + (int(step) if step.isdigit() else 0)) % _PORTS)
