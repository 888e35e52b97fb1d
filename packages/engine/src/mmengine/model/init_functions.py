"""Functions that initialise weight and bias of one module, if it has them."""
from __future__ import annotations

import math

import torch
from torch import nn


def _init_bias(module: nn.Module, bias: float) -> None:
    tensor = getattr(module, 'bias', None)
    if isinstance(tensor, torch.Tensor):
        nn.init.constant_(tensor, bias)


def _weight(module: nn.Module) -> torch.Tensor | None:
    weight = getattr(module, 'weight', None)
    return weight if isinstance(weight, torch.Tensor) else None


def _matrix(module: nn.Module) -> torch.Tensor | None:
    """Give the weight, of which the numbers of inputs and outputs are to be told."""
    weight = _weight(module)
    if weight is not None and weight.dim() < 2:
        raise ValueError(f'{type(module).__name__}.weight should have at least 2 dimensions, (outputs, inputs, ...), '
                         f'to be initialised by their numbers, but has the shape {tuple(weight.shape)}')
    return weight


def _check_distribution(distribution: str) -> None:
    if distribution not in ('uniform', 'normal'):
        raise AssertionError(f"distribution should be 'uniform' or 'normal', but got {distribution!r}")


def constant_init(module: nn.Module, val: float, bias: float = 0) -> None:
    """Set the weight to `val` and the bias to `bias`.

    Args:
        module: Module with a weight of any shape, or without.
        val: Value of the weight.
        bias: Value of the bias.
    """
    weight = _weight(module)
    if weight is not None:
        nn.init.constant_(weight, val)
    _init_bias(module, bias)


def xavier_init(module: nn.Module, gain: float = 1, bias: float = 0, distribution: str = 'normal') -> None:
    """Initialise the weight as Glorot and Bengio (2010), Understanding the difficulty of training deep networks.

    Args:
        module: Module with a weight of at least two dimensions.
        gain: Factor.
        bias: Value of the bias.
        distribution: 'uniform' or 'normal'.

    Raises:
        AssertionError: The distribution is unknown.
        ValueError: The weight has fewer than two dimensions.
    """
    _check_distribution(distribution)
    weight = _matrix(module)
    if weight is not None:
        draw = nn.init.xavier_uniform_ if distribution == 'uniform' else nn.init.xavier_normal_
        draw(weight, gain=gain)
    _init_bias(module, bias)


def normal_init(module: nn.Module, mean: float = 0, std: float = 1, bias: float = 0) -> None:
    """Draw the weight from a normal distribution.

    Args:
        module: Module with a weight of any shape, or without.
        mean: Mean.
        std: Standard deviation.
        bias: Value of the bias.
    """
    weight = _weight(module)
    if weight is not None:
        nn.init.normal_(weight, mean, std)
    _init_bias(module, bias)


def trunc_normal_init(module: nn.Module, mean: float = 0, std: float = 1, a: float = -2, b: float = 2,
                      bias: float = 0) -> None:
    """Draw the weight from a normal distribution cut off at `a` and `b`.

    Args:
        module: Module with a weight of any shape, or without.
        mean: Mean of the distribution before it is cut.
        std: Standard deviation of the distribution before it is cut.
        a: Lowest value.
        b: Highest value.
        bias: Value of the bias.
    """
    weight = _weight(module)
    if weight is not None:
        trunc_normal_(weight, mean, std, a, b)
    _init_bias(module, bias)


def uniform_init(module: nn.Module, a: float = 0, b: float = 1, bias: float = 0) -> None:
    """Draw the weight from a uniform distribution between `a` and `b`.

    Args:
        module: Module with a weight of any shape, or without.
        a: Lowest value.
        b: Highest value.
        bias: Value of the bias.
    """
    weight = _weight(module)
    if weight is not None:
        nn.init.uniform_(weight, a, b)
    _init_bias(module, bias)


def kaiming_init(module: nn.Module, a: float = 0, mode: str = 'fan_out', nonlinearity: str = 'relu', bias: float = 0,
                 distribution: str = 'normal') -> None:
    """Initialise the weight as He et al. (2015), Delving deep into rectifiers.

    Args:
        module: Module with a weight of at least two dimensions.
        a: Negative slope of the rectifier, for 'leaky_relu'.
        mode: 'fan_in' keeps the variance of the forward pass, 'fan_out' that of the backward pass.
        nonlinearity: Name of the non-linear function.
        bias: Value of the bias.
        distribution: 'uniform' or 'normal'.

    Raises:
        AssertionError: The distribution is unknown.
        ValueError: The weight has fewer than two dimensions.
    """
    _check_distribution(distribution)
    weight = _matrix(module)
    if weight is not None:
        draw = nn.init.kaiming_uniform_ if distribution == 'uniform' else nn.init.kaiming_normal_
        draw(weight, a=a, mode=mode, nonlinearity=nonlinearity)  # type: ignore[arg-type]  # torch checks the names
    _init_bias(module, bias)


def caffe2_xavier_init(module: nn.Module, bias: float = 0) -> None:
    """Initialise the weight as Caffe2's XavierFill does: uniform, by the number of inputs.

    Args:
        module: Module with a weight of at least two dimensions, or without.
        bias: Value of the bias.
    """
    kaiming_init(module, a=1, mode='fan_in', nonlinearity='leaky_relu', bias=bias, distribution='uniform')


def bias_init_with_prob(prior_prob: float) -> float:
    """Compute the bias that makes a sigmoid give a probability.

    Args:
        prior_prob: The probability, between 0 and 1.

    Raises:
        ValueError: The probability is not between 0 and 1.
    """
    if not 0 < prior_prob < 1:
        raise ValueError(f'prior_prob should be between 0 and 1, but got {prior_prob}')
    return float(-math.log((1 - prior_prob) / prior_prob))


def trunc_normal_(tensor: torch.Tensor, mean: float = 0., std: float = 1., a: float = -2., b: float = 2.
                  ) -> torch.Tensor:
    """Fill a tensor of any shape in place from a normal distribution cut off at `a` and `b`.

    Args:
        tensor: The tensor, of a floating-point dtype.
        mean: Mean of the distribution before it is cut.
        std: Standard deviation of the distribution before it is cut.
        a: Lowest value.
        b: Highest value.

    Returns:
        The tensor.
    """
    return nn.init.trunc_normal_(tensor, mean, std, a, b)
