"""What counts as a wrapper around a model."""
from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from mmengine.registry import MODEL_WRAPPERS, Registry


def is_model_wrapper(model: nn.Module, registry: Registry = MODEL_WRAPPERS) -> bool:
    """Tell whether a model is wrapped, that is an instance of a class in the registry or in one of its children."""
    if isinstance(model, (DataParallel, DistributedDataParallel)):
        return True
    return any(_is_registered(model, place) for place in (registry, *_descendants(registry)))


def _is_registered(model: nn.Module, registry: Any) -> bool:
    return any(isinstance(wrapper, type) and isinstance(model, wrapper) for wrapper in registry.module_dict.values())


def _descendants(registry: Any) -> list[Any]:
    children = list(registry.children.values())
    return [*children, *(descendant for child in children for descendant in _descendants(child))]


def unwrap(model: Any) -> Any:
    """Take the model out of its wrappers, DistributedDataParallel for example."""
    while is_model_wrapper(model):
        model = model.module
    return model
