"""How many multiply-adds, or how many activations, an operation costs.

A handle is a function of what an operation takes and gives, two lists of `mmengine.analysis.values.Value`, to a number,
or to a counter of numbers by name. One multiply-add is one flop.
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

Handle = Callable[[list[Any], list[Any]], Counter[str] | int | float]

#: Operations that move, shape, compare or make data, or are as good as free: nothing is said when they have no handle.
_IGNORED_OPS = {f'aten::{name}' for name in re.findall(r'\S+', '''
    Int ScalarImplicit __and__ _local_scalar_dense alias arange bitwise_not cat chunk clamp clamp_ constant_pad_nd
    contiguous copy_ detach detach_ dropout empty eq expand flatten floor floor_divide full full_like gather ge gt index
    index_put_ item lift_fresh masked_fill max narrow new_empty new_full new_zeros nonzero ones permute relu relu_
    remainder reshape roll select size slice split split_with_sizes squeeze stack t to transpose type_as unbind
    unsqueeze unsqueeze_ view zeros zeros_like
''')}


def get_shape(val: Any) -> list[int] | None:
    """Give the shape of a value, None for what is no tensor."""
    sizes = val.type().sizes() if val.isCompleteTensor() else None
    return None if sizes is None else [int(size) for size in sizes]


def _shape(value: Any) -> list[int]:
    """Give the shape of what has to be a tensor."""
    shape = get_shape(value)
    if shape is None:
        raise TypeError(f'expected a tensor, but got {value!r}')
    return shape


def generic_activation_jit(op_name: str | None = None) -> Handle:
    """Make a handle that counts the elements of the first output.

    Args:
        op_name: Name to count under, by default that of the operation.
    """
    def count(inputs: list[Any], outputs: list[Any]) -> Counter[str] | int:
        size = prod(_shape(outputs[0]))
        return size if op_name is None else Counter({op_name: size})

    return count


def addmm_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """Count `addmm(bias, (M, K), (K, N))` and `baddbmm`, batched: M x K x N in each batch."""
    return prod(_shape(inputs[1])) * _shape(inputs[2])[-1]


def linear_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """Count `linear((..., K), (N, K))`: K x N at each place."""
    weight = _shape(inputs[1])
    return prod(_shape(inputs[0])) * (weight[0] if len(weight) == 2 else 1)


def bmm_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """Count `bmm((B, M, K), (B, K, N))`: B x M x K x N."""
    return prod(_shape(inputs[0])) * _shape(inputs[1])[-1]


def matmul_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """Count `matmul` and its relatives, of vectors, matrices and batches that are broadcast: K for each result."""
    return prod(_shape(outputs[0])) * _shape(inputs[0])[-1]


def conv_flop_count(x_shape: list[int], w_shape: list[int], out_shape: list[int], transposed: bool = False) -> int:
    """Count a convolution.

    Args:
        x_shape: Shape (N, C, ...) of the input.
        w_shape: Shape of the weight, (out, in / groups, ...), or (in, out / groups, ...) when transposed.
        out_shape: Shape (N, C, ...) of the output.
        transposed: Whether it is transposed.

    Returns:
        Multiply-adds: one weight of a channel at each place of the output (of the input when transposed).
    """
    places = prod(x_shape[2:] if transposed else out_shape[2:])
    return x_shape[0] * prod(w_shape) * places


def conv_flop_jit(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    """Count a convolution, of any number of dimensions, groups and strides, transposed or not."""
    flops = conv_flop_count(_shape(inputs[0]), _shape(inputs[1]), _shape(outputs[0]), bool(inputs[6].toIValue()))
    return Counter({'conv': flops})


def einsum_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """Count an `einsum` in its cheapest order: half a flop for a product, and half for its sum."""
    equation = inputs[0].toIValue().replace(' ', '')
    operands = [np.broadcast_to(np.float32(0), _shape(value)) for value in inputs[1].node().inputs()]
    path = np.einsum_path(equation, *operands, optimize='optimal')[0][1:]
    terms, result, sizes = _labels(equation, [operand.shape for operand in operands])
    halves = 0
    for step in path:
        chosen = [terms.pop(place) for place in sorted(step, reverse=True)]
        present = set[str]().union(*chosen)
        kept = present & result.union(*terms)
        halves += prod(sizes[label] for label in present) * (max(1, len(chosen) - 1) + (kept != present))
        terms.append(kept)
    return (halves + 1) // 2


def _labels(equation: str, shapes: list[tuple[int, ...]]) -> tuple[list[set[str]], set[str], dict[str, int]]:
    """Resolve an equation: the labels of each operand and of the result, and the size of each label.

    Dimensions behind an ellipsis get labels of their own, '-1' for the last one.
    """
    left, arrow, right = equation.partition('->')
    sizes: dict[str, int] = {}
    terms: list[set[str]] = []
    hidden: set[str] = set()
    for term, shape in zip(left.split(','), shapes, strict=True):
        before, dots, after = term.partition('...')
        labels = list(before) + [str(place) for place in range(len(before + after) - len(shape), 0)] + list(after)
        if dots:
            hidden.update(label for label in labels if label.startswith('-'))
        for label, size in zip(labels, shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
        terms.append(set(labels))
    letters = left.replace('...', '').replace(',', '')
    if not arrow:
        right = '...' + ''.join(letter for letter in letters if letters.count(letter) == 1)
    return terms, set(right.replace('...', '')) | (hidden if '...' in right else set()), sizes


def norm_flop_counter(affine_arg_index: int, input_arg_index: int = 0) -> Handle:
    """Make a handle of a normalisation that finds its statistics: 4 flops an element, 5 with weights.

    Args:
        affine_arg_index: Which argument is the weight.
        input_arg_index: Which argument is the input.
    """
    def count(inputs: list[Any], outputs: list[Any]) -> int:
        affine = get_shape(inputs[affine_arg_index]) is not None
        return prod(_shape(inputs[input_arg_index])) * (5 if affine else 4)

    return count


def batchnorm_flop_jit(inputs: list[Any], outputs: list[Any]) -> int | float | Counter[str]:
    """Count a batch normalisation: as `norm_flop_counter` in training, 1 flop an element (2 with weights) after it."""
    if inputs[5].toIValue():
        return norm_flop_counter(affine_arg_index=1)(inputs, outputs)
    return prod(_shape(inputs[0])) * (1 if get_shape(inputs[1]) is None else 2)


def elementwise_flop_counter(input_scale: float = 1, output_scale: float = 0) -> Handle:
    """Make a handle that counts elements.

    Args:
        input_scale: Flops for each element of the first input.
        output_scale: Flops for each element of the first output.
    """
    def count(inputs: list[Any], outputs: list[Any]) -> int | float:
        flops: int | float = 0
        if input_scale:
            flops += input_scale * prod(_shape(inputs[0]))
        if output_scale:
            flops += output_scale * prod(_shape(outputs[0]))
        return flops

    return count


def attention_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """Count `scaled_dot_product_attention` of (..., L, E), (..., S, E) and (..., S, Ev): its two matrix products.

    As if written out: a mask, also that of `is_causal`, saves nothing.
    """
    query, key, value = (_shape(item) for item in inputs[:3])
    return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def rnn_flop_jit(inputs: list[Any], outputs: list[Any]) -> int:
    """Count `lstm`, `gru`, `rnn_tanh` and `rnn_relu`: every weight matrix once at each step of each sequence."""
    data, second = _shape(inputs[0]), get_shape(inputs[1])
    packed = second is not None and len(second) == 1  # a packed sequence: the second argument is the sizes of its steps
    steps = data[0] if packed else prod(data[:-1])
    weights = [value.node().inputs() for value in inputs if value.node().inputs()][-1]
    return steps * sum(prod(shape) for shape in map(_shape, weights) if len(shape) == 2)
