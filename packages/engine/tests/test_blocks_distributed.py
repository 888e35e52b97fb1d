"""What two processes do together, over gloo on the CPU."""
import os
import tempfile

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader

import mmengine.dist as dist
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.evaluator import BaseMetric, DumpResults, Evaluator
from mmengine.fileio import load
from mmengine.model import (
    BaseModel,
    MMDistributedDataParallel,
    MMSeparateDistributedDataParallel,
    is_model_wrapper,
)
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS
from mmengine.runner import Runner
from mmengine.testing._internal import MultiProcessTestCase


class Net(BaseModel):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 1)
        self.unused = nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        outputs = self.fc(inputs)
        return {'loss': outputs.pow(2).mean()} if mode == 'loss' else outputs


class Nested(BaseModel):
    """Parameters that the wrapper leaves out, and frozen ones, come before those that get no gradient."""

    def __init__(self):
        super().__init__()
        self.ignored = nn.Linear(2, 1)
        self.frozen = nn.Linear(2, 1).requires_grad_(False)
        self.model = Net()

    def forward(self, inputs, mode='tensor'):
        return self.model(inputs, mode)


class Two(BaseModel):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(2, 1)
        self.other = nn.Linear(2, 1)
        self.activation = nn.ReLU()

    def forward(self, inputs, mode='tensor'):
        return self.one(inputs) + self.other(inputs)

    def train_step(self, data, optim_wrapper):
        log_vars = {}
        for name in ('one', 'other'):
            with optim_wrapper[name].optim_context(getattr(self, name)):
                loss = getattr(self, name)(data['inputs']).pow(2).mean()
            optim_wrapper[name].update_params(loss)
            log_vars[name] = loss.detach()
        return log_vars


class Sizes(BaseMetric):
    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        if results[0] == 'fail':
            raise KeyError('of the main process')
        return {'order': results}


def seeded(cls):
    torch.manual_seed(0)
    return cls()


class TestTwoProcesses(MultiProcessTestCase):
    def setUp(self):
        super().setUp()
        self._spawn_processes()

    def run_test(self, test_name, parent_pipe):
        torch.set_num_threads(1)
        torch.distributed.init_process_group('gloo', init_method=f'file://{self.file_name}', rank=self.rank,
                                             world_size=self.world_size)
        with tempfile.TemporaryDirectory() as self.folder:
            try:
                super().run_test(test_name, parent_pipe)
            finally:
                torch.distributed.destroy_process_group()

    def batches(self):
        """All batches of both processes, and those of this one."""
        every = torch.rand(4, self.world_size, 3, 2, generator=torch.Generator().manual_seed(1))
        return every, every[:, self.rank]

    def reference(self, every, counts=1):
        """The same training in one process, with the batches of both at once."""
        model = seeded(Net)
        optimizer = SGD(model.fc.parameters(), lr=0.1)
        for start in range(0, len(every), counts):
            optimizer.zero_grad()
            model.fc(every[start:start + counts].reshape(-1, 2)).pow(2).mean().backward()
            optimizer.step()
        return model

    def check_gradients_are_averaged(self):
        every, own = self.batches()
        for counts in (1, 2):
            model = MMDistributedDataParallel(seeded(Net), find_unused_parameters=True)
            assert is_model_wrapper(model)
            wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1), accumulative_counts=counts)
            for inputs in own:
                log_vars = model.train_step({'inputs': inputs}, wrapper)
            assert not log_vars['loss'].requires_grad
            expected = self.reference(every, counts)
            assert torch.allclose(model.module.fc.weight, expected.fc.weight, atol=1e-6)
            assert len(model.val_step({'inputs': own[0]})) == len(model.test_step([own[0]])) == 3

    def check_wrappers_come_from_the_registry(self):
        model = MODEL_WRAPPERS.build({'type': 'MMDistributedDataParallel', 'module': seeded(Net),
                                      'detect_anomalous_params': True, 'find_unused_parameters': True})
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1))
        assert set(model.train_step({'inputs': torch.rand(2, 2)}, wrapper)) == {'loss'}

    def check_parameters_without_gradient_are_named(self):
        net = Nested()
        net._ddp_params_and_buffers_to_ignore = ['ignored.weight', 'ignored.bias']
        model = MMDistributedDataParallel(net)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1))
        model.train_step({'inputs': torch.rand(2, 2)}, wrapper)
        with pytest.raises(RuntimeError) as caught:
            model.train_step({'inputs': torch.rand(2, 2)}, wrapper)
        text = str(caught.value)
        assert text.startswith('Expected to have finished reduction in the prior iteration')
        assert ("of Nested got no gradient in the iteration before: ['model.unused.weight', 'model.unused.bias']. "
                'Remove or freeze them') in text
        assert '`find_unused_parameters = True` in the config' in text

    def check_parts_wrapped_apart(self):
        every, own = self.batches()
        model = MMSeparateDistributedDataParallel(seeded(Two))
        assert isinstance(model.module.one, MMDistributedDataParallel)
        assert isinstance(model.module.activation, nn.ReLU)
        wrappers = OptimWrapperDict(**{name: OptimWrapper(SGD(getattr(model.module, name).parameters(), lr=0.1))
                                       for name in ('one', 'other')})
        for inputs in own:
            model.train_step({'inputs': inputs}, wrappers)
        expected = seeded(Two)
        optimizer = SGD(expected.parameters(), lr=0.1)
        for inputs in every:
            optimizer.zero_grad()
            (expected.one(inputs.reshape(-1, 2)).pow(2).mean()
             + expected.other(inputs.reshape(-1, 2)).pow(2).mean()).backward()
            optimizer.step()
        assert torch.allclose(model.module.other.module.weight, expected.other.weight, atol=1e-6)
        assert model.train(False).module.training is False
        with model.no_sync():
            assert model.module.one.require_backward_grad_sync is False
        assert model.module.one.require_backward_grad_sync is True

    def check_parameters_spread_over_processes(self):
        every, own = self.batches()
        model = MODEL_WRAPPERS.build({
            'type': 'MMFullyShardedDataParallel', 'module': seeded(Net), 'sharding_strategy': 'FULL_SHARD',
            'device_id': torch.device('cpu'), 'cpu_offload': False, 'backward_prefetch': 'BACKWARD_POST',
            'mixed_precision': {'type': 'MixedPrecision', 'param_dtype': 'float32'}})
        assert is_model_wrapper(model)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1))
        for inputs in own:
            model.train_step({'inputs': inputs}, wrapper)
        expected = self.reference(every)
        with torch.no_grad():
            predicted = model.val_step({'inputs': own[0]})
            assert torch.allclose(predicted, expected.fc(own[0]), atol=1e-6)
            assert torch.equal(model.test_step([own[0]]), predicted)
            assert torch.allclose(model.val_loss_step({'inputs': own[0]})['loss'], predicted.pow(2).mean())
        for bad, error in (({'sharding_strategy': 'HALF'}, ValueError), ({'mixed_precision': 3}, TypeError),
                           ({'auto_wrap_policy': 'no such'}, ValueError), ({'param_init_fn': 3}, TypeError)):
            with pytest.raises(error, match=next(iter(bad))):
                MODEL_WRAPPERS.build({'type': 'MMFullyShardedDataParallel', 'module': seeded(Net), **bad})

    def check_metrics_are_of_all_and_everywhere(self):
        for device in ('cpu', 'gpu'):  # 'gpu' is the group that trains, on whatever device that is
            path = f'{self.folder}/{device}.pkl'
            evaluator = Evaluator([Sizes(collect_device=device), DumpResults(path, collect_device=device)])
            mine = [{'id': index} for index in range(self.rank, 6, self.world_size)]
            for sample in mine:
                evaluator.process([sample])
            assert evaluator.evaluate(5) == {'toy/order': [{'id': index} for index in range(5)]}
            assert evaluator.metrics[0].results == []
            if self.rank == 0:
                assert load(path) == [{'id': index} for index in range(5)]

    def check_a_failure_reaches_all(self):
        evaluator = Evaluator(Sizes())
        evaluator.process(['fail'])
        expected = KeyError if self.rank == 0 else RuntimeError
        with pytest.raises(expected, match='of the main process'):
            evaluator.evaluate(2)

    def check_losses_of_a_validation_are_of_all(self):
        """The processes have 6 and 5 samples, so that a mean of their means would be another number."""
        torch.manual_seed(0)
        points = torch.rand(11, 2)
        data = [{'inputs': point} for point in points]
        for loader in (DataLoader(data, 4, sampler=DefaultSampler(data, shuffle=False, round_up=False)),
                       DataLoader(data, 11, sampler=range(11 if self.rank == 1 else 0))):
            runner = Runner(seeded(Net), self.folder, val_dataloader=loader, val_cfg={'compute_loss': True},
                            val_evaluator=[], log_level='ERROR')
            metrics = runner.val()
            expected = runner.model.fc(points).pow(2).mean().item()
            assert metrics == {'loss': pytest.approx(expected, rel=1e-6)}

    def check_samplers_divide_the_data(self):
        for sampler in (DefaultSampler(range(7)), DefaultSampler(range(7), round_up=False)):
            parts = dist.all_gather_object(list(sampler))
            assert sorted({index for part in parts for index in part}) == list(range(7))
            lengths = [len(part) for part in parts]
            assert lengths == ([4, 4] if sampler.round_up else [4, 3])
            assert len(sampler) == lengths[self.rank]
        seeds = dist.all_gather_object(InfiniteSampler(range(7)).seed)
        assert seeds[0] == seeds[1]

    def check_zero_redundancy(self):
        model = nn.Linear(4, 4)
        optimizer = OPTIMIZERS.build({'type': 'ZeroRedundancyOptimizer', 'params': model.parameters(),
                                      'optimizer_type': 'SGD', 'lr': 0.1, 'momentum': 0.9})
        model(torch.rand(2, 4)).sum().backward()
        optimizer.step()
        state = optimizer.state_dict()
        assert bool(state) is (self.rank == 0)
        if state:
            assert len(state['state']) == 2

    def test_together(self):
        # In one test: each starts two processes, which import torch anew.
        for name in sorted(vars(type(self))):
            if name.startswith('check_'):
                getattr(self, name)()


class TestFailuresOfProcesses(MultiProcessTestCase):
    """A test that fails in a process must fail here."""

    def setUp(self):
        super().setUp()
        self._spawn_processes()

    def _join_processes(self):
        with pytest.raises(AssertionError) as caught:
            super()._join_processes()
        assert 'in process one' in str(caught.value)
        assert 'process 0 ended with the exit code 3' in str(caught.value)

    def test_failures_are_reported(self):
        if self.rank == 1:
            raise ValueError('in process one')
        os._exit(3)
