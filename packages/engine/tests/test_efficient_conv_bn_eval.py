"""Convolutions that take on batch normalisation: the same values and gradients, less kept for the backward pass."""
from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from mmengine.logging import MMLogger
from mmengine.model import ExponentialMovingAverage, convert_sync_batchnorm, revert_sync_batchnorm
from mmengine.model.efficient_conv_bn_eval import (
    _ConvForward,
    turn_on_efficient_conv_bn_eval,
    turn_on_efficient_conv_bn_eval_for_single_model,
)
from mmengine.registry import MODELS
from mmengine.runner import Runner


class Block(nn.Module):
    def __init__(self, channels: int, groups: int = 1, affine: bool = True, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(channels, affine=affine)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(inputs))) + inputs


class OwnConv(nn.Conv2d):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) * 2


class Net(nn.Module):
    """Blocks that can be merged: `stem`, `blocks`. Everything else cannot, each for a reason of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.blocks = nn.Sequential(Block(4), Block(4, groups=2), Block(4, affine=False), Block(4, bias=False))
        self.twice = Block(4)
        self.branching, self.norm_of_branch = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.own, self.norm_of_own = OwnConv(4, 4, 1), nn.BatchNorm2d(4)
        self.bare = nn.Conv2d(4, 4, 1)
        self.transposed, self.norm_of_transposed = nn.ConvTranspose2d(4, 4, 2), nn.BatchNorm2d(4)
        self.unfixed = nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2, track_running_stats=False))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        found = self.blocks(self.stem(inputs))
        found = self.twice(self.twice(found))
        branch = self.branching(found)
        found = self.norm_of_branch(branch) + branch
        found = self.norm_of_own(self.own(self.bare(found)))
        return self.unfixed(self.norm_of_transposed(self.transposed(found)))


class OneByOne(nn.Module):
    def __init__(self, dims: int) -> None:
        super().__init__()
        self.conv = getattr(nn, f'Conv{dims}d')(2, 3, 1)
        self.norm = getattr(nn, f'BatchNorm{dims}d')(3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(inputs))


def make(kind: Callable[[], nn.Module] = Net) -> nn.Module:
    torch.manual_seed(0)
    model = kind()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor in (module.running_mean, module.running_var, module.weight, module.bias):
                if tensor is not None:
                    nn.init.uniform_(tensor, 0.5, 2)
    return model.double().eval()  # so that what differs is no rounding


def merged(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(vars(module).get('forward'), _ConvForward)]


def values_and_gradients(model: nn.Module, inputs: torch.Tensor) -> list[torch.Tensor]:
    inputs = inputs.clone().requires_grad_()
    outputs = model(inputs)
    outputs.pow(2).sum().backward()
    found = [outputs.detach(), inputs.grad, *(parameter.grad for parameter in model.parameters())]
    model.zero_grad()
    assert all(tensor is not None for tensor in found)
    return found  # type: ignore[return-value]  # checked above


PICTURES = torch.rand(2, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_values_and_gradients_are_the_same() -> None:
    plain, model = make(), make()
    turn_on_efficient_conv_bn_eval_for_single_model(model)
    assert merged(model) == ['stem.0', *(f'blocks.{index}.conv' for index in range(4)), 'unfixed.0']
    for one, other in zip(values_and_gradients(plain, PICTURES), values_and_gradients(model, PICTURES), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-9)
    assert list(model.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize('dims', [1, 2, 3])
def test_all_numbers_of_dimensions(dims: int) -> None:
    plain, model = make(lambda: OneByOne(dims)), make(lambda: OneByOne(dims))
    turn_on_efficient_conv_bn_eval(model, '')
    assert merged(model) == ['conv']
    inputs = torch.rand(2, 2, *[4] * dims, dtype=torch.float64)
    for one, other in zip(values_and_gradients(plain, inputs), values_and_gradients(model, inputs), strict=True):
        torch.testing.assert_close(other, one)


def test_training_mode_is_as_before() -> None:
    plain, model = make().train(), make().train()
    turn_on_efficient_conv_bn_eval_for_single_model(model)
    for one, other in zip(values_and_gradients(plain, PICTURES), values_and_gradients(model, PICTURES), strict=True):
        assert torch.equal(one, other)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    model.stem.eval()  # part by part, as detectors keep the norms of their backbone fixed
    plain.stem.eval()
    torch.testing.assert_close(model(PICTURES), plain(PICTURES))


def kept_bytes(model: nn.Module) -> int:
    """Bytes kept for the backward pass that are no parameters."""
    own = {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        outputs = model(torch.rand(2, 8, 32, 32, dtype=torch.float64))
    assert outputs.requires_grad
    return sum(kept.values())


def test_less_is_kept_for_the_backward_pass() -> None:
    def blocks() -> nn.Module:
        return nn.Sequential(*(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
                               for _ in range(4)))

    plain, model = make(blocks), make(blocks)
    turn_on_efficient_conv_bn_eval_for_single_model(model)
    picture = 2 * 8 * 32 * 32 * 8
    assert kept_bytes(plain) - kept_bytes(model) > 3.5 * picture  # one output of each of the four convolutions


def test_copies_belong_to_themselves() -> None:
    model = make(lambda: OneByOne(2))
    turn_on_efficient_conv_bn_eval_for_single_model(model)
    inputs = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    expected = model(inputs)
    average = ExponentialMovingAverage(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), average.module):
        assert torch.equal(other(inputs), expected)
        other.norm.running_mean += 1
        assert not torch.equal(other(inputs), expected)
        assert torch.equal(model(inputs), expected)


def test_synchronised_norms() -> None:
    model = make(lambda: OneByOne(2))
    inputs = torch.rand(1, 2, 4, 4, dtype=torch.float64)
    expected = model(inputs)
    for converted in (convert_sync_batchnorm(copy.deepcopy(model)),
                      revert_sync_batchnorm(convert_sync_batchnorm(copy.deepcopy(model)))):
        converted.eval()
        turn_on_efficient_conv_bn_eval_for_single_model(converted)
        assert merged(converted) == ['conv']
        torch.testing.assert_close(converted(inputs), expected)


@pytest.fixture
def warned() -> Iterator[list[str]]:
    records: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def test_what_cannot_be_traced_is_left_alone(warned: list[str]) -> None:
    class Branches(OneByOne):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return super().forward(inputs) if inputs.sum() > 0 else inputs

    model = Branches(2)
    turn_on_efficient_conv_bn_eval_for_single_model(model)
    assert merged(model) == []
    assert 'efficient_conv_bn_eval leaves Branches as it is, because it cannot be traced: TraceError' in warned[0]
    with pytest.raises(ValueError, match=r"Branches has no submodule named 'cnv'.*'conv'"):
        turn_on_efficient_conv_bn_eval(model, ['cnv'])


def test_the_config_names_parts(make_runner: Callable[..., Runner]) -> None:
    class Tall(MODELS.get('LineModel')):  # type: ignore[misc]  # the class of this task
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv1d(8, 8, 1), nn.BatchNorm1d(8))

        def forward(self, inputs: Any, target: Any = None, mode: str = 'tensor') -> Any:
            hidden = self.body(self.first(torch.stack(inputs))[:, :, None])[:, :, 0]
            outputs = self.last(self.drop(self.norm(hidden)))
            return dict(loss=(outputs - torch.stack(target)).pow(2).mean()) if mode == 'loss' else list(outputs)

    runner = make_runner(model=Tall(), efficient_conv_bn_eval=['body'], activation_checkpointing='body')
    runner.train()
    assert merged(runner.model) == ['body.0']
    assert 'forward' in vars(runner.model.body)
