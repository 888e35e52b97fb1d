"""Schedules: values beside torch's own, windows, chains, states."""
import math
import random
import warnings

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, lr_scheduler

from mmengine.optim import OptimWrapper, _ParamScheduler, build_optim_wrapper
from mmengine.optim import scheduler as schedules
from mmengine.registry import PARAM_SCHEDULERS

FAMILIES = {
    'Constant': {'factor': 0.5}, 'CosineAnnealing': {'T_max': 4, 'eta_min': 0.01}, 'Exponential': {'gamma': 0.9},
    'CosineRestart': {'periods': [3, 4], 'restart_weights': [1, 0.5], 'eta_min': 0.},
    'Linear': {'start_factor': 0.1}, 'MultiStep': {'milestones': [2, 3, 3]}, 'Poly': {'power': 2}, 'Step': {
        'step_size': 2}, 'OneCycle': {'eta_max': 0.5}, 'ReduceOnPlateau': {'patience': 0, 'monitor': 'loss'},
}


def optimizer_of(lr=0.1, kind=SGD, **kwargs):
    return kind([{'params': [nn.Parameter(torch.ones(1))], 'lr': lr}], lr=lr, **kwargs)


def values(optimizer, schedulers, steps, name='lr'):
    """The values at each step of a training."""
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0][name])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return found


def window(first, steps, begin=0, end=1000):
    """What a schedule `first(step)` of its own count gives within its window."""
    return [first(min(max(step - begin, 0), end - 1 - begin)) for step in range(steps)]


class TestAgainstTorch:
    """The same values as torch's own schedules, at each step of random settings."""

    @staticmethod
    def settings():
        draw = random.Random(0)
        for _ in range(150):
            lr, gamma, steps = draw.uniform(1e-4, 2), draw.uniform(0.1, 1), draw.randint(2, 25)
            size, low = draw.randint(1, 8), draw.uniform(0, 1e-3)
            start, stop, power = draw.uniform(0.01, 1), draw.uniform(0.1, 1), draw.uniform(0.5, 3)
            yield lr, steps, {
                'ExponentialLR': ({'gamma': gamma}, lambda o, g=gamma: lr_scheduler.ExponentialLR(o, g)),
                'StepLR': ({'step_size': size, 'gamma': gamma},
                           lambda o, s=size, g=gamma: lr_scheduler.StepLR(o, s, g)),
                'MultiStepLR': ({'milestones': [size, 2 * size, 2 * size], 'gamma': gamma},
                                lambda o, s=size, g=gamma: lr_scheduler.MultiStepLR(o, [s, 2 * s, 2 * s], g)),
                'CosineAnnealingLR': ({'T_max': steps, 'eta_min': low},
                                      lambda o, s=steps, e=low: lr_scheduler.CosineAnnealingLR(o, s, e)),
                'LinearLR': ({'start_factor': start, 'end_factor': stop, 'end': size + 1},
                             lambda o, a=start, b=stop, s=size: lr_scheduler.LinearLR(o, a, b, s)),
                'ConstantLR': ({'factor': start, 'end': size + 1},
                               lambda o, a=start, s=size: lr_scheduler.ConstantLR(o, a, s)),
                'PolyLR': ({'power': power, 'end': steps + 1},
                           lambda o, p=power, s=steps: lr_scheduler.PolynomialLR(o, s, p)),
                'OneCycleLR': ({'eta_max': lr, 'total_steps': steps + 8, 'pct_start': start},
                               lambda o, m=lr, s=steps, p=start: lr_scheduler.OneCycleLR(
                                   o, m, s + 8, pct_start=p, cycle_momentum=False)),
            }

    def test_values(self):
        for lr, steps, cases in self.settings():
            for name, (kwargs, torchs) in cases.items():
                ours, theirs = optimizer_of(lr), optimizer_of(lr)
                scheduler = PARAM_SCHEDULERS.build({'type': name, 'optimizer': ours, **kwargs})
                expected = values(theirs, [torchs(theirs)], steps)
                assert values(ours, [scheduler], steps) == pytest.approx(expected, rel=1e-8), (name, lr, kwargs)

    def test_three_phases_and_linear(self):
        for kwargs in ({'three_phase': True}, {'anneal_strategy': 'linear'}):
            ours, theirs = optimizer_of(), optimizer_of()
            scheduler = schedules.OneCycleLR(ours, eta_max=0.5, total_steps=20, **kwargs)
            kwargs = {key: value if key == 'three_phase' else 'linear' for key, value in kwargs.items()}
            expected = values(theirs, [lr_scheduler.OneCycleLR(theirs, 0.5, 20, cycle_momentum=False, **kwargs)], 20)
            assert values(ours, [scheduler], 20) == pytest.approx(expected)

    def test_plateau(self):
        draw = random.Random(1)
        for _ in range(30):
            rule, mode = draw.choice([('less', 'min'), ('greater', 'max')])
            kwargs = {'factor': draw.uniform(0.1, 0.9), 'patience': draw.randint(0, 3), 'threshold_rule': draw.choice(
                ['rel', 'abs']), 'threshold': draw.uniform(0, 0.2), 'cooldown': draw.randint(0, 2)}
            ours, theirs = optimizer_of(), optimizer_of()
            scheduler = schedules.ReduceOnPlateauLR(ours, rule=rule, min_value=0.01, **kwargs)
            kwargs['threshold_mode'] = kwargs.pop('threshold_rule')
            expected = lr_scheduler.ReduceLROnPlateau(theirs, mode, min_lr=0.01, **kwargs)
            for _ in range(20):
                loss = draw.uniform(0.5, 1)
                ours.step()
                theirs.step()
                scheduler.step({'loss': loss})
                expected.step(loss)
                assert ours.param_groups[0]['lr'] == pytest.approx(theirs.param_groups[0]['lr'])


class TestWindows:
    @pytest.mark.parametrize(('name', 'kwargs', 'formula'), [
        ('LinearLR', {'start_factor': 0.2, 'end_factor': 0.8}, lambda t, total: 0.2 + 0.6 * t / total),
        ('PolyLR', {'power': 2, 'eta_min': 0.}, lambda t, total: (1 - t / total)**2),
        ('ConstantLR', {'factor': 0.5}, lambda t, total: 1 if t == total else 0.5),
        ('ExponentialLR', {'gamma': 0.7}, lambda t, total: 0.7**t),
    ])
    def test_begin_and_end(self, name, kwargs, formula):
        optimizer = optimizer_of(1.)
        scheduler = PARAM_SCHEDULERS.build({'type': name, 'optimizer': optimizer, 'begin': 3, 'end': 8, **kwargs})
        expected = [1.] * 3 + [formula(min(step, 4), 4) for step in range(7)]
        assert values(optimizer, [scheduler], 10) == pytest.approx(expected)
        assert scheduler.last_step == 4
        assert scheduler.get_last_value() == pytest.approx([expected[-1]])

    def test_warm_up_then_steps(self):
        optimizer = optimizer_of(1.)
        chain = [schedules.LinearLR(optimizer, start_factor=0.1, begin=0, end=5),
                 schedules.MultiStepLR(optimizer, milestones=[6, 8], gamma=0.1)]
        expected = [0.1, 0.325, 0.55, 0.775, 1., 1., 0.1, 0.1, 0.01, 0.01]
        assert values(optimizer, chain, 10) == pytest.approx(expected)

    def test_chained_ones_multiply(self):
        optimizer = optimizer_of(1.)
        chain = [schedules.ExponentialLR(optimizer, gamma=0.9), schedules.ExponentialLR(optimizer, gamma=0.5)]
        assert values(optimizer, chain, 4) == pytest.approx([0.45**step for step in range(4)])

    def test_restarts(self):
        optimizer = optimizer_of(1.)
        scheduler = schedules.CosineRestartLR(optimizer, periods=[4, 4], restart_weights=[1, 0.5], eta_min_ratio=0.1)
        expected = [0.1 + (top - 0.1) * (1 + math.cos(math.pi * step / 4)) / 2 for top in (1, 0.5) for step in range(4)]
        assert values(optimizer, [scheduler], 8) == pytest.approx(expected)
        position = scheduler.get_position_from_periods
        assert [position(step, [10, 20]) for step in (0, 9, 10, 20)] == [0, 0, 1, None]

    def test_factor_of_zero(self):
        optimizer = optimizer_of(1.)
        assert values(optimizer, [schedules.LinearLR(optimizer, start_factor=0, end=5)], 6) == pytest.approx(
            [0, 0.25, 0.5, 0.75, 1, 1])
        optimizer = optimizer_of(1.)
        assert values(optimizer, [schedules.ConstantLR(optimizer, factor=0, end=3)], 4) == [0, 0, 1, 1]

    def test_cosine_rises_again(self):
        optimizer = optimizer_of(1.)
        scheduler = schedules.CosineAnnealingLR(optimizer, T_max=4, eta_min_ratio=0.1)
        expected = [0.1 + 0.9 * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(12)]
        assert values(optimizer, [scheduler], 12) == pytest.approx(expected)
        assert schedules.CosineAnnealingLR(optimizer_of(), begin=2, end=12).T_max == 10


class TestMomentum:
    def test_momentum_and_betas(self):
        optimizer = optimizer_of(momentum=0.8)
        assert values(optimizer, [schedules.StepMomentum(optimizer, step_size=1, gamma=0.5)], 3, 'momentum') == (
            pytest.approx([0.8, 0.4, 0.2]))
        optimizer = optimizer_of(kind=Adam, betas=(0.8, 0.99))
        scheduler = schedules.ExponentialMomentum(optimizer, gamma=0.5)
        assert optimizer.param_groups[0]['betas'] == (0.8, 0.99)
        scheduler_values = values(optimizer, [scheduler], 3, 'betas')
        assert scheduler_values == [pytest.approx((0.8 * 0.5**step, 0.99)) for step in range(3)]

    def test_refuses_others(self):
        with pytest.raises(ValueError, match='optimizer must support momentum'):
            schedules.StepMomentum(optimizer_of(kind=torch.optim.Adagrad), step_size=1)


@pytest.mark.parametrize('family', FAMILIES)
def test_all_kinds_are_registered_and_resume(family, tmp_path):
    kinds = [f'{family}LR', f'{family}ParamScheduler'] + ([] if family == 'OneCycle' else [f'{family}Momentum'])
    for kind in kinds:
        kwargs = dict(FAMILIES[family])
        if kind.endswith('ParamScheduler'):
            kwargs['param_name'] = 'lr'
        name = 'momentum' if kind.endswith('Momentum') else 'lr'

        def build(kind=kind, kwargs=kwargs):
            optimizer = OptimWrapper(optimizer_of(momentum=0.9))
            return optimizer, PARAM_SCHEDULERS.build({'type': kind, 'optimizer': optimizer, 'end': 9, **kwargs})

        def go(optimizer, scheduler, steps, name=name):
            found = []
            for step in range(steps):
                optimizer.step()
                metrics = [{'loss': float(step % 3)}] if hasattr(scheduler, 'need_val_args') else []
                scheduler.step(*metrics)
                found.append(optimizer.param_groups[0][name])
            return found

        optimizer, scheduler = build()
        go(optimizer, scheduler, 3)
        torch.save([scheduler.state_dict(), optimizer.state_dict()], tmp_path / 'state.pth')
        expected = go(optimizer, scheduler, 4)
        other_optimizer, other = build()
        scheduler_state, optimizer_state = torch.load(tmp_path / 'state.pth', weights_only=True)
        other.load_state_dict(scheduler_state)
        other_optimizer.load_state_dict(optimizer_state)
        assert other.last_step == 3 if family != 'ReduceOnPlateau' else True
        other_optimizer.step()
        assert go(other_optimizer, other, 4) == expected


def test_milestones_stay_a_counter():
    scheduler = schedules.MultiStepLR(optimizer_of(), milestones=[1, 2])
    state = scheduler.state_dict()
    assert type(state['milestones']) is dict
    other = schedules.MultiStepLR(optimizer_of(), milestones=[7])
    other.load_state_dict(state)
    assert other.milestones == {1: 1, 2: 1}
    assert other.milestones[5] == 0


@pytest.mark.parametrize(('kind', 'kwargs', 'attributes'), [
    ('MultiStepLR', {'milestones': [1, 2.5]}, {'milestones': {10: 1, 25: 1}}),
    ('StepLR', {'step_size': 2}, {'step_size': 20}),
    ('CosineAnnealingLR', {'T_max': 3, 'eta_min': 0.01}, {'T_max': 30}),
    ('CosineAnnealingLR', {}, {'T_max': 60}),
    ('CosineRestartLR', {'periods': [1, 2], 'restart_weights': [1, 1], 'eta_min': 0}, {'periods': [10, 20]}),
    ('OneCycleLR', {'total_steps': 5, 'eta_max': 1}, {'total_steps': 50}),
    ('OneCycleLR', {'eta_max': 1}, {'total_steps': 60}),
    ('ExponentialLR', {'gamma': 0.9}, {'gamma': 0.9}),
    ('LinearLR', {}, {'total_iters': 59}), ('PolyLR', {}, {'total_iters': 59}), ('ConstantLR', {}, {'total_iters': 59}),
])
def test_from_epochs_to_iterations(kind, kwargs, attributes):
    cls = PARAM_SCHEDULERS.get(kind)
    scheduler = cls.build_iter_from_epoch(optimizer=optimizer_of(), begin=1, end=7, epoch_length=10, **kwargs)
    assert (scheduler.begin, scheduler.end, scheduler.by_epoch) == (10, 70, False)
    assert {name: getattr(scheduler, name) for name in attributes} == attributes
    for bad in ({'epoch_length': 0}, {'epoch_length': None}, {'epoch_length': 10, 'by_epoch': False}):
        with pytest.raises(AssertionError):
            cls.build_iter_from_epoch(optimizer=optimizer_of(), end=7, **kwargs, **bad)
    if kind not in ('OneCycleLR', 'CosineAnnealingLR'):
        assert cls.build_iter_from_epoch(optimizer=optimizer_of(), epoch_length=10, **kwargs).end == int(1e9)


class TestErrors:
    def test_base(self):
        with pytest.raises(NotImplementedError, match='_get_value'):
            _ParamScheduler(optimizer_of(), 'lr')
        with pytest.raises(TypeError, match='should be an Optimizer'):
            _ParamScheduler('optimizer', 'lr')
        with pytest.raises(KeyError, match="'lrr'.*Did you mean 'lr'"):
            schedules.StepParamScheduler(optimizer_of(), 'lrr', step_size=1)
        with pytest.raises(KeyError, match="param 'initial_lr' is not specified"):
            schedules.StepLR(optimizer_of(), step_size=1, last_step=3)
        for end in (0, -1):
            with pytest.raises(ValueError, match='end should be larger than begin'):
                schedules.StepLR(optimizer_of(), step_size=1, end=end)

    @pytest.mark.parametrize(('kind', 'kwargs', 'error'), [
        ('ConstantLR', {'factor': 1.1}, ValueError), ('LinearLR', {'start_factor': -0.1}, ValueError),
        ('LinearLR', {'end_factor': 1.1}, ValueError),
        ('CosineAnnealingLR', {'T_max': 1, 'eta_min': 0, 'eta_min_ratio': 0.1}, AssertionError),
        ('CosineRestartLR', {'periods': [1]}, AssertionError),
        ('CosineRestartLR', {'periods': [1, 2], 'eta_min': 0}, AssertionError),
        ('OneCycleLR', {'eta_max': 1}, ValueError), ('OneCycleLR', {'eta_max': 1, 'total_steps': -1}, ValueError),
        ('OneCycleLR', {'eta_max': 1, 'total_steps': 1.5}, ValueError),
        ('OneCycleLR', {'eta_max': 1, 'total_steps': 5, 'pct_start': 1.1}, ValueError),
        ('OneCycleLR', {'eta_max': 1, 'total_steps': 5, 'anneal_strategy': 'other'}, ValueError),
        ('ReduceOnPlateauLR', {'factor': 1.}, ValueError), ('ReduceOnPlateauLR', {'rule': 'x'}, ValueError),
        ('ReduceOnPlateauLR', {'threshold_rule': 'x'}, ValueError),
        ('ReduceOnPlateauLR', {'min_value': [1, 2]}, ValueError),
        ('ReduceOnPlateauLR', {'by_epoch': False}, AssertionError),
    ])
    def test_settings(self, kind, kwargs, error):
        with pytest.raises(error):
            PARAM_SCHEDULERS.get(kind)(optimizer_of(), **kwargs)

    def test_too_many_steps_of_one_cycle(self):
        optimizer = optimizer_of()
        scheduler = schedules.OneCycleLR(optimizer, eta_max=1, total_steps=2)
        with pytest.raises(ValueError, match='total steps is 2'):
            values(optimizer, [scheduler], 4)

    def test_plateau(self):
        optimizer = optimizer_of()
        scheduler = schedules.ReduceOnPlateauLR(optimizer, monitor='loss')
        optimizer.step()
        assert scheduler.step() is None
        with pytest.raises(TypeError, match='dict'):
            scheduler.step(1)
        with pytest.raises(KeyError, match='loss'):
            scheduler.step({'los': 1})


class TestOrderOfSteps:
    def test_wrong_order_warns(self):
        scheduler = schedules.StepLR(optimizer_of(), step_size=1)
        with pytest.warns(UserWarning, match='how-to-adjust-learning-rate'):
            scheduler.step()

    def test_overwritten_step_warns(self):
        optimizer = optimizer_of()
        scheduler = schedules.StepLR(optimizer, step_size=1)
        old = optimizer.step
        optimizer.step = lambda *args: old(*args)
        optimizer.step()
        with pytest.warns(UserWarning, match='how-to-adjust-learning-rate'):
            scheduler.step()

    def test_right_order_is_quiet(self):
        optimizer = optimizer_of()
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            values(optimizer, [schedules.StepLR(optimizer, step_size=1), lr_scheduler.StepLR(optimizer, 1)], 3)

    def test_accumulation_is_quiet(self):
        parameter = nn.Parameter(torch.ones(1))
        wrapper = OptimWrapper(SGD([parameter], lr=0.1), accumulative_counts=4)
        scheduler = schedules.StepLR(wrapper, step_size=1, by_epoch=False)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            wrapper.update_params(parameter.sum())
            scheduler.step()


def test_base_settings_of_a_wrapper_follow():
    model = nn.Sequential(nn.Linear(1, 1), nn.LayerNorm(1))
    wrapper = build_optim_wrapper(model, {'optimizer': {'type': 'SGD', 'lr': 1., 'weight_decay': 0.1},
                                          'paramwise_cfg': {'custom_keys': {'0': {'lr_mult': 0.5}}}})
    scheduler = schedules.ExponentialLR(wrapper, gamma=0.1)
    wrapper.step()
    scheduler.step()
    assert wrapper.get_lr()['base_lr'] == pytest.approx([0.1])
    assert wrapper.get_lr()['lr'] == pytest.approx([0.05, 0.05, 0.1, 0.1])
    plateau = schedules.ReduceOnPlateauLR(wrapper, min_value=[0.1, 0.2, 0.3, 0.4])
    assert plateau.min_values == [0.1, 0.2, 0.3, 0.4, 0.4]


def test_tensor_rates_are_changed_in_place():
    rate = torch.tensor(1.)
    optimizer = SGD([nn.Parameter(torch.ones(1))], lr=rate)
    scheduler = schedules.ExponentialLR(optimizer, gamma=0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]['lr'] is rate
    assert rate.item() == 0.5
    assert scheduler.get_last_value() == [0.5]


def test_last_step_goes_on():
    whole = optimizer_of(1.)
    expected = values(whole, [schedules.ExponentialLR(whole, gamma=0.5)], 6)
    optimizer = optimizer_of(1.)
    optimizer.param_groups[0]['initial_lr'] = 1.
    optimizer.param_groups[0]['lr'] = expected[2]
    scheduler = schedules.ExponentialLR(optimizer, gamma=0.5, last_step=2)
    assert scheduler.last_step == 3
    assert values(optimizer, [scheduler], 3) == pytest.approx(expected[3:])


def test_verbose(capsys):
    schedules.StepLR(optimizer_of(), step_size=1, verbose=True)
    assert 'Adjusting parameter value of group 0 to 1.0000e-01.' in capsys.readouterr().out
