"""Counts of flops, activations and parameters beside those of fvcore, on the same models."""
import logging
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmengine.analysis import ActivationAnalyzer, FlopAnalyzer, parameter_count
from mmengine.analysis.complexity_analysis import BEYOND_FVCORE

fvcore = pytest.importorskip('fvcore.nn', reason='fvcore, whose counts are compared, is not installed')


class Calling(nn.Module):
    """A model whose forward is a function of itself and the inputs."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *inputs):
        return self.function(self, *inputs)


class Block(nn.Module):
    def __init__(self, width, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, groups=2, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        found = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(found + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.layers = nn.ModuleList([nn.Sequential(Block(8, 16, 1), Block(16, 16, 1)), Block(16, 32, 2)])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(32, 10)
        self.never = nn.Linear(4, 4)

    def forward(self, x):
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.pool(x).flatten(1))


class Attention(nn.Module):
    """Attention of two matrix products, or fused."""

    def __init__(self, fused, width=16, heads=4):
        super().__init__()
        self.fused, self.heads = fused, heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if self.fused:
            found = F.scaled_dot_product_attention(query, key, value)
        else:
            found = torch.matmul(torch.matmul(query, key.transpose(-1, -2)).softmax(-1), value)
        return self.out(found.transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    def __init__(self, fused=False):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(16), Attention(fused), nn.LayerNorm(16)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Dropout(), nn.Linear(32, 16))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


SHARED = nn.Linear(8, 8)


def einsum(equation):
    return Calling(lambda self, *operands: torch.einsum(equation, *operands))


def unet():
    return Calling(lambda self, x: self.up(torch.cat([self.mid(self.down(x)), x[..., ::2, ::2].repeat(1, 2, 1, 1)], 1)),
                   down=nn.Conv2d(4, 8, 3, 2, 1), mid=nn.Sequential(nn.GroupNorm(2, 8), nn.SiLU(), nn.Conv2d(8, 8, 1)),
                   up=nn.ConvTranspose2d(16, 6, 4, stride=2, padding=1, groups=2))


def resized():
    return nn.Sequential(nn.Upsample(scale_factor=2, mode='bilinear'), nn.Conv2d(4, 2, 1), nn.Upsample(scale_factor=2),
                         nn.InstanceNorm2d(2, affine=True), nn.AdaptiveAvgPool2d(3))


def recurrent_cell():
    def run(self, x):
        state = (x.new_zeros(len(x), 5), x.new_zeros(len(x), 5))
        for step in x.unbind(1):
            state = self.cell(step, state)
        return state[0]
    return Calling(run, cell=nn.LSTMCell(8, 5))


IMAGE, TOKENS = (2, 4, 8, 8), (2, 7, 16)
MODELS = {
    'resnet': (ResNet, (2, 3, 64, 48)),
    'resnet, evaluated': (lambda: ResNet().eval(), (2, 3, 64, 48)),
    'transposed convolution and groups': (unet, IMAGE),
    'interpolation': (resized, IMAGE),
    'convolutions of 1 and 3 dimensions': (
        lambda: Calling(lambda self, x: (self.one(x.flatten(2)), self.three(x[:, None])), one=nn.Conv1d(4, 6, 5, 2),
                        three=nn.Conv3d(1, 2, (2, 3, 3),padding=1)), IMAGE),
    'unbatched convolution': (lambda: nn.Conv2d(4, 3, 3), IMAGE[1:]),
    'norms without weights': (
        lambda: nn.Sequential(
            nn.BatchNorm2d(4, affine=False, track_running_stats=False), nn.GroupNorm(2, 4, affine=False),
            nn.LayerNorm(8, elementwise_affine=False), nn.InstanceNorm2d(4)), IMAGE),
    'transformer': (Transformer, TOKENS),
    'transformer layer of torch': (lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval(), TOKENS),
    'attention of torch with weights': (
        lambda: Calling(lambda self, x: self.attention(x, x, x), attention=nn.MultiheadAttention(16, 4)), TOKENS),
    'recurrent cell': (recurrent_cell, (2, 3, 8)),
    'grid sample': (
        lambda: Calling(lambda self, x: F.grid_sample(x, x.new_zeros(2, 5, 6, 2), align_corners=False)), IMAGE),
    'products': (
        lambda: Calling(lambda self, x: (x @ x[0], x[0] @ x[1], x[0].bmm(x[1]), x[0, 0].mm(x[0, 1]),
                                         x[0, 0, 0] @ x[0, 0], torch.addmm(x[0, 0], x[0, 1], x[0, 2]))), IMAGE),
    'shared module': (lambda: nn.Sequential(nn.Sequential(SHARED, nn.GELU()), nn.Sequential(SHARED, nn.Tanh())), IMAGE),
    'module called several times': (
        lambda: Calling(lambda self, x: self.body(self.body(self.body(x))),
                        body=nn.Sequential(nn.Linear(8, 8), nn.ReLU())), IMAGE),
    'module that borrows another': (
        lambda: Calling(lambda self, x: self.user(self, x), own=nn.ModuleList([nn.Linear(8, 8)]),
                        user=Calling(lambda self, owner, x: owner.own[0](owner.own[0](x)))), IMAGE),
    'direct call of forward': (lambda: Calling(lambda self, x: self.layer.forward(x), layer=nn.Linear(8, 3)), IMAGE),
    'replicated': (lambda: nn.DataParallel(nn.Sequential(nn.Linear(8, 3), nn.ReLU())), IMAGE),
    'structured output': (
        lambda: Calling(lambda self, x: {'a': self.layer(x), 'b': [x, (x,)]}, layer=nn.Linear(8, 3)), IMAGE),
}
#: Models with operations that fvcore leaves out.
NOT_ALL_BY_FVCORE = ('transformer layer of torch',)
#: Models in which the caller of a module may not be its owner.
STRUCTURED = ('resnet', 'shared module', 'module called several times', 'module that borrows another', 'replicated')


def analyse(analyzer, model, inputs, mode='owner'):
    return analyzer(model, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False).ancestor_mode(mode)


def compare(model, inputs, mode='owner', exclude=()):
    for ours, theirs in ((FlopAnalyzer, fvcore.FlopCountAnalysis),
                         (ActivationAnalyzer, fvcore.ActivationCountAnalysis)):
        found = analyse(ours, model, inputs, mode).set_op_handle(**dict.fromkeys(exclude))
        expected = analyse(theirs, model, inputs, mode)
        with warnings.catch_warnings():  # fvcore traces, which torch deprecates
            warnings.simplefilter('ignore')
            by_module = expected.by_module_and_operator()
        assert found.by_module_and_operator() == by_module
        assert dict(found.by_module()) == dict(expected.by_module())
        assert found.total() == expected.total()


@pytest.mark.parametrize('name', MODELS)
def test_counts_of_every_module_and_operation(name):
    build, shape = MODELS[name]
    exclude = BEYOND_FVCORE if name in NOT_ALL_BY_FVCORE else ()
    for mode in ('owner', 'caller') if name in STRUCTURED else ('owner',):
        compare(build(), (torch.rand(shape),), mode, exclude)


@pytest.mark.parametrize(('equation', 'shapes'), [
    ('nct,ncp->ntp', [(2, 3, 4), (2, 3, 5)]), ('ij,jk,kl->il', [(2, 3), (3, 5), (5, 7)]),
    ('ij,kl->ijkl', [(2, 3), (5, 7)]), ('ij,ij->ij', [(2, 3), (2, 3)]), ('ij->ji', [(2, 3)]), ('ij->', [(2, 3)]),
    ('bi,bj,bk->bijk', [(4, 2), (4, 3), (4, 5)]), ('ij,jk,kl,lm->im', [(2, 3), (3, 5), (5, 7), (7, 11)]),
    ('i,i->', [(2,), (2,)]), ('...ij,...jk', [(4, 2, 3), (4, 3, 5)]),
    ('...ij,jk->...ik', [(2, 4, 2, 3), (3, 5)]), ('bhid,bhjd->bhij', [(1, 2, 3, 4), (1, 2, 5, 4)])])
def test_einsum(equation, shapes):
    compare(einsum(equation), tuple(torch.rand(shape) for shape in shapes))


def test_einsum_is_exact_where_fvcore_rounds():
    shapes = [(2, 8, 49, 31), (2, 8, 49, 31)]
    inputs = tuple(torch.rand(shape) for shape in shapes)
    ours = analyse(FlopAnalyzer, einsum('bhid,bhjd->bhij'), inputs).total()
    assert ours == 2 * 8 * 49 * 49 * 31
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        assert ours == pytest.approx(fvcore.FlopCountAnalysis(einsum('bhid,bhjd->bhij'), inputs).total(), rel=1e-3)


def written_out(model, inputs):
    """What fvcore counts for a model that does the same without operations beyond it."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return analyse(fvcore.FlopCountAnalysis, model, inputs).total()


def test_fused_attention_counts_as_if_written_out():
    x = torch.rand(TOKENS)
    assert FlopAnalyzer(Transformer(fused=True), x).total() == written_out(Transformer(fused=False), (x,))


class PlainCell(nn.RNNCell):
    def forward(self, x):
        return F.linear(x, self.weight_ih) + F.linear(x.new_zeros(len(x), self.hidden_size), self.weight_hh)


@pytest.mark.parametrize(('layer', 'cell'), [(nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell), (nn.RNN, PlainCell)])
def test_recurrent_layers_count_as_their_cells(layer, cell):
    def both_ways(self, x):
        return [cell(step) for cell in (self.first, self.second) for step in x.unbind(0)]  # one for each direction
    x = torch.rand(6, 3, 8)
    expected = written_out(Calling(both_ways, first=cell(8, 5), second=cell(8, 5)), (x,))
    assert FlopAnalyzer(layer(8, 5, bidirectional=True), x).total() == expected


def test_packed_sequences_count_the_steps_that_there_are():
    layer = nn.LSTM(8, 5, num_layers=2)
    packed = nn.utils.rnn.pack_padded_sequence(torch.rand(6, 2, 8), torch.tensor([6, 2]))
    one = FlopAnalyzer(layer, torch.rand(1, 1, 8)).total()
    assert FlopAnalyzer(layer, (packed,)).total() == one * 8
    assert FlopAnalyzer(nn.GRU(8, 5), (packed,)).total() == FlopAnalyzer(nn.GRU(8, 5), torch.rand(8, 1, 8)).total()


def test_other_products_count_as_matrix_products():
    x = torch.rand(4, 6, 6)
    ours = Calling(lambda self, x: (torch.baddbmm(x, x, x), x[0].mv(x[0, 0]), x[0, 0].dot(x[0, 0]), x[0] @ x,
                                    x @ x[0, 0]))
    theirs = Calling(lambda self, x: (x.bmm(x), x[0] @ x[0, :, :1], x[0, :1] @ x[0, :, :1], x[:1].expand_as(x) @ x,
                                      x @ x[0, :, :1]))
    assert FlopAnalyzer(ours, x).total() == written_out(theirs, (x,))


def test_same_padding_counts_as_padding():
    x = torch.rand(IMAGE)
    assert (FlopAnalyzer(nn.Conv2d(4, 3, 3, padding='same'), x).total()
            == written_out(nn.Conv2d(4, 3, 3, padding=1), (x,)))


def test_parameters():
    for build, _ in MODELS.values():
        model = build()
        assert parameter_count(model) == fvcore.parameter_count(model)


def test_handles_of_fvcore_read_our_values():
    from fvcore.nn import jit_handles
    handles = {'aten::_convolution': jit_handles.conv_flop_jit, 'aten::linear': jit_handles.linear_flop_jit,
               'aten::matmul': jit_handles.matmul_flop_jit, 'aten::batch_norm': jit_handles.batchnorm_flop_jit,
               'aten::einsum': jit_handles.einsum_flop_jit}
    for name in ('resnet', 'transformer', 'transposed convolution and groups'):
        build, shape = MODELS[name]
        analyzer = analyse(FlopAnalyzer, build(), torch.rand(shape))
        assert analyzer.copy().set_op_handle(**handles).by_operator() == analyzer.by_operator()


@pytest.fixture(autouse=True)
def quiet():
    logging.disable(logging.WARNING)  # fvcore warns through the root of logging
    yield
    logging.disable(logging.NOTSET)
