"""Optimizers that configs may name: all of torch, and those of other packages, loaded when they are named."""
from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from typing import Any

import pytest
import torch

from mmengine.optim.optimizer.builder import TORCH_OPTIMIZERS
from mmengine.registry import OPTIMIZERS, Registry

NAMES = {'lion_pytorch': ['Lion'], 'dadaptation': ['DAdaptAdaGrad', 'DAdaptAdam', 'DAdaptSGD'],
         'bitsandbytes': ['AdamW8bit'], 'transformers': ['Adafactor']}
#: What an optimizer needs beside its parameters.
NEEDS: dict[str, dict[str, Any]] = {'SGD': dict(lr=0.1), 'Muon': dict(lr=0.1)}


def test_every_optimizer_of_the_installed_torch() -> None:
    expected = [name for name, kind in vars(torch.optim).items()
                if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)]
    assert sorted(expected) == TORCH_OPTIMIZERS
    for name in expected:
        assert OPTIMIZERS.get(name) is getattr(torch.optim, name)
        if name not in ('Optimizer', 'SparseAdam'):
            parameter = torch.nn.Parameter(torch.ones(2, 2))
            optimizer = OPTIMIZERS.build(dict(type=name, params=[parameter], **NEEDS.get(name, {})))
            loss = parameter.pow(2).sum()
            loss.backward()
            optimizer.step(loss.detach) if name == 'LBFGS' else optimizer.step()
            assert not torch.equal(parameter, torch.ones(2, 2)), name


def test_nothing_is_imported_before_it_is_named() -> None:
    program = ('import sys; import mmengine.optim; from mmengine.registry import OPTIMIZERS; "SGD" in OPTIMIZERS\n'
               f'print([name for name in {list(NAMES)} if name in sys.modules])')
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


@pytest.mark.parametrize('package', NAMES)
def test_those_of_other_packages(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        for name in NAMES[package]:
            own = OPTIMIZERS.get(name)  # torch has an Adafactor too
            assert own is None or own.__module__.startswith('torch.')
        pytest.skip(f'{package} is not installed')
    for name in NAMES[package]:
        kind = OPTIMIZERS.get(name)
        assert kind is not None
        assert kind.__module__.startswith((package, 'torch.')), (name, kind)
        parameter = torch.nn.Parameter(torch.ones(2))
        optimizer = OPTIMIZERS.build(dict(type=name, params=[parameter]))
        assert isinstance(optimizer, torch.optim.Optimizer)
        parameter.sum().backward()
        if package != 'bitsandbytes':  # its steps need an accelerator
            optimizer.step()
            assert not torch.equal(parameter, torch.ones(2))


def test_the_first_of_a_name_wins() -> None:
    """A library's own optimizer that torch has as well by now neither breaks the import nor is lost."""
    registry = Registry('optimizer of a test', scope='test_optim_providers')

    class Adafactor(torch.optim.SGD):
        pass

    registry.register_module(module=Adafactor)
    registry.register_lazy('Adafactor', 'torch.optim:SGD')
    assert registry.get('Adafactor') is Adafactor
    registry.register_lazy('Other', 'torch.optim:SGD')
    registry.register_lazy('Other', 'torch.optim:Adam')
    assert registry.get('Other') is torch.optim.SGD
    registry.register_lazy('Promised', 'torch.optim:SGD')
    registry.register_module(name='Promised', module=Adafactor)
    assert registry.get('Promised') is Adafactor
