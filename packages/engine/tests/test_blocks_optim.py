"""Drivers of optimizers: accumulation, clipping, precision, states; and their building."""
import copy
import logging
from unittest.mock import MagicMock

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, Optimizer

from mmengine.logging import MessageHub, MMLogger
from mmengine.optim import (
    AmpOptimWrapper,
    ApexOptimWrapper,
    DefaultOptimWrapperConstructor,
    OptimWrapper,
    OptimWrapperDict,
    build_optim_wrapper,
)
from mmengine.optim.optimizer.builder import TORCH_OPTIMIZERS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS


@pytest.fixture
def warned():
    records = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: records.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def run(wrapper, model, inputs):
    for sample in inputs:
        with wrapper.optim_context(model):
            loss = model(sample[None]).pow(2).mean()
        wrapper.update_params(loss)


class TestAccumulation:
    def test_equals_the_gradient_of_the_whole_batch(self):
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        reference = copy.deepcopy(model)
        inputs = torch.rand(7, 2)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1), accumulative_counts=3)
        wrapper.initialize_count_status(model, 0, 7)
        assert (wrapper._max_counts, wrapper._remainder_counts) == (7, 1)
        run(wrapper, model, inputs)
        assert wrapper.inner_count == 7
        optimizer = SGD(reference.parameters(), lr=0.1)
        for group in (inputs[:3], inputs[3:6], inputs[6:]):
            optimizer.zero_grad()
            reference(group).pow(2).mean().backward()
            optimizer.step()
        assert torch.allclose(model.weight, reference.weight)
        assert torch.allclose(model.bias, reference.bias)

    def test_when_to_update_and_sync(self):
        model = nn.Linear(2, 1)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1), accumulative_counts=3)
        wrapper.initialize_count_status(model, 0, 5)
        updates, syncs = [], []
        for _ in range(5):
            syncs.append(wrapper.should_sync())
            wrapper.backward(model(torch.ones(1, 2)).sum())
            updates.append(wrapper.should_update())
        assert updates == syncs == [False, False, True, False, True]
        assert [scaled(wrapper, at) for at in (0, 2, 3, 4)] == pytest.approx([1 / 3, 1 / 3, 1 / 2, 1 / 2])

    def test_more_iterations_than_announced(self):
        model = nn.Linear(2, 1)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1), accumulative_counts=2)
        wrapper.initialize_count_status(model, 0, 4)
        run(wrapper, model, torch.rand(6, 2))
        assert wrapper.inner_count == 6

    def test_no_sync_while_accumulating(self):
        model = nn.Linear(2, 1)
        model.no_sync = MagicMock()
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1), accumulative_counts=2)
        with wrapper.optim_context(model):
            pass
        assert model.no_sync.call_count == 1
        wrapper._inner_count = 1
        with wrapper.optim_context(model):
            pass
        assert model.no_sync.call_count == 1

    def test_warnings(self, warned):
        model = nn.BatchNorm1d(2)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1), accumulative_counts=3)
        wrapper.initialize_count_status(model, 1, 6)
        assert any('Resumed iteration number' in text for text in warned)
        assert any('Gradient accumulative' in text for text in warned)

    def test_exact_resume_within_a_group(self, warned, tmp_path):
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        inputs = torch.rand(6, 2)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1, momentum=0.9), accumulative_counts=4)
        wrapper.initialize_count_status(model, 0, 6)
        run(wrapper, model, inputs[:2])
        saved = {'model': model.state_dict(), 'optimizer': wrapper.state_dict(), 'progress': wrapper.progress_state()}
        torch.save(saved, tmp_path / 'state.pth')
        run(wrapper, model, inputs[2:])

        state = torch.load(tmp_path / 'state.pth', weights_only=True)
        resumed = nn.Linear(2, 1)
        resumed.load_state_dict(state['model'])
        other = OptimWrapper(SGD(resumed.parameters(), lr=0.5, momentum=0.9), accumulative_counts=4)
        other.load_state_dict(state['optimizer'])
        other.load_progress_state(state['progress'])
        other.initialize_count_status(resumed, 2, 6)
        assert warned == []
        run(other, resumed, inputs[2:])
        assert torch.equal(model.weight, resumed.weight)
        assert other.progress_state() == {'inner_count': 6, 'gradients': None}
        with pytest.raises(ValueError, match='2 parameters'):
            OptimWrapper(SGD([resumed.weight], lr=0.1), accumulative_counts=4).load_progress_state(state['progress'])


def scaled(wrapper, at):
    wrapper._inner_count = at
    return wrapper.scale_loss(torch.tensor(1.)).item()


class TestOptimWrapper:
    def test_clips(self):
        model = nn.Linear(2, 1, bias=False)
        settings = {'max_norm': 0.5}
        wrapper = OptimWrapper(SGD(model.parameters(), lr=1.), clip_grad=settings)
        assert wrapper.clip_grad_kwargs == settings
        before = model.weight.detach().clone()
        wrapper.update_params(model(torch.full((1, 2), 100.)).sum())
        assert (model.weight - before).norm().item() == pytest.approx(0.5, rel=1e-4)
        assert MessageHub.get_current_instance().get_scalar('train/grad_norm').current() == pytest.approx(20000**.5)
        settings = {'type': 'value', 'clip_value': 0.1}
        wrapper = OptimWrapper(SGD(model.parameters(), lr=1.), clip_grad=settings)
        assert settings == {'type': 'value', 'clip_value': 0.1}
        before = model.weight.detach().clone()
        wrapper.update_params(model(torch.full((1, 2), 100.)).sum())
        assert torch.allclose(model.weight, before - 0.1)

    def test_bad_arguments(self):
        optimizer = SGD(nn.Linear(1, 1).parameters(), lr=1.)
        with pytest.raises(AssertionError, match='accumulative_counts'):
            OptimWrapper(optimizer, accumulative_counts=-1)
        with pytest.raises(AssertionError, match='If `clip_grad` is not None'):
            OptimWrapper(optimizer, clip_grad=[])
        with pytest.raises(ValueError, match='clip_grad'):
            OptimWrapper(optimizer, clip_grad={'type': 'other', 'max_norm': 1})

    def test_any_optimizer_will_do(self):
        optimizer = MagicMock(spec=Optimizer)
        optimizer.defaults = {}
        optimizer.param_groups = [{}]
        wrapper = OptimWrapper(optimizer)
        wrapper.zero_grad(set_to_none=True)
        optimizer.zero_grad.assert_called_with(set_to_none=True)
        wrapper.step(closure=None)
        optimizer.step.assert_called_with(closure=None)

    def test_rates_and_states(self):
        model = nn.Linear(1, 1)
        wrapper = OptimWrapper(SGD(model.parameters(), lr=0.1, momentum=0.8))
        assert wrapper.get_lr() == {'lr': [0.1]}
        assert wrapper.get_momentum() == {'momentum': [0.8]}
        assert wrapper.state_dict() == wrapper.optimizer.state_dict()
        assert wrapper.param_groups is wrapper.optimizer.param_groups
        assert wrapper.defaults is wrapper.optimizer.defaults
        assert OptimWrapper(Adam(model.parameters(), betas=(0.7, 0.9))).get_momentum() == {'momentum': [0.7]}
        assert OptimWrapper(torch.optim.Adagrad(model.parameters())).get_momentum() == {'momentum': [0]}

    def test_overridable_steps(self):
        calls = []

        class Own(OptimWrapper):
            def backward(self, loss, **kwargs):
                calls.append('backward')
                super().backward(loss, **kwargs)

            def step(self, **kwargs):
                calls.append('step')
                super().step(**kwargs)

            def zero_grad(self, **kwargs):
                calls.append('zero_grad')
                super().zero_grad(**kwargs)

        model = nn.Linear(1, 1)
        Own(SGD(model.parameters(), lr=0.1)).update_params(model(torch.ones(1, 1)).sum())
        assert calls == ['backward', 'step', 'zero_grad']
        assert 'Type: Own' in repr(Own(SGD(model.parameters(), lr=0.1)))


class TestMixedPrecision:
    def test_bfloat16_on_the_cpu(self):
        model = nn.Linear(2, 1)
        wrapper = AmpOptimWrapper(optimizer=SGD(model.parameters(), lr=0.1), dtype='bfloat16',
                                  clip_grad={'max_norm': 1})
        before = model.weight.detach().clone()
        with wrapper.optim_context(model):
            outputs = model(torch.ones(1, 2))
        assert outputs.dtype == torch.bfloat16
        wrapper.update_params(outputs.float().sum())
        assert not torch.equal(model.weight, before)
        assert not wrapper.loss_scaler.is_enabled()
        assert wrapper.state_dict()['loss_scaler'] == {}
        assert AmpOptimWrapper(optimizer=wrapper.optimizer).cast_dtype is None

    def test_scaled_steps_equal_plain_ones(self):
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        reference = copy.deepcopy(model)
        wrapper = AmpOptimWrapper(loss_scale=8., dtype='bfloat16', optimizer=SGD(model.parameters(), lr=0.1))
        for inputs in torch.rand(3, 4, 2):
            # Scaling alone: no autocast here.
            wrapper.update_params(model(inputs).sum())
        run_plain = SGD(reference.parameters(), lr=0.1)
        torch.manual_seed(0)
        nn.Linear(2, 1)
        for inputs in torch.rand(3, 4, 2):
            run_plain.zero_grad()
            reference(inputs).sum().backward()
            run_plain.step()
        assert torch.allclose(model.weight, reference.weight)
        assert wrapper.loss_scaler.get_scale() == 8

    def test_overflow_skips_the_step(self):
        model = nn.Linear(1, 1)
        wrapper = AmpOptimWrapper(loss_scale={'init_scale': 4.}, dtype='float16',
                                  optimizer=SGD(model.parameters(), lr=0.1))
        before = model.weight.detach().clone()
        wrapper.update_params(model(torch.ones(1, 1)).sum() * float('inf'))
        assert torch.equal(model.weight, before)
        assert wrapper.loss_scaler.get_scale() == 2
        state = wrapper.state_dict()
        other = AmpOptimWrapper(dtype='float16', optimizer=SGD(model.parameters(), lr=0.1))
        other.load_state_dict(state)
        assert other.loss_scaler.get_scale() == 2
        assert 'loss_scaler' in state
        other.load_state_dict(OptimWrapper(other.optimizer).state_dict())

    def test_bad_arguments(self):
        optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.1)
        for bad in ('other', [1], True):
            with pytest.raises(TypeError, match='loss_scale must be of type float'):
                AmpOptimWrapper(optimizer=optimizer, loss_scale=bad)
        with pytest.raises(ValueError, match='dtype'):
            AmpOptimWrapper(optimizer=optimizer, dtype='int8')

    def test_apex_says_what_it_needs(self):
        with pytest.raises(ImportError, match='AmpOptimWrapper'):
            ApexOptimWrapper(optimizer=SGD(nn.Linear(1, 1).parameters(), lr=0.1))


class TestOptimWrapperDict:
    @pytest.fixture
    def both(self):
        models = nn.Linear(1, 1), nn.Linear(1, 1)
        wrappers = {f'optim{number}': OptimWrapper(SGD(model.parameters(), lr=0.1 * number, momentum=0.8))
                    for number, model in enumerate(models, 1)}
        return OptimWrapperDict(**wrappers), wrappers

    def test_what_concerns_one_is_refused(self, both):
        wrapper, _ = both
        loss = torch.tensor(1.)
        for call in (lambda: wrapper.update_params(loss), lambda: wrapper.backward(loss), wrapper.step,
                     lambda: wrapper.optim_context(None).__enter__(), wrapper.should_update, wrapper.should_sync,
                     lambda: wrapper.scale_loss(loss), lambda: wrapper.inner_count):
            with pytest.raises(NotImplementedError, match='should be called'):
                call()

    def test_what_concerns_all(self, both):
        wrapper, wrappers = both
        assert wrapper.get_lr() == {'optim1.lr': [0.1], 'optim2.lr': [0.2]}
        assert wrapper.get_momentum() == {'optim1.momentum': [0.8], 'optim2.momentum': [0.8]}
        assert list(wrapper.keys()) == ['optim1', 'optim2']
        assert dict(wrapper.items()) == wrappers
        assert list(wrapper.values()) == list(wrappers.values())
        assert wrapper['optim1'] is wrappers['optim1']
        assert 'optim1' in wrapper
        assert len(wrapper) == 2
        assert 'name: optim1' in repr(wrapper)
        assert set(wrapper.param_groups) == set(wrapper.defaults) == set(wrappers)
        parameter = wrappers['optim1'].param_groups[0]['params'][0]
        parameter.grad = torch.ones_like(parameter)
        wrapper.zero_grad()
        assert parameter.grad is None
        wrapper.initialize_count_status(None, 2, 4)
        assert all(single._max_counts == 4 for single in wrappers.values())

    def test_states(self, both):
        wrapper, _ = both
        state = copy.deepcopy(wrapper.state_dict())
        state['optim2']['param_groups'][0]['lr'] = 5
        wrapper.load_state_dict(state)
        assert wrapper.get_lr()['optim2.lr'] == [5]
        wrapper['optim1']._inner_count = 3
        progress = wrapper.progress_state()
        wrapper['optim1']._inner_count = 0
        wrapper.load_progress_state(progress)
        assert wrapper['optim1'].inner_count == 3
        with pytest.raises(AssertionError, match="'optim3'.*Did you mean"):
            wrapper.load_state_dict({'optim3': {}})

    def test_only_wrappers(self):
        with pytest.raises(AssertionError, match='`OptimWrapperDict` only accept'):
            OptimWrapperDict(optim1=1)


class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.param = nn.Parameter(torch.ones(1))
        self.dwconv = nn.Conv2d(2, 2, 1, groups=2)
        self.norm = nn.GroupNorm(2, 2)


class Example(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 1, bias=False)
        self.fc = nn.Linear(2, 1)
        self.sub = Sub()
        self.frozen = nn.Linear(1, 1).requires_grad_(False)


BASE = {'optimizer': {'type': 'SGD', 'lr': 0.1, 'weight_decay': 0.01, 'momentum': 0.9}}


def groups_by_name(wrapper, model):
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {names[group['params'][0]]: group for group in wrapper.optimizer.param_groups}


class TestConstructor:
    def test_without_paramwise(self):
        for paramwise in (None, {}):
            model = Example()
            wrapper = build_optim_wrapper(model, {**BASE, 'paramwise_cfg': paramwise})
            assert type(wrapper) is OptimWrapper
            assert len(wrapper.param_groups) == 1
            assert len(wrapper.param_groups[0]['params']) == len(list(model.parameters()))
            assert wrapper.base_param_settings is None

    def test_by_what_a_parameter_belongs_to(self):
        model = Example()
        wrapper = build_optim_wrapper(model, {**BASE, 'paramwise_cfg': {
            'bias_lr_mult': 2, 'bias_decay_mult': 3, 'norm_decay_mult': 0, 'dwconv_decay_mult': 5,
            'flat_decay_mult': 7}})
        settings = {name: (round(group['lr'] / 0.1), round(group['weight_decay'] / 0.01))
                    for name, group in groups_by_name(wrapper, model).items()}
        assert settings == {
            'conv.weight': (1, 1), 'fc.weight': (1, 1), 'fc.bias': (2, 3), 'sub.param': (1, 7),
            'sub.dwconv.weight': (1, 5), 'sub.dwconv.bias': (2, 3), 'sub.norm.weight': (1, 0), 'sub.norm.bias': (1, 0)}
        assert wrapper.get_lr()['base_lr'] == [0.1]
        assert 'base_param_settings' in wrapper.state_dict()
        assert len(wrapper.param_groups) == len(wrapper.optimizer.param_groups) + 1

    def test_custom_keys(self):
        model = Example()
        wrapper = build_optim_wrapper(model, {**BASE, 'paramwise_cfg': {'bias_lr_mult': 9, 'custom_keys': {
            'sub': {'lr_mult': 2}, 'sub.norm': {'lr_mult': 3, 'decay_mult': 0}, 'aub': {}, 'conv': {
                'momentum': 0.5}}}})
        groups = groups_by_name(wrapper, model)
        assert groups['sub.param']['lr'] == pytest.approx(0.2)
        assert groups['sub.norm.bias']['lr'] == pytest.approx(0.3)
        assert groups['sub.norm.bias']['weight_decay'] == 0
        assert groups['conv.weight']['momentum'] == 0.5
        assert groups['sub.dwconv.weight']['momentum'] == 0.5
        assert groups['fc.bias']['lr'] == pytest.approx(0.9)

    def test_resume_keeps_the_base_settings(self):
        cfg = {**BASE, 'paramwise_cfg': {'norm_decay_mult': 0}}
        wrapper = build_optim_wrapper(Example(), cfg)
        wrapper.base_param_settings['lr'] = 0.7
        state = wrapper.state_dict()
        other = build_optim_wrapper(Example(), cfg)
        other.load_state_dict(state)
        assert other.get_lr()['base_lr'] == [0.7]
        assert 'base_param_settings' in state

    def test_bad_configs(self):
        with pytest.raises(TypeError, match='optimizer_cfg'):
            DefaultOptimWrapperConstructor([])
        with pytest.raises(AssertionError, match='`optim_wrapper_cfg` must contain'):
            build_optim_wrapper(Example(), {'type': 'OptimWrapper'})
        with pytest.raises(TypeError, match='paramwise_cfg'):
            DefaultOptimWrapperConstructor(BASE, [1])
        with pytest.raises(TypeError, match='custom_keys'):
            DefaultOptimWrapperConstructor(BASE, {'custom_keys': [1]})
        with pytest.raises(KeyError, match='bias_lr_mult'):
            DefaultOptimWrapperConstructor(BASE, {'bias_lr_mul': 1})
        plain = {'optimizer': {'type': 'SGD', 'lr': 0.1}}
        for paramwise in ({'norm_decay_mult': 0}, {'custom_keys': {'sub': {'decay_mult': 0}}}):
            with pytest.raises(ValueError, match='base_wd'):
                DefaultOptimWrapperConstructor(plain, paramwise)
        with pytest.raises(KeyError):
            build_optim_wrapper(Example(), {**BASE, 'constructor': 'Unknown'})
        with pytest.raises(KeyError):
            build_optim_wrapper(Example(), {'optimizer': {'type': 'Unknown'}})

    def test_config_is_not_changed(self):
        cfg = {'type': 'AmpOptimWrapper', 'dtype': 'bfloat16', 'clip_grad': {'max_norm': 1}, **copy.deepcopy(BASE),
               'paramwise_cfg': {'norm_decay_mult': 0}}
        before = copy.deepcopy(cfg)
        assert isinstance(build_optim_wrapper(Example(), cfg), AmpOptimWrapper)
        assert cfg == before

    def test_shared_parameters(self, warned):
        model = Example()
        model.again = model.fc
        model.sub.again = model.fc
        model.sub.dwconv2 = nn.Conv2d(2, 2, 1, groups=2)
        model.sub.dwconv2.weight = model.sub.dwconv.weight
        with pytest.raises(ValueError, match='more than one'):
            build_optim_wrapper(model, {**BASE, 'paramwise_cfg': {'norm_decay_mult': 0}})
        build_optim_wrapper(model, {**BASE, 'paramwise_cfg': {'norm_decay_mult': 0, 'bypass_duplicate': True}})
        assert any('duplicate' in text for text in warned)

    def test_subclass_has_its_own_keys(self):
        class Layerwise(DefaultOptimWrapperConstructor):
            def add_params(self, params, module, prefix='', is_dcn_module=None):
                params.append({'params': list(module.parameters()), 'lr': self.base_lr * self.paramwise_cfg['rate']})

        OPTIM_WRAPPER_CONSTRUCTORS.register_module(module=Layerwise, force=True)
        try:
            wrapper = build_optim_wrapper(Example(), {**BASE, 'constructor': 'Layerwise', 'paramwise_cfg': {'rate': 3}})
        finally:
            OPTIM_WRAPPER_CONSTRUCTORS.module_dict.pop('Layerwise')
        assert wrapper.get_lr()['lr'] == pytest.approx([0.3])

    def test_first_argument_of_another_name(self):
        class Renamed(SGD):
            def __init__(self, parameters, lr=0.1):
                super().__init__(parameters, lr=lr)

        wrapper = build_optim_wrapper(Example(), {'optimizer': {'type': Renamed, 'lr': 0.2}})
        assert wrapper.get_lr() == {'lr': [0.2]}


def test_optimizers_of_torch_are_registered():
    assert {'ASGD', 'Adadelta', 'Adagrad', 'Adam', 'AdamW', 'Adamax', 'LBFGS', 'Optimizer', 'RMSprop', 'Rprop', 'SGD',
            'SparseAdam'} <= set(TORCH_OPTIMIZERS)
    assert OPTIMIZERS.get('SGD') is SGD
