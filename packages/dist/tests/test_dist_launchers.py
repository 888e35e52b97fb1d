"""What is read from the environments that torchrun, srun and the kinds of mpirun make."""
import os

import pytest

from mmengine import dist
from mmengine.dist.launchers import launcher_environment
from mmengine.dist.schedulers import first_host, port_of_the_job

#: As `mpirun -n 4` of Open MPI 5.0.11, MPICH 5.0.2 and Intel MPI 2021.18 set them for process 3 of 4, two on a node.
OPEN_MPI = {'OMPI_COMM_WORLD_RANK': '3', 'OMPI_COMM_WORLD_SIZE': '4', 'OMPI_COMM_WORLD_LOCAL_RANK': '1',
            'OMPI_COMM_WORLD_LOCAL_SIZE': '2', 'OMPI_COMM_WORLD_NODE_RANK': '1', 'OMPI_UNIVERSE_SIZE': '4',
            'PMIX_RANK': '3', 'PMIX_NAMESPACE': 'prterun-host-19018@1'}
HYDRA = {'PMI_RANK': '3', 'PMI_SIZE': '4', 'PMI_FD': '11', 'MPI_LOCALRANKID': '1', 'MPI_LOCALNRANKS': '2'}
MVAPICH = {'MV2_COMM_WORLD_RANK': '3', 'MV2_COMM_WORLD_SIZE': '4', 'MV2_COMM_WORLD_LOCAL_RANK': '1',
           'MV2_COMM_WORLD_LOCAL_SIZE': '2'}
#: As srun sets them: a step of 5 tasks on 3 of the 4 nodes of a job of 8.
SRUN = {'SLURM_JOB_ID': '4711', 'SLURM_STEP_ID': '2', 'SLURM_NTASKS': '8', 'SLURM_STEP_NUM_TASKS': '5',
        'SLURM_JOB_NODELIST': 'gpu[01-04]', 'SLURM_NODELIST': 'gpu[01-04]', 'SLURM_STEP_NODELIST': 'gpu[02-04]',
        'SLURM_STEP_TASKS_PER_NODE': '2(x2),1', 'SLURM_PROCID': '4', 'SLURM_LOCALID': '0', 'SLURM_NODEID': '2'}
#: The same for a shell or a batch script in an allocation.
ALLOCATION = {'SLURM_JOB_ID': '4711', 'SLURM_NTASKS': '8', 'SLURM_JOB_NODELIST': 'gpu[01-04]', 'SLURM_PROCID': '0'}
NAMES = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')


@pytest.fixture
def environment(monkeypatch):
    """Replace what launchers and schedulers say in the environment."""
    for name in os.environ:
        if name in NAMES or name.startswith(('SLURM_', 'OMPI_', 'PMI', 'MPI_', 'MV2_', 'PBS_', 'LSB_')):
            monkeypatch.delenv(name)

    def set_to(variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_to


def place(launcher, **options):
    """Give the six values in the order of `NAMES`."""
    found = launcher_environment(launcher, **options)
    return tuple(found.pop(name, None) for name in NAMES), found


@pytest.mark.parametrize(('variables', 'launcher'), [
    ({'WORLD_SIZE': '2'}, 'pytorch'), ({'SLURM_NTASKS': '2'}, 'slurm'), (SRUN, 'slurm'), (OPEN_MPI, 'mpi'),
    (HYDRA, 'mpi'), (MVAPICH, 'mpi'), ({'OMPI_COMM_WORLD_LOCAL_RANK': '0'}, 'mpi'), ({}, 'none'),
    ({**ALLOCATION, **OPEN_MPI}, 'mpi'),  # mpirun in a job of Slurm
    ({**SRUN, 'PMI_RANK': '4', 'PMI_SIZE': '5'}, 'slurm'),  # srun --mpi=pmi2
    ({**OPEN_MPI, 'WORLD_SIZE': '4'}, 'pytorch'),
])
def test_infer_launcher(environment, variables, launcher):
    environment(variables)
    assert dist.infer_launcher() == launcher


@pytest.mark.parametrize(('nodes', 'first'), [
    ('gpu1', 'gpu1'),
    ('gpu1,gpu2', 'gpu1'),
    ('gpu[07-09,12],login1', 'gpu07'),
    ('gpu[3,5]-ib', 'gpu3-ib'),
    ('rack[1-2]n[10-20]', 'rack1n10'),
])
def test_first_host(nodes, first):
    assert first_host(nodes) == first


def test_torchrun(environment):
    environment({'RANK': '3', 'WORLD_SIZE': '4', 'LOCAL_RANK': '1', 'MASTER_ADDR': 'a', 'MASTER_PORT': '1'})
    assert place('pytorch')[0] == ('3', '4', '1', None, 'a', '1')


def test_slurm_step(environment):
    """The step counts, and not the job that it is part of."""
    environment(SRUN)
    assert place('slurm') == (('4', '5', '0', '1', 'gpu02', str(15_000 + (4711 * 7 + 2) % 17_000)), {})
    environment({'SLURM_NODEID': '1', 'SLURM_PROCID': '3', 'SLURM_LOCALID': '1', 'MASTER_ADDR': 'b'})
    assert place('slurm', port=1234)[0] == ('3', '5', '1', '2', 'b', '1234')
    environment({'MASTER_PORT': '4321'})
    assert place('slurm')[0][-1] == '4321'


def test_slurm_of_old(environment):
    """Without what only a step has."""
    environment({'SLURM_PROCID': '5', 'SLURM_NTASKS': '8', 'SLURM_LOCALID': '1', 'SLURM_NODELIST': 'a[1-2]'})
    assert place('slurm') == (('5', '8', '1', None, 'a1', '29500'), {})


@pytest.mark.parametrize('variables', [OPEN_MPI, HYDRA, MVAPICH], ids=['open', 'hydra', 'mvapich'])
def test_mpi_on_nodes(environment, variables, tmp_path):
    environment(variables)
    with pytest.raises(RuntimeError, match=r'MASTER_ADDR is not set, .*mpirun -x MASTER_ADDR'):
        launcher_environment('mpi')
    environment({'LSB_HOSTS': 'lsf3 lsf3 lsf5', 'LSB_JOBID': '12'})
    assert place('mpi') == (('3', '4', '1', '2', 'lsf3', '15084'), {})
    nodes = tmp_path / 'nodes'
    nodes.write_text('pbs1\npbs1\npbs2\n')
    environment({'PBS_NODEFILE': str(nodes), 'PBS_JOBID': '11.server'})
    assert place('mpi')[0][4:] == ('pbs1', '15077')
    environment(ALLOCATION)
    assert place('mpi')[0][4:] == ('gpu01', str(15_000 + 4711 * 7 % 17_000))
    environment({'MASTER_ADDR': 'told', 'MASTER_PORT': '1'})
    assert place('mpi')[0][4:] == ('told', '1')


@pytest.mark.parametrize(('variables', 'size'), [(OPEN_MPI, 'OMPI_COMM_WORLD_LOCAL_SIZE'), (HYDRA, 'MPI_LOCALNRANKS')])
def test_mpi_on_one_node_needs_nothing_else(environment, variables, size):
    environment({**variables, size: '4'})
    assert place('mpi') == (('3', '4', '1', '4', '127.0.0.1', '29500'), {})


def test_ports_of_jobs():
    ports = {port_of_the_job({'SLURM_JOB_ID': str(job), 'SLURM_STEP_ID': str(step)})
             for job in range(100) for step in range(7)}
    assert len(ports) == 700
    assert all(15_000 <= int(port) < 32_000 for port in ports)
    assert port_of_the_job({'SLURM_JOB_ID': '7', 'SLURM_STEP_ID': 'batch'}) == '15049'


def test_what_is_missing(environment):
    with pytest.raises(RuntimeError, match=r"variable RANK is not set, which launcher='pytorch' needs: .*torchrun"):
        launcher_environment('pytorch')
    with pytest.raises(RuntimeError, match=r'OMPI_COMM_WORLD_RANK, MV2_COMM_WORLD_RANK, PMI_RANK, .*with mpirun'):
        launcher_environment('mpi')
    with pytest.raises(RuntimeError, match=r'SLURM_PROCID is not set, .*: start the program with srun'):
        launcher_environment('slurm')
    environment({'SLURM_PROCID': '5', 'SLURM_NTASKS': '8', 'SLURM_LOCALID': '1'})
    with pytest.raises(RuntimeError, match='SLURM_NODELIST'):
        launcher_environment('slurm')
