"""A device that this code has never heard of needs no new code: it registers with PyTorch, and that is all."""
import os
import socket
import subprocess
import sys
import textwrap

import pytest
import torch

REGISTER = """
import types, torch
module = types.ModuleType('torch.toy')
module.is_available = lambda: True
module.device_count = lambda: 2
module.current_device = lambda: 0
module.peak = 7 << 20
module.max_memory_allocated = lambda device=None: module.peak
module.reset_peak_memory_stats = lambda device=None: setattr(module, 'peak', 0)
torch.utils.rename_privateuse1_backend('toy')
torch._register_device_module('toy', module)
"""


def run(code, **variables):
    kept = {name: value for name, value in os.environ.items() if name not in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')}
    done = subprocess.run([sys.executable, '-c', REGISTER + textwrap.dedent(code)], capture_output=True, text=True,
                          timeout=120, env={**kept, **variables}, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


needs_no_other = pytest.mark.skipif(torch.accelerator.is_available(), reason='this machine has another accelerator')


@needs_no_other
def test_device_is_found():
    assert run("""
        from mmengine import device
        print(device.is_available('toy'), device.get_device(), device.device_module('toy') is torch.toy)
        print(device.get_max_memory(), device.get_max_memory())
        """) == ['True', 'toy', 'True', '7', '0']


@needs_no_other
@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='this PyTorch was built without gloo')
def test_its_own_backend_is_chosen():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
    assert run("""
        import torch.distributed as torch_dist
        from mmengine import dist

        used = []
        torch.accelerator.set_device_index = used.append  # the toy has no code below Python

        def create(store, rank, size, timeout):
            return torch_dist.ProcessGroupGloo(store, rank, size, timeout)

        torch_dist.Backend.register_backend('toyccl', create, devices=['toy', 'cpu'])
        dist.init_dist('pytorch', backend='nccl', timeout=60)
        print(dist.get_backend(), used, torch_dist.get_backend_config())
        torch_dist.destroy_process_group()
        """, RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT=port,
               GLOO_SOCKET_IFNAME='lo')[:2] == ['toyccl', '[0]']
