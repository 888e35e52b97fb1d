"""Trade time for memory: activations of chosen modules are computed again instead of kept."""
from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint


def turn_on_activation_checkpointing(model: nn.Module, modules: str | Sequence[str]) -> None:
    """Let modules forget their activations and compute them again in the backward pass.

    Args:
        model: The model.
        modules: Name or names of the modules, as in `model.named_modules()`.

    Raises:
        ValueError: The model has no module of such a name.
    """
    named = dict(model.named_modules())
    for name in [modules] if isinstance(modules, str) else modules:
        if name not in named:
            near = difflib.get_close_matches(name, named, 3)
            raise ValueError(f'model has no submodule named {name!r}' + (f'; near ones: {near}' if near else ''))
        module = named[name]
        module.forward = partial(checkpoint, module.forward, use_reentrant=False)
