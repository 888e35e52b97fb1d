"""What a model costs, as a table and as a tree."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from mmengine.analysis.complexity_analysis import ActivationAnalyzer, FlopAnalyzer, parameter_count
from mmengine.analysis.jit_analysis import JitModelAnalysis
from mmengine.analysis.recording import Inputs
from mmengine.analysis.table import format_size, format_table, statistics_rows

_format_size = format_size  # upstream's name
_MISSING = 'N/A'


def complexity_stats_table(flops: FlopAnalyzer, max_depth: int = 3, activations: ActivationAnalyzer | None = None,
                           show_param_shapes: bool = True) -> str:
    """Draw a table of the modules of a model: parameters, flops and activations.

    Args:
        flops: Analysis of the flops of the model.
        max_depth: How deep modules are listed.
        activations: Analysis of its activations; without it, that column is left out.
        show_param_shapes: Whether parameters are listed with their shapes.
    """
    statistics = _statistics(flops, activations)
    header = [f'{title} or shape' if title == '#parameters' and show_param_shapes else title for title in statistics]
    columns = [{name: format_size(count) for name, count in column.items()} for column in statistics.values()]
    for column, analysis in zip(columns[1:], (flops, activations), strict=False):
        if analysis is not None:
            column.update(dict.fromkeys(analysis.uncalled_modules(), ''))
    rows = statistics_rows(flops._model, columns, max_depth, show_param_shapes)
    return format_table(['module', *header], rows)


def _statistics(flops: FlopAnalyzer, activations: ActivationAnalyzer | None) -> dict[str, Mapping[str, int | float]]:
    found: dict[str, Mapping[str, int | float]] = {'#parameters': parameter_count(flops._model),
                                                   '#flops': flops.by_module()}
    if activations is not None:
        found['#activations'] = activations.by_module()
    return found


def complexity_stats_str(flops: FlopAnalyzer, activations: ActivationAnalyzer | None = None) -> str:
    """Draw a model as `print` does, with parameters, flops and activations of each module.

    Args:
        flops: Analysis of the flops of the model.
        activations: Analysis of its activations; without it, they are left out.
    """
    uncalled = flops.uncalled_modules()
    statistics = _statistics(flops, activations)
    titles = {'#parameters': '#params', '#flops': '#flops', '#activations': '#acts'}

    def describe(name: str) -> str:
        texts = []
        for title, counts in statistics.items():
            missing = title != '#parameters' and name in uncalled
            count = counts.get(name, 0)
            texts.append(f'{titles[title]}: {_MISSING if missing and not count else format_size(count, 2)}')
        return ', '.join(texts) if any(counts.get(name, 0) for counts in statistics.values()) else ''

    tree = _tree(flops._model, '', '', describe, flops)
    if _MISSING not in tree:
        return tree
    return ('N/A: the module did not run, or its methods were called directly; then what it does is included in its '
            f'caller.\n{tree}')


def _tree(module: nn.Module, name: str, indent: str, describe: Any, flops: JitModelAnalysis) -> str:
    """Draw a module and those below it, each module of the model where it has its first name."""
    inner = f'{indent}  '
    details = [line for line in module.extra_repr().split('\n') if line]
    text = describe(flops.canonical_module_name(name))
    lines = [f'{inner}{line}' for line in (*details, text) if line]
    for key, child in module.named_children():
        path = f'{name}.{key}' if name else key
        lines.append(f'{inner}({key}): {_tree(child, path, inner, describe, flops)}')
    kind = str(module._get_name())  # type: ignore[no-untyped-call]  # torch's own
    if lines == [f'{inner}{line}' for line in details]:
        return f'{kind}({", ".join(details)})' if len(details) < 2 else '\n'.join([f'{kind}(', *lines, f'{indent})'])
    return '\n'.join([f'{kind}(', *lines, f'{indent})'])


def get_model_complexity_info(model: nn.Module,
                              input_shape: Sequence[int] | Sequence[Sequence[int]] | None = None,
                              inputs: Inputs | None = None, show_table: bool = True,
                              show_arch: bool = True) -> dict[str, Any]:
    """Tell what a model costs, from one forward pass.

    Args:
        model: The model, in training or evaluation mode.
        input_shape: Shape of one sample, (3, 224, 224) for example, or a sequence of such shapes for several arguments;
            it is given as a batch of one, on the device and of the dtype of the model.
        inputs: Instead of it, arguments of the model: a tensor, a sequence of arguments, or a dict of them by keyword.
        show_table: Whether a table is drawn.
        show_arch: Whether the model is drawn as a tree.

    Returns:
        Numbers 'flops' (multiply-adds), 'activations' (elements) and 'params' (elements), each also as a text
        ('flops_str' and so on), and the drawings 'out_table' and 'out_arch', '' if not asked for.

    Raises:
        ValueError: Neither or both of `input_shape` and `inputs` are given.

    Examples:
        >>> from torch import nn
        >>> from mmengine.analysis import get_model_complexity_info
        >>> get_model_complexity_info(nn.Conv2d(3, 8, 3), (3, 32, 32))['flops_str']
        '0.194M'
    """
    if input_shape is None and inputs is None:
        raise ValueError('One of "input_shape" and "inputs" should be set.')
    if input_shape is not None and inputs is not None:
        raise ValueError('"input_shape" and "inputs" cannot be both set.')
    given = _made_up(model, input_shape) if inputs is None else inputs  # type: ignore[arg-type]  # checked above
    flops, activations = FlopAnalyzer(model, given), ActivationAnalyzer(model, given)
    recording = flops.record()
    flops.summarize(recording)
    # What is unsupported or never called has just been logged.
    activations.unsupported_ops_warnings(False).uncalled_modules_warnings(False).summarize(recording)
    numbers = {'flops': flops.total(), 'activations': activations.total(), 'params': parameter_count(model)['']}
    return {
        **{key: value for name, count in numbers.items() for key, value in
           ((name, count), (f'{name}_str', format_size(count)))},
        'out_table': complexity_stats_table(flops, activations=activations) if show_table else '',
        'out_arch': complexity_stats_str(flops, activations) if show_arch else '',
    }


def _made_up(model: nn.Module, input_shape: Sequence[int] | Sequence[Sequence[int]]) -> tuple[torch.Tensor, ...]:
    shapes: Any = [input_shape] if all(isinstance(size, int) for size in input_shape) else input_shape
    like = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), torch.empty(0))
    return tuple(torch.rand(1, *shape, device=like.device, dtype=like.dtype) for shape in shapes)
