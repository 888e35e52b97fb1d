"""What a model costs: settings of the analysis, what it leaves behind, and how it is shown."""
import logging
import warnings
from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from mmengine.analysis import (
    ActivationAnalyzer,
    FlopAnalyzer,
    activation_count,
    flop_count,
    get_model_complexity_info,
    parameter_count,
    parameter_count_table,
)
from mmengine.analysis.jit_analysis import JitModelAnalysis
from mmengine.analysis.jit_handles import get_shape
from mmengine.analysis.print_helper import _format_size, complexity_stats_str, complexity_stats_table
from mmengine.logging import MMLogger


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x @ x

    @staticmethod
    def backward(ctx, grad):
        return grad


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.body = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.ReLU(),
                                  nn.Sequential(nn.Linear(32, 10), nn.GELU()))
        self.fc = nn.Linear(8 * 32 * 10, 4)
        self.unused = nn.Sequential(nn.Linear(2, 2))
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.fc(self.body(self.bn(self.conv(x))).flatten(1)) + self.scale.sum()


class Calling(nn.Module):
    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *args, **kwargs):
        return self.function(self, *args, **kwargs)


def quiet(analyzer):
    return analyzer.unsupported_ops_warnings(False).uncalled_modules_warnings(False)


class Log(logging.Handler):
    """The texts that the logger in force got."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())

    def take(self):
        taken, self.texts = self.texts, []
        return taken


@pytest.fixture
def log():
    handler = Log()
    logger = MMLogger.get_instance('analysis')
    logger.addHandler(handler)
    yield handler
    MMLogger._instance_dict.pop('analysis')


IMAGE = torch.rand(1, 3, 32, 32)


class TestResults:
    def test_by_module_and_operator(self):
        analyzer = quiet(FlopAnalyzer(Net(), (IMAGE,)))
        assert analyzer.total() == 419840
        assert analyzer.total('body') == sum(analyzer.by_operator('body').values()) == 147456
        assert analyzer.by_operator() == Counter(conv=286720, linear=92160, batch_norm=40960)
        assert analyzer.by_module()['conv'] == 32 * 32 * 8 * 27
        assert analyzer.by_module()['unused'] == 0
        assert analyzer.by_module_and_operator()['body.2'] == Counter(linear=81920)
        assert analyzer.unsupported_ops() == {'aten::add_': 1, 'aten::gelu': 1, 'aten::sum': 1, 'aten::add': 1}
        assert analyzer.unsupported_ops('body.2') == {'aten::gelu': 1}
        assert analyzer.uncalled_modules() == {'unused', 'unused.0'}

    def test_units_of_the_short_functions(self):
        flops, skipped = flop_count(Net(), (IMAGE,), {'aten::gelu': lambda inputs, outputs: 7e9})
        assert flops['conv'] == 286720 / 1e9
        assert flops['gelu'] == 7
        assert flops['nothing'] == 0
        assert skipped['aten::sum'] == 1
        activations, skipped = activation_count(Net(), (IMAGE,))
        assert activations['conv'] == 16384 / 1e6
        assert skipped['aten::batch_norm'] == 1

    def test_names_that_are_not_there(self):
        analyzer = quiet(FlopAnalyzer(Net(), IMAGE))
        for ask in (analyzer.total, analyzer.by_operator, analyzer.unsupported_ops, analyzer.canonical_module_name):
            with pytest.raises(KeyError, match=r"'bodi' is not among .* Did you mean 'body'"):
                ask('bodi')

    def test_aliases(self):
        layer = nn.Linear(8, 8)
        model = nn.Sequential(nn.Sequential(layer, nn.ReLU()), nn.Sequential(layer, nn.Tanh()))
        analyzer = quiet(FlopAnalyzer(model, torch.rand(2, 8))).ancestor_mode('caller')
        assert analyzer.canonical_module_name('1.0') == '0.0'
        assert analyzer.total('1.0') == 256
        assert analyzer.total('0') == analyzer.total('1') == 128
        assert '1.0' not in analyzer.by_module()


class TestSettings:
    def test_handles(self):
        analyzer = quiet(JitModelAnalysis(nn.Sequential(nn.Linear(4, 2), nn.Sigmoid()), torch.rand(3, 4)))
        assert analyzer.total() == 0
        assert analyzer.unsupported_ops() == {'aten::linear': 1, 'aten::sigmoid': 1}
        analyzer.set_op_handle('aten::sigmoid', lambda inputs, outputs: get_shape(inputs[0])[0] * 100,
                               'aten::linear', lambda inputs, outputs: Counter(mine=len(inputs)))
        assert analyzer.by_operator() == {'sigmoid': 300, 'mine': 3}
        analyzer.set_op_handle(**{'aten::sigmoid': None})
        assert analyzer.by_operator() == {'mine': 3}
        assert not analyzer.unsupported_ops()
        assert analyzer.clear_op_handles().unsupported_ops()['aten::linear'] == 1
        with pytest.raises(TypeError, match='pairs of names and handles'):
            analyzer.set_op_handle('aten::relu')
        with pytest.raises(TypeError, match=r"'aten::relu' should be a function or None, but got 'x'"):
            analyzer.set_op_handle('aten::relu', 'x')

    def test_bad_modes(self):
        analyzer = FlopAnalyzer(nn.Identity(), IMAGE)
        with pytest.raises(ValueError, match=r"ancestor mode: 'x', expected one of 'owner', 'caller'"):
            analyzer.ancestor_mode('x')
        with pytest.raises(ValueError, match='tracer warning mode'):
            analyzer.tracer_warnings('x')

    def test_copy(self):
        analyzer = quiet(FlopAnalyzer(nn.Linear(4, 2), torch.rand(3, 4))).set_op_handle('aten::linear', lambda i, o: 5)
        assert analyzer.copy().total() == 5
        other = analyzer.copy(nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2)), torch.rand(1, 4))
        assert isinstance(other, FlopAnalyzer)
        assert (other.total(), other.total('1')) == (10, 5)
        assert other.clear_op_handles().total() == 0
        assert analyzer.total() == 5
        assert other._enable_warn_uncalled_mods is False

    def test_warnings(self, log):
        analyzer = FlopAnalyzer(Net(), IMAGE)
        analyzer.total()
        found = log.take()
        assert 'Unsupported operator aten::add_ encountered 1 time(s)' in found
        assert [text.split('.')[0] for text in found if 'never' in text] == ['Module never called: unused']
        analyzer.total()
        assert not log.take()
        quiet(analyzer.copy()).total()
        assert not log.take()

    def test_the_model_runs_when_it_has_to(self):
        runs = []
        analyzer = FlopAnalyzer(Calling(lambda self, x: runs.append(x) or self.layer(x), layer=nn.Linear(4, 4)),
                                torch.rand(1, 4))
        assert not runs
        assert analyzer.total() == analyzer.by_module()['layer'] == 16
        assert len(runs) == 1
        analyzer._stats = None
        assert analyzer.total() == 16
        assert len(runs) == 2
        analyzer.set_op_handle('aten::linear', None)
        assert analyzer.total() == 0
        assert len(runs) == 3

    def test_containers_are_not_called_and_not_missed(self, log):
        model = Calling(lambda self, x: self.layers[0](x) + self.named['a'].forward(x),
                        layers=nn.ModuleList([nn.Linear(4, 4)]), named=nn.ModuleDict({'a': nn.Linear(4, 4)}))
        analyzer = FlopAnalyzer(model, torch.rand(1, 4)).ancestor_mode('caller')
        assert analyzer.uncalled_modules() == {'layers', 'named', 'named.a'}
        assert [text.split('. ')[0] for text in log.take() if 'never' in text] == ['Module never called: named.a']

    def test_warnings_of_the_model(self):
        def warn(self, x):
            warnings.warn('mine', stacklevel=1)
            return x
        analyzer = quiet(FlopAnalyzer(Calling(warn), IMAGE))
        with pytest.warns(UserWarning, match='mine'):
            analyzer.total()
        analyzer.copy().tracer_warnings('none').total()


class TestAnyModel:
    def test_course_that_depends_on_the_data(self):
        def run(self, x):
            while x.sum() > 1:
                x = self.layer(x) * 0
            return {'steps': len(x), 'x': x, 'why': 'none'}
        model = Calling(run, layer=nn.Linear(4, 4))
        assert quiet(FlopAnalyzer(model, torch.ones(3, 4))).total() == 48

    def test_inputs_by_keyword(self):
        model = Calling(lambda self, x, twice=False: self.layer(self.layer(x) if twice else x), layer=nn.Linear(4, 4))
        assert FlopAnalyzer(model, dict(x=torch.rand(1, 4), twice=True)).total() == 32
        assert FlopAnalyzer(model, [torch.rand(1, 4)]).total() == 16

    def test_meta_device(self):
        with torch.device('meta'):
            model = nn.Sequential(nn.Conv2d(3, 4096, 3, padding=1), nn.ReLU(), nn.Conv2d(4096, 4096, 3, padding=1))
            found = get_model_complexity_info(model, (3, 1024, 1024), show_table=False, show_arch=False)
        assert found['flops'] == 1024**2 * 4096 * 9 * (3 + 4096)

    def test_own_functions_are_one_operation(self):
        analyzer = quiet(FlopAnalyzer(Calling(lambda self, x: Square.apply(x) @ x), torch.rand(3, 3)))
        assert analyzer.unsupported_ops() == {'prim::PythonOp.Square': 1}
        assert analyzer.total() == 27
        analyzer.set_op_handle('prim::PythonOp.Square', lambda inputs, outputs: get_shape(outputs[0])[0])
        assert analyzer.by_operator() == {'PythonOp.Square': 3, 'matmul': 27}

    @pytest.mark.filterwarnings('ignore:.*torch.jit.*:DeprecationWarning')
    def test_scripted_functions_and_modules(self):
        def square(x: torch.Tensor):
            return x @ x
        x = torch.rand(4, 4)
        model = Calling(lambda self, x: self.f(self.m(x)), f=torch.jit.script(square),
                        m=torch.jit.script(nn.Linear(4, 4)))
        analyzer = quiet(FlopAnalyzer(model, x))
        assert analyzer.total() == 64
        assert analyzer.unsupported_ops() == {'prim::CallFunction': 1}

    def test_compiled_models_and_modules(self):
        model = nn.Sequential(nn.Linear(4, 4), torch.compile(nn.Linear(4, 2), backend='eager'))
        analyzer = quiet(FlopAnalyzer(torch.compile(model, backend='eager'), torch.rand(3, 4)))
        assert analyzer.total() == 72
        assert analyzer.by_module()['_orig_mod.1._orig_mod'] == 24

    @pytest.mark.parametrize('reentrant', [True, False])
    def test_activation_checkpointing(self, reentrant):
        model = Calling(lambda self, x: checkpoint(self.layer, x, use_reentrant=reentrant), layer=nn.Linear(4, 4))
        x = torch.rand(2, 4, requires_grad=True)
        assert FlopAnalyzer(model, x).total('layer') == 32

    def test_model_that_fails(self):
        model = Calling(lambda self, x: Square.apply(self.layer(x)).view(-1, 7), layer=nn.Linear(4, 4))
        apply = torch.autograd.Function.__dict__['apply']
        with pytest.raises(RuntimeError, match='invalid'):
            quiet(FlopAnalyzer(model, torch.rand(4, 4))).total()
        assert not model.layer._forward_hooks
        assert not model.layer._forward_pre_hooks
        assert torch.autograd.Function.__dict__['apply'] is apply
        assert Square.apply(torch.ones(2, 2)).tolist() == [[2, 2], [2, 2]]


class TestNothingIsLeftBehind:
    def test_buffers_and_random_numbers(self):
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout())
        before = {name: value.clone() for name, value in model.state_dict().items()}
        state = torch.get_rng_state()
        FlopAnalyzer(model, torch.rand(3, 4, generator=torch.Generator())).unsupported_ops_warnings(False).total()
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert torch.equal(torch.get_rng_state(), state)
        assert model.training

    def test_tensors_that_a_model_keeps_can_be_trained_with(self):
        def run(self, x):
            if not hasattr(self, 'kept'):
                self.kept = torch.arange(4.) * 2
            return self.layer(x * self.kept)
        model = Calling(run, layer=nn.Linear(4, 4))
        quiet(FlopAnalyzer(model, torch.rand(2, 4))).total()
        model(torch.rand(2, 4, requires_grad=True)).sum().backward()
        assert model.layer.weight.grad is not None


class TestShown:
    def test_sizes(self):
        expected = {0: '0', 100: '100', 101: '0.101K', 12345: '12.345K', 123456: '0.123M', 9999999: '10M',
                    1.2e9: '1.2G', 1.23e12: '1.23T', 1.5e16: '15P', -1234: '-1.234K'}
        assert {size: _format_size(size) for size in expected} == expected
        assert _format_size(1234, 1) == '1.2K'
        assert _format_size(0, hide_zero=True) == ''

    def test_info(self):
        info = get_model_complexity_info(Net(), (3, 32, 32))
        assert {name: info[name] for name in info if 'out' not in name} == {
            'flops': 419840, 'flops_str': '0.42M', 'activations': 18948, 'activations_str': '18.948K', 'params': 10887,
            'params_str': '10.887K'}
        for line in ('| model              | 10.887K              | 0.42M     | 18.948K      |',
                     '|  scale             |  (3,)                |           |              |',
                     '|  bn                |  16                  |  40.96K   |  0           |',
                     '|   body.2.0         |   0.33K              |   81.92K  |   2.56K      |'):
            assert line in info['out_table'].splitlines()
        for line in ('  #params: 10.89K, #flops: 0.42M, #acts: 18.95K', '  (bn): BatchNorm2d(', '    (1): ReLU()',
                     "      (1): GELU(approximate='none')", '    #params: 16, #flops: 40.96K, #acts: 0',
                     '    #params: 6, #flops: N/A, #acts: N/A'):
            assert line in info['out_arch'].splitlines()

    def test_inputs(self):
        options = dict(show_table=False, show_arch=False)
        model = nn.Conv2d(3, 2, 1)
        batch = torch.rand(2, 3, 4, 4)
        for inputs in (batch, (batch,), dict(input=batch)):
            found = get_model_complexity_info(model, inputs=inputs, **options)
            assert (found['flops'], found['out_table'], found['out_arch']) == (2 * 16 * 6, '', '')
        two = Calling(lambda self, x, y: self.layer(x) + y, layer=nn.Linear(4, 4).double())
        assert get_model_complexity_info(two, ((5, 4), (5, 4)), **options)['flops'] == 80
        with pytest.raises(ValueError, match='should be set'):
            get_model_complexity_info(model)
        with pytest.raises(ValueError, match='cannot be both set'):
            get_model_complexity_info(model, (3, 4, 4), batch)

    def test_without_shapes_and_activations(self):
        analyzer = quiet(FlopAnalyzer(Net(), IMAGE))
        table = complexity_stats_table(analyzer, max_depth=1, show_param_shapes=False)
        assert [line.split('|')[1].strip() for line in table.splitlines()[1:-1] if '|' in line] == [
            'module', 'model', 'conv', 'bn', 'body', 'fc', 'unused.0']
        assert '#activations' not in table
        assert '#acts' not in complexity_stats_str(analyzer)
        assert '#acts: 4' in complexity_stats_str(analyzer, quiet(ActivationAnalyzer(Net(), IMAGE)))

    def test_parameters(self):
        model = nn.Sequential(nn.Linear(4, 2), nn.Sequential(nn.Linear(2, 2, bias=False)))
        model[1].append(model[1][0])
        assert parameter_count(model) == {'': 14, '0': 10, '0.weight': 8, '0.bias': 2, '1': 4, '1.0': 4,
                                          '1.0.weight': 4}
        assert parameter_count_table(model, max_depth=2).splitlines() == [
            '   parameter count of Sequential   ',
            '+------------+--------------------+',
            '| name       | #elements or shape |',
            '+------------+--------------------+',
            '| model      | 14                 |',
            '|  0         |  10                |',
            '|   0.weight |   (2, 4)           |',
            '|   0.bias   |   (2,)             |',
            '|  1         |  4                 |',
            '|   1.0      |   4                |',
            '+------------+--------------------+']

