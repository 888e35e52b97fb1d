"""Which device there is."""
import sys
import types

import pytest
import torch

from mmengine import device


def test_this_machine():
    found = device.get_device()
    assert torch.ones(1, device=found).sum().item() == 1
    if not torch.accelerator.is_available():
        assert found == 'cpu'
    assert device.is_cuda_available() is torch.cuda.is_available()
    assert device.is_mps_available() is torch.backends.mps.is_available()
    assert device.is_available('cpu')
    assert not device.is_available('no_such_device')


def test_no_vendor_packages_here():
    for name in ('torch_npu', 'torch_mlu', 'torch_musa', 'torch_dipu'):
        if name in sys.modules:
            pytest.skip(f'{name} is installed')
    assert device.is_npu_available() is False
    assert device.is_mlu_available() is False
    assert device.is_musa_available() is False
    assert device.is_dipu_available() is False
    assert device.is_npu_support_full_precision() is False
    assert device.get_max_musa_memory() == 0


def test_vendor_package_is_imported_when_it_is_there(tmp_path, monkeypatch):
    """A package that adds `torch.npu` on import, as Ascend's does."""
    (tmp_path / 'torch_npu.py').write_text(
        'import types, torch\n'
        'torch.npu = types.SimpleNamespace(is_available=lambda: True,\n'
        '                                  utils=types.SimpleNamespace(get_soc_version=lambda: 223),\n'
        '                                  max_memory_allocated=lambda device: 5 << 20,\n'
        '                                  reset_peak_memory_stats=lambda device: None)\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(torch, 'npu', None, raising=False)  # so that it is taken away again
    try:
        assert device.is_npu_available() is True
        assert device.is_npu_support_full_precision() is True
        assert device.get_device() == 'npu'
        assert device.get_max_memory() == 5
    finally:
        sys.modules.pop('torch_npu', None)


@pytest.mark.parametrize('present', [['cuda'], ['mlu', 'cuda'], ['musa', 'mlu'], ['musa', 'npu', 'cuda']])
def test_precedence(monkeypatch, present):
    for name in ('npu', 'cuda', 'mlu', 'musa'):
        module = types.SimpleNamespace(is_available=lambda name=name: name in present)
        monkeypatch.setattr(torch, name, module, raising=False)
    if not torch.backends.mps.is_available():
        assert device.get_device() == min(present, key=['npu', 'cuda', 'mlu', 'mps', 'musa'].index)


def test_memory_figures_without_a_device():
    if torch.cuda.is_available():
        pytest.skip('there is a CUDA device: the next test looks at it')
    assert device.get_max_cuda_memory() == 0
    assert device.get_max_memory('cpu') == 0
    assert device.get_max_memory('cuda') == 0
    assert device.get_max_memory() == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device here')
def test_memory_figures_of_a_cuda_device():
    device.get_max_cuda_memory()
    kept = torch.ones(32 << 20, dtype=torch.uint8, device='cuda')
    peak = torch.ones(64 << 20, dtype=torch.uint8, device='cuda')
    del peak
    assert device.get_max_cuda_memory() >= 96
    assert 32 <= device.get_max_memory() < 96
    del kept
    assert device.get_device() == 'cuda'
