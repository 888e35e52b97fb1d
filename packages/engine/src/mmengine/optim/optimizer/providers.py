"""The optimizers that configs may name: all of the installed torch, and those of other packages where installed."""
from __future__ import annotations

import inspect
from importlib.util import find_spec

import torch

from mmengine.registry import OPTIMIZERS

#: package -> module and names of its optimizers.
_THIRD_PARTY = {
    'dadaptation': ('dadaptation', ('DAdaptAdaGrad', 'DAdaptAdam', 'DAdaptSGD')),
    'lion_pytorch': ('lion_pytorch', ('Lion',)),
    'sophia': ('sophia', ('SophiaG',)),
    'bitsandbytes': ('bitsandbytes.optim', (
        'AdamW8bit', 'Adam8bit', 'Adagrad8bit', 'PagedAdam8bit', 'PagedAdamW8bit', 'LAMB8bit', 'LARS8bit',
        'RMSprop8bit', 'Lion8bit', 'PagedLion8bit', 'SGD8bit')),
    'transformers': ('transformers', ('Adafactor',)),
}


def promise_torch_optimizers() -> list[str]:
    """Promise the optimizers of the installed torch to the registry, and list their names.

    A promise gives way to an optimizer that somebody registers by the same name, and to an earlier promise, so that
    a new optimizer in torch never breaks the import of a library that has had one of that name before.
    """
    names = sorted(name for name, member in vars(torch.optim).items()
                   if inspect.isclass(member) and issubclass(member, torch.optim.Optimizer))
    for name in names:
        OPTIMIZERS.register_lazy(name, f'torch.optim:{name}')
    return names


def promise_third_party_optimizers(package: str) -> list[str]:
    """Promise the optimizers of a package, which is imported with the first of them; none if it isn't installed.

    Args:
        package: Name by which the package is imported.
    """
    module, names = _THIRD_PARTY[package]
    if find_spec(package) is None:
        return []
    for name in names:
        OPTIMIZERS.register_lazy(name, f'{module}:{name}')
    return list(names)
