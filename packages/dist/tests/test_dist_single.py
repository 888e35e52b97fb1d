"""The same functions in one process, and the choice of launcher, backend and device."""
import subprocess
import sys
from collections import namedtuple
from datetime import timedelta

import numpy as np
import pytest
import torch

from mmengine import device, dist
from mmengine.dist.init import _timedelta, choose_backend

CPU = torch.device('cpu')
Pair = namedtuple('Pair', 'a b')


def test_info():
    assert dist.is_distributed() is False
    assert dist.get_world_size() == 1
    assert dist.get_rank() == 0
    assert dist.get_local_size() == 1
    assert dist.get_local_rank() == 0
    assert dist.get_dist_info() == (0, 1)
    assert dist.get_backend() is None
    assert dist.get_default_group() is None
    assert dist.get_local_group() is None
    assert dist.results_group() is None
    assert dist.get_comm_device() == CPU
    assert dist.is_main_process() is True
    assert dist.barrier() is None


def test_local_rank_without_a_group_is_0_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv('LOCAL_RANK', '3')
    assert dist.get_local_rank() == 0


def test_master_only():

    @dist.master_only
    def add(a, b=1):
        """Add."""
        return a + b

    assert add(1, b=2) == 3
    assert add.__name__ == 'add'
    assert add.__doc__ == 'Add.'


def test_tensors_stay_as_they_are():
    data = torch.arange(3)
    assert dist.all_reduce(data) is None
    assert dist.all_reduce(data, 'mean') is None
    assert dist.broadcast(data) is None
    assert data.tolist() == [0, 1, 2]
    assert dist.all_gather(data)[0] is data
    assert dist.gather(data)[0] is data
    dist.all_reduce_params(tensor for tensor in [data])
    values = {'a': data}
    dist.all_reduce_dict(values)
    assert values['a'] is data


def test_objects_stay_as_they_are():
    data = ['a', 1]
    assert dist.all_gather_object(data) == [data]
    assert dist.gather_object(data) == [data]
    assert dist.broadcast_object_list(data) is None
    assert data == ['a', 1]


def test_wrong_arguments_are_found_in_one_process_too():
    with pytest.raises(AssertionError, match='data should be a list'):
        dist.broadcast_object_list(('a', ))
    with pytest.raises(AssertionError, match='data should be a dict'):
        dist.all_reduce_dict([1])
    with pytest.raises(ValueError, match="reduce op should be one of .* got 'median'"):
        dist.all_reduce(torch.ones(1), 'median')


@pytest.mark.parametrize('name', ['cpu', 'gpu'])
def test_collect_results(name):
    assert dist.collect_results([1, 2, 3], 2, name) == [1, 2]
    assert dist.collect_results_cpu([1], 5, tmpdir='unused') == [1]
    assert dist.collect_results_gpu([1, 2], 2) == [1, 2]
    with pytest.raises(NotImplementedError, match='tape'):
        dist.collect_results([], 0, 'tape')


def test_sync_random_seed():
    np.random.seed(3)
    seed = dist.sync_random_seed()
    np.random.seed(3)
    assert seed == np.random.randint(2**31)


def test_get_data_device():
    tensor = torch.ones(1)
    nested = {'a': tensor, 'b': [tensor, {'c': tensor}]}
    for data in (tensor, [tensor, tensor], (tensor, ), nested, Pair(tensor, tensor)):
        assert dist.get_data_device(data) == CPU
    for data in ([1], 'text', None, {'a': 'b'}, np.ones(1), [tensor, 1]):
        with pytest.raises(TypeError, match='data should be a Tensor, sequence of tensor or dict'):
            dist.get_data_device(data)
    for data in ([], {}, [[]]):
        with pytest.raises(ValueError, match='data should not be empty'):
            dist.get_data_device(data)
    with pytest.raises(ValueError, match=r"one device, .*\['cpu', 'meta'\]"):
        dist.get_data_device([tensor, torch.ones(1, device='meta')])


def test_cast_data_device():
    data = {'a': torch.ones(2), 'b': [torch.zeros(1), (torch.ones(1), )], 'c': Pair(torch.ones(1), torch.ones(2))}
    moved = dist.cast_data_device(data, torch.device('meta'))
    assert dist.get_data_device(moved) == torch.device('meta')
    assert isinstance(moved['b'][1], tuple)
    assert isinstance(moved['c'], Pair)
    assert isinstance(dist.cast_data_device({torch.ones(1)}, CPU), set)
    source, target = {'a': torch.ones(2)}, {'a': torch.zeros(2)}
    dist.cast_data_device(source, CPU, out=target)
    assert target['a'].tolist() == [1, 1]
    source, target = [torch.ones(2)], [torch.zeros(2)]
    dist.cast_data_device(source, CPU, out=target)
    assert target[0].tolist() == [1, 1]


def test_cast_data_device_errors():
    tensor = torch.ones(1)
    for data in ([], {}):
        with pytest.raises(ValueError, match='data should not be empty'):
            dist.cast_data_device(data, CPU)
    for data in (1, 'text', [1], np.ones(1)):
        with pytest.raises(TypeError, match='data should be a Tensor, list of tensor or dict'):
            dist.cast_data_device(data, CPU)
    for data, out in (([tensor], [tensor, tensor]), ({'a': tensor}, {'a': tensor, 'b': tensor})):
        with pytest.raises(ValueError, match='length of data and out should be same'):
            dist.cast_data_device(data, CPU, out)
    with pytest.raises(TypeError, match='out should be the same type with data'):
        dist.cast_data_device([tensor], CPU, (tensor, ))
    with pytest.raises(TypeError, match='out should not be a set'):
        dist.cast_data_device({tensor}, CPU, {tensor})


def test_init_dist_arguments():
    assert dist.init_dist('none') is None
    assert not dist.is_distributed()
    with pytest.raises(ValueError, match="Invalid launcher type: 'torchrun'"):
        dist.init_dist('torchrun')
    with pytest.raises(ValueError, match="init_backend should be one of .*, but got 'other'"):
        dist.init_dist('pytorch', init_backend='other')
    with pytest.raises(TypeError, match="number of seconds, but got '1 h'"):
        dist.init_dist('pytorch', timeout='1 h')
    assert _timedelta(1.5) == _timedelta(timedelta(seconds=1.5)) == timedelta(seconds=1.5)


def test_choice_of_the_backend(monkeypatch):
    for backend in (None, 'nccl'):  # 'nccl' is what old configs say everywhere
        assert choose_backend(backend, 'cpu') == 'gloo'
        assert choose_backend(backend, 'mps') == 'gloo'
        assert choose_backend(backend, 'new-device') == 'gloo'
        assert choose_backend(backend, 'cuda') == ('nccl' if torch.distributed.is_nccl_available() else 'gloo')
    assert choose_backend('mpi', 'cuda') == 'mpi'
    assert choose_backend('gloo', 'cuda') == 'gloo'


def test_a_new_device_brings_its_backend():
    """What an accelerator's package registers with PyTorch is used without a word here."""
    code = """
import torch.distributed as dist
dist.Backend.register_backend('hccl', lambda *args: None, devices=['npu'])
from mmengine.dist.init import choose_backend
print(choose_backend(None, 'npu'), choose_backend('nccl', 'npu'), choose_backend('gloo', 'npu'))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ['hccl', 'hccl', 'gloo']


def test_old_module_paths():
    for name in ('get_rank', 'init_dist', 'infer_launcher', 'barrier', 'get_data_device'):
        assert getattr(dist.utils, name) is getattr(dist, name)
    for name in ('all_reduce', 'collect_results', 'barrier', 'get_rank', 'sync_random_seed'):
        assert getattr(dist.dist, name) is getattr(dist, name)
    assert device.utils.get_device is device.get_device


def test_import_asks_no_device():
    code = """
import sys, torch
def forbidden(*args, **kwargs):
    raise SystemExit('a device was asked')
for name in ('is_available', 'device_count', 'init', '_lazy_init', 'current_device'):
    setattr(torch.cuda, name, forbidden)
torch.accelerator.current_accelerator = torch.accelerator.is_available = forbidden
torch.backends.mps.is_available = forbidden
import mmengine.dist, mmengine.device, mmengine.dist.dist, mmengine.dist.utils
print('quiet')
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == 'quiet', done.stderr
