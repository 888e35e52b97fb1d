"""The helpers for tests."""
import os

import numpy as np
import pytest
import torch
from torch import nn

from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.testing import (
    RunnerTestCase,
    assert_allclose,
    assert_attrs_equal,
    assert_dict_contains_subset,
    assert_dict_has_keys,
    assert_is_norm_layer,
    assert_keys_equal,
    assert_params_all_zeros,
    check_python_script,
)
from mmengine.testing.runner_test_case import ToyModel
from mmengine.visualization import Visualizer


def test_assert_allclose():
    assert_allclose(1., 1)
    assert_allclose([1., 2.], np.array([1., 2.]))
    assert_allclose(torch.tensor([1., float('nan')]), torch.tensor([1., float('nan')], dtype=torch.float64))
    assert_allclose(1., 1.1, atol=0.2, rtol=0)
    with pytest.raises(AssertionError, match='my text'):
        assert_allclose(torch.tensor(1.), 2., msg='my text')


def test_comparisons():
    assert assert_dict_contains_subset({'a': 1, 'b': np.array([1, 2])}, {'b': np.array([1, 2])})
    assert not assert_dict_contains_subset({'a': 1}, {'a': 2})
    assert not assert_dict_contains_subset({'a': 1}, {'b': 1})
    assert assert_attrs_equal(nn.Linear(2, 3), {'in_features': 2})
    assert not assert_attrs_equal(nn.Linear(2, 3), {'other': 2})
    assert assert_dict_has_keys({'a': 1, 'b': 2}, ['a'])
    assert not assert_dict_has_keys({'a': 1}, ['a', 'b'])
    assert assert_keys_equal(['a', 'b'], ['b', 'a'])
    assert not assert_keys_equal(['a'], ['a', 'b'])
    assert assert_is_norm_layer(nn.BatchNorm2d(1))
    assert not assert_is_norm_layer(nn.Linear(1, 1))
    layer = nn.Linear(1, 1, bias=False)
    assert assert_params_all_zeros(layer) is (layer.weight.item() == 0)
    nn.init.zeros_(layer.weight)
    assert assert_params_all_zeros(layer)


def test_check_python_script(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text('import sys\nfrom pathlib import Path\n'
                      'if __name__ == "__main__":\n    Path(sys.argv[1]).write_text(sys.argv[2])\n')
    check_python_script(f'{script} {tmp_path / "out"} a')
    assert (tmp_path / 'out').read_text() == 'a'
    check_python_script(f'python {script} {tmp_path / "out"} b')
    assert (tmp_path / 'out').read_text() == 'b'
    script.write_text('raise ValueError')
    with pytest.raises(ValueError):  # noqa: PT011  # the script's own, without text
        check_python_script(str(script))


class TestRunnerTestCase(RunnerTestCase):
    def test_trains_by_epoch(self):
        assert self.epoch_based_cfg.work_dir == self.temp_dir.name
        runner = self.build_runner(self.epoch_based_cfg)
        runner.train()
        assert isinstance(runner.model, ToyModel)
        assert (runner.epoch, runner.iter) == (2, 8)
        self.clear_work_dir()
        assert os.listdir(self.temp_dir.name) == []

    def test_trains_by_iteration(self):
        runner = self.build_runner(self.iter_based_cfg)
        runner.train()
        assert runner.iter == 12
        assert runner.optim_wrapper._inner_count == runner.optim_wrapper._max_counts == 12
        assert os.path.exists(os.path.join(self.temp_dir.name, 'iter_12.pth'))

    def test_names_are_unique(self):
        assert self.experiment_name != self.experiment_name

    def test_environment_of_a_process_group(self):
        self.setup_dist_env()
        port = int(os.environ['MASTER_PORT'])
        self.setup_dist_env()
        assert int(os.environ['MASTER_PORT']) == port + 1

    def tearDown(self):
        folder = self.temp_dir.name
        super().tearDown()
        assert not os.path.exists(folder)
        assert 'MASTER_PORT' not in os.environ
        for manager in (MMLogger, MessageHub, Visualizer):
            assert len(manager._instance_dict) == 0
        assert all('Toy' not in name for registry in (MODELS, METRICS, DATASETS) for name in registry.module_dict)
