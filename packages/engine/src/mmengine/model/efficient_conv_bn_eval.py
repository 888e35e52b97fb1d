"""Convolutions that take on the batch normalisation behind them while it runs in evaluation mode, to save memory."""
from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmengine.logging import print_log
from mmengine.model.sync_batchnorm import _BatchNormXd
from mmengine.utils.suggest import did_you_mean

#: Classes whose own `forward` is known; one that overrides it may do something else.
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, _BatchNormXd)


def turn_on_efficient_conv_bn_eval(model: nn.Module, modules: str | Sequence[str]) -> None:
    """Do as `turn_on_efficient_conv_bn_eval_for_single_model` in parts of a model.

    Args:
        model: The model.
        modules: Name or names of the parts, as in `model.named_modules()`; '' is the model itself.

    Raises:
        ValueError: The model has no part of such a name.
    """
    named = dict(model.named_modules())
    for name in [modules] if isinstance(modules, str) else modules:
        if name not in named:
            raise ValueError(f'{type(model).__name__} has no submodule named {name!r}.{did_you_mean(name, named)}')
        turn_on_efficient_conv_bn_eval_for_single_model(named[name])


def turn_on_efficient_conv_bn_eval_for_single_model(model: nn.Module) -> None:
    """Let each convolution that batch normalisation follows do the work of both, while that is in evaluation mode.

    You et al. (2023), Efficient ConvBN blocks for transfer learning and beyond. With fixed statistics both are one
    linear map: the convolution with the weight `w * gamma / sqrt(var + eps)` and the bias that belongs to it, which are
    computed in each forward pass. Outputs and all gradients, those of gamma and beta too, are the same but for
    rounding; the output of the convolution is not kept for the backward pass, and the normalisation costs
    nothing. In training mode everything is as before.

    The model is changed in place; names, parameters and state dicts stay. Blocks are found by a symbolic trace
    (`torch.fx`). Left alone are a convolution or normalisation that is used more than once, a convolution whose output
    goes elsewhere as well, and classes with a `forward` of their own. A forward hook on the convolution of a block
    sees the normalised output.

    Args:
        model: A module whose forward pass does not branch on the values of tensors; another one is left as it is, with
            a warning.
    """
    try:
        graph = _Tracer().trace(model)
    except Exception as error:  # whatever a forward pass does with what stands for a tensor
        print_log(f'efficient_conv_bn_eval leaves {type(model).__name__} as it is, because it cannot be traced: '
                  f'{type(error).__name__}: {error}. Name smaller parts of the model.', logger='current',
                  level=logging.WARNING)
        return
    blocks = list(_blocks(graph, dict(model.named_modules(remove_duplicate=False))))
    for conv, norm in blocks:
        conv.forward = _ConvForward(conv, norm)
        norm.forward = _NormForward(norm)
    print_log(f'efficient_conv_bn_eval: {len(blocks)} convolutions of {type(model).__name__} take on the batch '
              f'normalisation behind them', logger='current')


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, (*_CONVOLUTIONS, _BatchNorm)) or super().is_leaf_module(m, module_qualified_name)


def _blocks(graph: fx.Graph, modules: dict[str, nn.Module]) -> Iterator[tuple[Any, Any]]:
    """Find convolutions whose output only one normalisation takes, both used once."""
    uses = Counter(id(modules[str(node.target)]) for node in graph.nodes if node.op == 'call_module')
    for node in graph.nodes:
        source = node.args[0] if node.op == 'call_module' and node.args else None
        if not isinstance(source, fx.Node) or source.op != 'call_module' or len(source.users) != 1:
            continue
        conv, norm = modules[str(source.target)], modules[str(node.target)]
        if _is_one_of(conv, _CONVOLUTIONS) and _is_one_of(norm, _NORMS) and uses[id(conv)] == uses[id(norm)] == 1:
            yield conv, norm


def _is_one_of(module: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    # A replaced `forward` of the very module, by activation checkpointing for example, is not known either.
    return 'forward' not in vars(module) and any(isinstance(module, kind) and type(module).forward is kind.forward
                                                 for kind in kinds)


def _is_fixed(norm: Any) -> bool:
    """Tell whether a normalisation uses its running statistics, and not those of the batch."""
    return not norm.training and norm.running_mean is not None


# Objects and not closures: a copy of the model, such as an average of its weights, must get copies that belong to it.


class _ConvForward:
    """The `forward` of a convolution that may do the normalisation too."""

    def __init__(self, conv: Any, norm: Any) -> None:
        self.conv = conv
        self.norm = norm

    def __call__(self, input: torch.Tensor) -> Any:
        conv, norm = self.conv, self.norm
        if not _is_fixed(norm):
            return type(conv).forward(conv, input)
        scale = torch.rsqrt(norm.running_var + norm.eps)
        if norm.affine:
            scale = scale * norm.weight
        shift = (0 if conv.bias is None else conv.bias) - norm.running_mean
        bias = shift * scale if norm.bias is None else torch.addcmul(norm.bias, shift, scale)
        weight = conv.weight * scale.view(-1, *[1] * (conv.weight.dim() - 1))
        return conv._conv_forward(input, weight, bias)


class _NormForward:
    """The `forward` of a normalisation that the convolution before it may have done."""

    def __init__(self, norm: Any) -> None:
        self.norm = norm

    def __call__(self, input: torch.Tensor) -> Any:
        return input if _is_fixed(self.norm) else type(self.norm).forward(self.norm, input)
