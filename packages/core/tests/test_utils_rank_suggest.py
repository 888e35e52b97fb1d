"""Rank without torch, and the nearest names to a misspelt one."""
from __future__ import annotations

import subprocess
import sys

import pytest

from mmengine.utils import did_you_mean, nearest
from mmengine.utils.rank import get_local_rank, get_rank, get_world_size, is_main_process


def test_without_anything_this_is_the_only_process():
    assert (get_rank(), get_world_size(), get_local_rank()) == (0, 1, 0)
    assert is_main_process()


def test_launcher_tells_by_environment_variables(monkeypatch: pytest.MonkeyPatch):
    for variable, value in {'RANK': '3', 'WORLD_SIZE': '8', 'LOCAL_RANK': '1'}.items():
        monkeypatch.setenv(variable, value)
    assert (get_rank(), get_world_size(), get_local_rank()) == (3, 8, 1)
    assert not is_main_process()


def test_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('RANK', '')
    assert get_rank() == 0


def test_nonsense_in_a_variable_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('RANK', 'first')
    with pytest.raises(ValueError, match="environment variable RANK is 'first', expected an integer"):
        get_rank()


def test_asking_does_not_import_torch():
    code = 'import sys; from mmengine.utils.rank import get_rank; get_rank(); print("torch" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'False'


def test_process_group_goes_before_the_environment(tmp_path, monkeypatch: pytest.MonkeyPatch):
    distributed = pytest.importorskip('torch.distributed')
    monkeypatch.setenv('RANK', '5')
    assert get_rank() == 5
    distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        assert (get_rank(), get_world_size()) == (0, 1)
    finally:
        distributed.destroy_process_group()
    assert get_rank() == 5


def test_nearest_names_come_best_first():
    names = ['ResNet', 'ResNeXt', 'ResNetV1d', 'VGG']
    assert nearest('Resnet', names)[0] == 'ResNet'
    assert 'VGG' not in nearest('Resnet', names)
    assert nearest('resnet', names, n=1) == ['ResNet']
    assert nearest('xyz', names) == []
    assert nearest('a', []) == []


def test_names_that_differ_in_case_only_are_all_found():
    assert nearest('adam', ['ADAM', 'Adam'], n=2) == ['ADAM', 'Adam']
    assert nearest('adam', ['ADAM', 'Adam', 'adaM'], n=2) == ['ADAM', 'Adam']


def test_end_of_a_message():
    assert did_you_mean('lr_rate', ['lr_ratio', 'lr_rates']).startswith(" Did you mean '")
    assert did_you_mean('momentun', ['momentum', 'lr']) == " Did you mean 'momentum'?"
    assert did_you_mean('lr', ['Lr', 'LR']) == " Did you mean 'Lr' or 'LR'?"
    assert did_you_mean('lr', ['Lr', 'LR', 'lR']) == " Did you mean 'Lr', 'LR' or 'lR'?"
    assert did_you_mean('xyz', ['momentum']) == ''
