"""Models: steps, losses, devices, preprocessing, averages, batch normalisation."""
import logging
import math
import pickle

import pytest
import torch
from torch import nn

from mmengine.logging import MMLogger
from mmengine.model import (
    BaseAveragedModel,
    BaseDataPreprocessor,
    BaseModel,
    BaseTTAModel,
    ExponentialMovingAverage,
    ImgDataPreprocessor,
    MomentumAnnealingEMA,
    StochasticWeightAverage,
    convert_sync_batchnorm,
    detect_anomalous_params,
    is_model_wrapper,
    merge_dict,
    revert_sync_batchnorm,
    stack_batch,
)
from mmengine.model.utils import _BatchNormXd
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from mmengine.structures import InstanceData


class Net(BaseModel):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fc = nn.Linear(2, 1)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        outputs = self.fc(inputs)
        if mode == 'loss':
            return {'loss_a': (outputs - 1).pow(2), 'loss_b': [outputs.sum(), outputs.mean()], 'acc': outputs.mean()}
        return outputs if mode == 'tensor' else list(outputs)


class WarningsOf:
    """What is logged at WARNING and above by the current logger."""

    def __enter__(self):
        self.records = []
        self.handler = logging.Handler(logging.WARNING)
        self.handler.emit = lambda record: self.records.append(record.getMessage())
        MMLogger.get_current_instance().addHandler(self.handler)
        return self.records

    def __exit__(self, *error):
        MMLogger.get_current_instance().removeHandler(self.handler)


class TestSteps:
    def test_train_step_updates_and_returns_detached_tensors(self):
        torch.manual_seed(0)
        model, reference = Net(), Net()
        reference.load_state_dict(model.state_dict())
        wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        inputs = torch.rand(4, 2)
        log_vars = model.train_step({'inputs': inputs}, wrapper)
        assert list(log_vars) == ['loss', 'loss_a', 'loss_b', 'acc']
        assert all(isinstance(value, torch.Tensor) and not value.requires_grad for value in log_vars.values())
        assert log_vars['loss'] == log_vars['loss_a'] + log_vars['loss_b']

        outputs = reference.fc(inputs)
        ((outputs - 1).pow(2).mean() + outputs.sum() + outputs.mean()).backward()
        for parameter in reference.parameters():
            parameter.data.sub_(0.1 * parameter.grad)
        assert all(torch.allclose(one, two) for one, two in
                   zip(model.parameters(), reference.parameters(), strict=True))

    def test_predictions(self):
        model = Net()
        for step in (model.val_step, model.test_step):
            assert len(step({'inputs': torch.rand(3, 2)})) == 3
            assert len(step([torch.rand(3, 2)])) == 3
        with pytest.raises(TypeError, match='list, tuple or dict'):
            model.val_step(1)

    def test_parse_losses(self):
        model = Net()
        total, log_vars = model.parse_losses({'loss': torch.tensor(1.), 'loss_x': [torch.tensor([2., 4.])], 'acc':
                                              torch.tensor(7.)})
        assert total == 4
        assert log_vars == {'loss': 4, 'loss_x': 3, 'acc': 7}
        with pytest.raises(TypeError, match='loss_x is not a tensor'):
            model.parse_losses({'loss_x': 1.})
        with pytest.raises(ValueError, match="'acc'"):
            model.parse_losses({'acc': torch.tensor(1.)})

    def test_forward_must_be_implemented(self):
        class Without(BaseModel):
            pass
        with pytest.raises(TypeError):
            Without()


class TestDataPreprocessor:
    def test_choice(self):
        assert isinstance(Net().data_preprocessor, BaseDataPreprocessor)
        assert isinstance(Net(data_preprocessor={'type': 'ImgDataPreprocessor'}).data_preprocessor,
                          ImgDataPreprocessor)
        assert Net(data_preprocessor={'non_blocking': True}).data_preprocessor._non_blocking is True
        own = nn.Identity()
        assert Net(data_preprocessor=own).data_preprocessor is own
        with pytest.raises(TypeError, match='data_preprocessor should be'):
            Net(data_preprocessor=1)

    def test_device_follows_the_model(self):
        for args, kwargs in ((['meta'], {}), ([], {'device': 'meta'}), ([torch.device('meta'), torch.float16], {}),
                             ([torch.zeros(1, device='meta')], {})):
            model = Net().cpu()
            model.child = Net()
            assert model.data_preprocessor.device == torch.device('cpu')
            assert model.to(*args, **kwargs) is model
            assert model.data_preprocessor._device == model.child.data_preprocessor._device == torch.device('meta')
        assert model.to(torch.float64).data_preprocessor.device == torch.device('meta')
        preprocessor = BaseDataPreprocessor()
        assert preprocessor.to('meta').device == torch.device('meta')
        assert preprocessor.cpu().device == torch.device('cpu')

    def test_casts_nested_containers(self):
        preprocessor = BaseDataPreprocessor().to('meta')
        data = preprocessor({'a': [torch.rand(1), 'text'], 'b': (torch.rand(1), None, 3),
                             'c': InstanceData(x=torch.rand(2))})
        assert data['a'][0].device.type == 'meta'
        assert data['a'][1] == 'text'
        assert data['b'][1:] == (None, 3)
        assert data['c'].x.device.type == 'meta'

    @pytest.mark.parametrize(('kwargs', 'message'), [
        ({'mean': [0, 0], 'std': [1, 1]}, '`mean` should have'),
        ({'mean': [0], 'std': [1, 1]}, '`std` should have'),
        ({'bgr_to_rgb': True, 'rgb_to_bgr': True}, '`bgr2rgb` and `rgb2bgr`'),
        ({'mean': [0]}, 'mean and std should be'),
    ])
    def test_bad_settings(self, kwargs, message):
        with pytest.raises(AssertionError, match=message):
            ImgDataPreprocessor(**kwargs)

    def test_images(self):
        preprocessor = ImgDataPreprocessor(mean=[1, 2, 3], std=[2, 2, 2], pad_size_divisor=4, pad_value=9,
                                           bgr_to_rgb=True)
        assert preprocessor.state_dict() == {}
        images = [torch.randint(0, 255, (3, 3, 5), dtype=torch.uint8), torch.randint(0, 255, (3, 2, 6),
                                                                                      dtype=torch.uint8)]
        samples = [object(), object()]
        batch = preprocessor({'inputs': images, 'data_samples': samples})
        assert batch['data_samples'] == samples
        assert batch['inputs'].shape == (2, 3, 4, 8)
        for image, result in zip(images, batch['inputs'], strict=True):
            height, width = image.shape[1:]
            expected = (image.flip(0).float() - torch.tensor([1., 2., 3.]).view(3, 1, 1)) / 2
            assert torch.equal(result[:, :height, :width], expected)
            assert (result[:, height:] == 9).all()
            assert (result[..., width:] == 9).all()
        stacked = preprocessor({'inputs': torch.stack([images[0], images[0]])})
        assert torch.equal(stacked['inputs'][0, :, :, :5], batch['inputs'][0, :, :, :5])
        assert stacked['inputs'].shape == (2, 3, 4, 8)
        assert stacked['data_samples'] is None

    def test_bad_images(self):
        preprocessor = ImgDataPreprocessor(mean=[1, 2, 3], std=[2, 2, 2])
        for bad in ([torch.rand(1, 2, 2)], torch.rand(2, 1, 2, 2)):
            with pytest.raises(AssertionError, match='If the mean has 3 values'):
                preprocessor({'inputs': bad})
        with pytest.raises(AssertionError, match='NCHW'):
            preprocessor({'inputs': torch.rand(2, 3, 4)})
        with pytest.raises(TypeError, match='list/tuple'):
            preprocessor({'inputs': [1]})
        plain = ImgDataPreprocessor()
        assert not plain._enable_normalize
        assert not hasattr(plain, 'mean')


def test_stack_batch():
    batch = stack_batch([torch.ones(1, 2, 5), torch.ones(1, 3, 4)], pad_size_divisor=2, pad_value=7)
    assert batch.shape == (2, 1, 4, 6)
    assert batch[0].sum() == 10 + 7 * 14
    volume = stack_batch([torch.ones(2, 1, 2, 3), torch.ones(2, 4, 2, 1)])
    assert volume.shape == (2, 2, 4, 2, 3)
    for bad in ((torch.ones(1, 1),), [], [torch.ones(1, 1), torch.ones(1, 1, 1)], [torch.ones(1, 1), torch.ones(2, 1)]):
        with pytest.raises(AssertionError):
            stack_batch(bad)


class TestAverages:
    def test_exponential(self):
        model = nn.Linear(1, 1)
        average = ExponentialMovingAverage(model, momentum=0.3)
        expected = None
        for step in range(5):
            nn.init.constant_(model.weight, float(step))
            average.update_parameters(model)
            expected = float(step) if expected is None else 0.7 * expected + 0.3 * step
        assert math.isclose(float(average.module.weight), expected, rel_tol=1e-6)
        assert int(average.steps) == 5
        assert not average.module.weight.requires_grad
        assert torch.equal(average(torch.ones(1, 1)), average.module(torch.ones(1, 1)))

    def test_stochastic_is_the_mean(self):
        model = nn.Linear(1, 1)
        average = StochasticWeightAverage(model)
        for step in range(4):
            nn.init.constant_(model.weight, float(step))
            average.update_parameters(model)
        assert math.isclose(float(average.module.weight), 1.5, rel_tol=1e-6)

    def test_momentum_anneals(self):
        model = nn.Linear(1, 1)
        average = MomentumAnnealingEMA(model, momentum=0.1, gamma=2)
        expected = 0.
        for step in range(6):
            nn.init.constant_(model.weight, float(step))
            average.update_parameters(model)
            momentum = 1 if step == 0 else max(0.1, 2 / (2 + step))
            expected += momentum * (step - expected)
        assert math.isclose(float(average.module.weight), expected, rel_tol=1e-6)

    def test_interval(self):
        model = nn.Linear(1, 1)
        average = ExponentialMovingAverage(model, momentum=0.5, interval=3)
        values = []
        for step in range(7):
            nn.init.constant_(model.weight, float(step))
            average.update_parameters(model)
            values.append(float(average.module.weight))
        assert values == [0, 0, 0, 1.5, 1.5, 1.5, 3.75]

    @pytest.mark.parametrize('update_buffers', [True, False])
    def test_buffers(self, update_buffers):
        model = nn.BatchNorm1d(1)
        average = ExponentialMovingAverage(model, momentum=0.5, update_buffers=update_buffers)
        for step in range(2):
            model.running_mean.fill_(step)
            model.num_batches_tracked.fill_(step)
            average.update_parameters(model)
        assert float(average.module.running_mean) == (0.5 if update_buffers else 1)
        assert int(average.module.num_batches_tracked) == 1

    def test_steps_go_on_after_loading_and_moving(self):
        model = nn.Linear(1, 1)
        average = ExponentialMovingAverage(model, momentum=0.5)
        for _ in range(3):
            average.update_parameters(model)
        state = {key: value.clone() for key, value in average.state_dict().items()}
        assert set(state) == {'module.weight', 'module.bias', 'steps'}
        for other in (ExponentialMovingAverage(model, momentum=0.5), pickle.loads(pickle.dumps(average))):
            other.load_state_dict(state)
            other.update_parameters(model)
            assert int(other.steps) == 4
        average.to(torch.float64)
        average.steps.fill_(9)
        average.update_parameters(model)
        assert int(average.steps) == 10

    def test_bad_settings(self):
        model = nn.Linear(1, 1)
        for momentum in (0., 1., -1.):
            with pytest.raises(AssertionError, match='momentum must be in range'):
                ExponentialMovingAverage(model, momentum=momentum)
        with pytest.raises(AssertionError, match='gamma must be greater than 0'):
            MomentumAnnealingEMA(model, gamma=-1)
        with WarningsOf() as warned:
            ExponentialMovingAverage(model, momentum=0.9)
        assert 'usually a small number' in warned[0]

    def test_registered(self):
        for average in (StochasticWeightAverage, ExponentialMovingAverage, MomentumAnnealingEMA):
            assert MODELS.get(average.__name__) is average
            assert issubclass(average, BaseAveragedModel)


def test_sync_batchnorm_there_and_back():
    class Strict(nn.Sequential):
        def add_module(self, name, module):
            if name in self._modules:
                raise ValueError('there already')
            super().add_module(name, module)

    model = Strict(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm2d(2, affine=False))).eval()
    model[1].running_mean.fill_(3)
    inputs = torch.rand(2, 1, 3, 3)
    expected = model(inputs)
    synced = convert_sync_batchnorm(model)
    assert isinstance(synced[1], nn.SyncBatchNorm)
    assert isinstance(synced[2][0], nn.SyncBatchNorm)
    reverted = revert_sync_batchnorm(synced)
    assert type(reverted[1]) is _BatchNormXd
    assert not reverted[1].training
    assert torch.equal(reverted(inputs), expected)
    assert type(revert_sync_batchnorm(nn.SyncBatchNorm(2))) is _BatchNormXd
    with pytest.raises(ValueError, match='torch'):
        convert_sync_batchnorm(model, implementation='other')


def test_detect_anomalous_params():
    model = nn.ModuleDict({'used': nn.Linear(1, 1), 'unused': nn.Linear(1, 1), 'frozen': nn.Linear(1, 1)})
    model['frozen'].requires_grad_(False)
    loss = model['used'](torch.ones(1, 1)).sum()
    assert detect_anomalous_params(loss, model) == ['unused.weight', 'unused.bias']


def test_model_wrappers():
    assert not is_model_wrapper(nn.Linear(1, 1))
    assert is_model_wrapper(nn.DataParallel(nn.Linear(1, 1)))


def test_merge_dict():
    assert merge_dict({'a': 1}, {'a': 2, 'b': 3}, {}) == {'a': 2, 'b': 3}


class TestTestTimeAugmentation:
    class Summing(BaseTTAModel):
        def merge_preds(self, data_samples_list):
            return [sum(predictions) for predictions in data_samples_list]

    class Echo(BaseModel):
        def forward(self, inputs, data_samples=None, mode='tensor'):
            return [value + (data_samples[0] if data_samples else 0) for value in inputs]

    def test_merges(self):
        model = self.Summing(self.Echo())
        assert model.test_step({'inputs': [[1, 2], [10, 20]]}) == [11, 22]
        assert model.test_step(([[1, 2], [10, 20]], [[100], [200]])) == [311, 322]
        with pytest.raises(TypeError, match='dict, tuple or a list'):
            model.test_step(1)
        with pytest.raises(NotImplementedError):
            model.forward(None)

    def test_bad_module(self):
        with pytest.raises(TypeError):
            self.Summing(1)
        with pytest.raises(AssertionError, match='test_step'):
            self.Summing(nn.Linear(1, 1))
