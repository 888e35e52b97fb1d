"""Helpers that need torch."""
import multiprocessing
import os
import warnings

import pytest
import torch
from torch import nn

import mmengine
from mmengine.utils.dl_utils import (
    TORCH_VERSION,
    TimeCounter,
    collect_env,
    has_batch_norm,
    is_jit_tracing,
    is_norm,
    mmcv_full_available,
    set_multi_processing,
    tensor2imgs,
    torch_meshgrid,
)


def test_collect_env():
    env = collect_env()
    assert env['MMEngine'] == mmengine.__version__
    assert env['PyTorch'] == TORCH_VERSION == torch.__version__
    assert '\n' not in env['Python']
    assert {'sys.platform', 'CUDA available', 'PyTorch compiling details', 'OpenCV', 'GCC'} <= set(env)


def test_version_of_opencv():
    cv2 = pytest.importorskip('cv2', reason='OpenCV, whose version is compared, is not installed')
    assert collect_env()['OpenCV'] == cv2.__version__


def test_norms():
    assert is_norm(nn.BatchNorm2d(1))
    assert is_norm(nn.InstanceNorm1d(1))
    assert is_norm(nn.LayerNorm(1))
    assert not is_norm(nn.GroupNorm(1, 1), exclude=nn.GroupNorm)
    assert not is_norm(nn.Conv1d(1, 1, 1))
    with pytest.raises(TypeError, match='exclude'):
        is_norm(nn.BatchNorm2d(1), exclude='BN')
    assert has_batch_norm(nn.Sequential(nn.Sequential(nn.BatchNorm1d(1))))
    assert not has_batch_norm(nn.LayerNorm(1))


def test_meshgrid_is_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        rows, columns = torch_meshgrid(torch.arange(2), torch.arange(3))
    assert rows.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert columns.shape == (2, 3)


def test_tracing():
    assert is_jit_tracing() is False
    assert isinstance(mmcv_full_available(), bool)


def test_tensor2imgs():
    images = torch.zeros(2, 3, 4, 5)
    images[:, 0] = 1
    arrays = tensor2imgs(images, mean=(10, 20, 30), std=(2, 2, 2))
    assert len(arrays) == 2
    assert arrays[0].shape == (4, 5, 3)
    assert arrays[0][0, 0].tolist() == [30, 20, 12]
    assert tensor2imgs(torch.full((1, 1, 2, 2), 300.), to_bgr=False)[0].max() == 255
    for bad in ({'tensor': images[0]}, {'tensor': images[:, :1]}, {'tensor': images, 'mean': (1,)}):
        with pytest.raises(AssertionError):
            tensor2imgs(**bad)


@pytest.fixture
def multi_processing():
    names = 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'
    before = {name: os.environ.pop(name, None) for name in names}
    method = multiprocessing.get_start_method(allow_none=True)
    yield
    multiprocessing.set_start_method(method, force=True)
    for name in names:
        os.environ.pop(name, None)
        if before[name] is not None:
            os.environ[name] = before[name]


def test_set_multi_processing(multi_processing):
    set_multi_processing('spawn')
    assert multiprocessing.get_start_method() == 'spawn'
    assert 'OMP_NUM_THREADS' not in os.environ
    os.environ['MKL_NUM_THREADS'] = '3'
    set_multi_processing('fork', distributed=True)
    assert multiprocessing.get_start_method() == 'fork'
    assert (os.environ['OMP_NUM_THREADS'], os.environ['MKL_NUM_THREADS']) == ('1', '3')


class TestTimeCounter:
    def test_decorator_and_context(self, capsys):
        @TimeCounter(log_interval=2, warmup_interval=1)
        def work(value):
            return value + 1

        assert [work(value) for value in range(4)] == [1, 2, 3, 4]
        assert work.__name__ == 'work'
        assert capsys.readouterr().out.count('[work]-time per run averaged in the past') == 2
        for _ in range(2):
            with TimeCounter(tag='block'):
                pass
        assert TimeCounter.instance_dict['block']._count == 2

    def test_bad_settings(self):
        with pytest.raises(AssertionError, match='tag'), TimeCounter():
            pass
        with pytest.raises(AssertionError, match='warmup_interval'):
            TimeCounter(warmup_interval=0)
