"""Parameters, multiply-adds and activations of a model."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from torch import nn

from mmengine.analysis.jit_analysis import JitModelAnalysis
from mmengine.analysis.jit_handles import (
    Handle,
    addmm_flop_jit,
    attention_flop_jit,
    batchnorm_flop_jit,
    bmm_flop_jit,
    conv_flop_jit,
    einsum_flop_jit,
    elementwise_flop_counter,
    generic_activation_jit,
    linear_flop_jit,
    matmul_flop_jit,
    norm_flop_counter,
    rnn_flop_jit,
)
from mmengine.analysis.recording import Inputs
from mmengine.analysis.table import format_table, parameter_rows

#: Operations that fvcore leaves out with a warning, and that are counted here.
BEYOND_FVCORE = ('aten::scaled_dot_product_attention', 'aten::baddbmm', 'aten::mv', 'aten::dot', 'aten::lstm',
                 'aten::gru', 'aten::rnn_tanh', 'aten::rnn_relu')

_DEFAULT_SUPPORTED_FLOP_OPS: dict[str, Handle] = {
    'aten::addmm': addmm_flop_jit,
    'aten::baddbmm': addmm_flop_jit,
    'aten::bmm': bmm_flop_jit,
    'aten::mm': matmul_flop_jit,
    'aten::mv': matmul_flop_jit,
    'aten::dot': matmul_flop_jit,
    'aten::matmul': matmul_flop_jit,
    'aten::linear': linear_flop_jit,
    'aten::einsum': einsum_flop_jit,
    'aten::_convolution': conv_flop_jit,
    'aten::scaled_dot_product_attention': attention_flop_jit,
    **dict.fromkeys(('aten::lstm', 'aten::gru', 'aten::rnn_tanh', 'aten::rnn_relu'), rnn_flop_jit),
    'aten::batch_norm': batchnorm_flop_jit,
    'aten::group_norm': norm_flop_counter(affine_arg_index=2),
    'aten::layer_norm': norm_flop_counter(affine_arg_index=2),
    'aten::instance_norm': norm_flop_counter(affine_arg_index=1),
    'aten::upsample_nearest2d': elementwise_flop_counter(0, 1),
    'aten::upsample_bilinear2d': elementwise_flop_counter(0, 4),
    'aten::adaptive_avg_pool2d': elementwise_flop_counter(1, 0),
    'aten::grid_sampler': elementwise_flop_counter(0, 4),
}
_DEFAULT_SUPPORTED_ACT_OPS: dict[str, Handle] = {
    'aten::_convolution': generic_activation_jit('conv'),
    **{name: generic_activation_jit() for name in ('aten::addmm', 'aten::bmm', 'aten::einsum', 'aten::matmul',
                                                   'aten::linear', *BEYOND_FVCORE)},
}


class FlopAnalyzer(JitModelAnalysis):
    """Counts the multiply-adds of a forward pass; one of them is one flop, as in papers on vision models.

    Convolutions, matrix products and linear layers, einsum, attention, recurrent layers, normalisations, interpolation
    and adaptive pooling are counted. Other operations are listed by `unsupported_ops`; `set_op_handle` adds them.
    The numbers are those of fvcore, but for what that leaves out: the operations `BEYOND_FVCORE`, `nn.RNNCell`,
    convolutions with `padding='same'`, and the broadcasting of the first operand of a matrix product.

    Args:
        model: The model, in training or evaluation mode; on the device 'meta' nothing is computed.
        inputs: Arguments of its `forward`: a tensor, a sequence of arguments, or a dict of them by keyword.

    Examples:
        >>> import torch
        >>> from mmengine.analysis import FlopAnalyzer
        >>> FlopAnalyzer(torch.nn.Linear(8, 3), torch.rand(5, 8)).total()
        120
    """

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**_DEFAULT_SUPPORTED_FLOP_OPS)


class ActivationAnalyzer(JitModelAnalysis):
    """Counts the elements that convolutions, matrix products, attention and recurrent layers of a forward pass give.

    The numbers are those of fvcore, with the exceptions of `FlopAnalyzer`.

    Args:
        model: The model, in training or evaluation mode; on the device 'meta' nothing is computed.
        inputs: Arguments of its `forward`: a tensor, a sequence of arguments, or a dict of them by keyword.

    Examples:
        >>> import torch
        >>> from mmengine.analysis import ActivationAnalyzer
        >>> ActivationAnalyzer(torch.nn.Linear(8, 3), torch.rand(5, 8)).total()
        15
    """

    def __init__(self, model: nn.Module, inputs: Inputs) -> None:
        super().__init__(model, inputs)
        self.set_op_handle(**_DEFAULT_SUPPORTED_ACT_OPS)


def flop_count(model: nn.Module, inputs: tuple[Any, ...], supported_ops: Mapping[str, Handle] | None = None
               ) -> tuple[defaultdict[str, float], Counter[str]]:
    """Count the multiply-adds of a forward pass.

    Args:
        model: The model.
        inputs: Arguments of its `forward`.
        supported_ops: Handles beside the usual ones, see `JitModelAnalysis.set_op_handle`.

    Returns:
        Gigaflops (1e9 multiply-adds) by operation, and how often operations without a handle happened.
    """
    return _in_units(FlopAnalyzer(model, inputs), supported_ops, 1e9)


def activation_count(model: nn.Module, inputs: tuple[Any, ...], supported_ops: Mapping[str, Handle] | None = None
                     ) -> tuple[defaultdict[str, float], Counter[str]]:
    """Count the activations of a forward pass.

    Args:
        model: The model.
        inputs: Arguments of its `forward`.
        supported_ops: Handles beside the usual ones, see `JitModelAnalysis.set_op_handle`.

    Returns:
        Mega-activations (1e6 elements) by operation, and how often operations without a handle happened.
    """
    return _in_units(ActivationAnalyzer(model, inputs), supported_ops, 1e6)


def _in_units(analysis: JitModelAnalysis, supported_ops: Mapping[str, Handle] | None,
              unit: float) -> tuple[defaultdict[str, float], Counter[str]]:
    analysis.set_op_handle(**(supported_ops or {}))
    counts = {name: count / unit for name, count in analysis.by_operator().items()}
    return defaultdict(float, counts), analysis.unsupported_ops()


def parameter_count(model: nn.Module) -> defaultdict[str, int]:
    """Count the parameters of a model.

    Args:
        model: The model.

    Returns:
        Numbers of elements by the name of each parameter and module, '' for the model. A parameter that is used in
        several places counts once, under its first name.
    """
    counts: defaultdict[str, int] = defaultdict(int)
    for name, parameter in model.named_parameters():
        parts = name.split('.')
        for end in range(len(parts) + 1):
            counts['.'.join(parts[:end])] += parameter.numel()
    return counts


def parameter_count_table(model: nn.Module, max_depth: int = 3) -> str:
    """Draw a table of the parameters of a model: their shapes, and the numbers of elements of its modules.

    Args:
        model: The model.
        max_depth: How deep modules and parameters are listed.
    """
    rows = parameter_rows(model, parameter_count(model), max_depth)
    return format_table(['name', '#elements or shape'], rows, title=f'parameter count of {type(model).__name__}')
