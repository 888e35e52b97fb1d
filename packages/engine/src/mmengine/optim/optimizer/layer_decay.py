"""Learning rates that fall from the last layer of a model to the first."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import nn

from mmengine.utils.suggest import did_you_mean


class LayerDecay:
    """Multiplies the learning rate of a parameter by `rate ** (number of layers that come after its own)`.

    Howard and Ruder (2018), Universal language model fine-tuning; in this form Clark et al. (2020), ELECTRA, and Bao
    et al. (2022), BEiT.

    What belongs to no layer, the head for example, comes after all of them and keeps its learning rate; the last
    layer has `rate` times that, the one before `rate ** 2`, and so on.

    Args:
        rate: The factor from one layer to the one before, above 0 and at most 1.
        layers: The layers from the input on, by the names of their modules or parameters. A part `*` of a name stands
            for each child in its order, so that `backbone.blocks.*` is as many layers as there are blocks. A list of
            names is one layer. By default the model is asked: `get_layer_depth(name, prefix)` of it, or of one of its
            children, gives the number of a parameter's layer, from 0 on, and the number of all with the head, as
            backbones of MMPretrain have it.

    Raises:
        TypeError: An argument is of another type.
        ValueError: `rate` is out of range.
    """

    def __init__(self, rate: float, layers: Sequence[str | Sequence[str]] | None = None) -> None:
        if not isinstance(rate, (int, float)) or isinstance(rate, bool):
            raise TypeError(f'layer_decay.rate should be a number, but got {rate!r}')
        if not 0 < rate <= 1:
            raise ValueError(f'layer_decay.rate should be above 0 and at most 1, but got {rate}')
        if layers is not None and (isinstance(layers, str) or not isinstance(layers, Sequence)):
            raise TypeError(f'layer_decay.layers should be a list of names, but got {layers!r}')
        self.rate = rate
        self.layers = layers
        self._factors: dict[str, float] = {}

    def read(self, model: nn.Module) -> None:
        """Find the layer of each parameter of a model.

        Args:
            model: The model, without wrappers.

        Raises:
            ValueError: The model has nothing of a name in `layers`; or there are no `layers`, and no
                `get_layer_depth`.
        """
        if self.layers is None:
            self._factors = dict(self._ask(model))
            return
        numbered = [names for entry in self.layers for names in _expanded(model, entry)]
        self._factors = {}
        for place, names in enumerate(numbered):
            factor = self.rate**(len(numbered) - place)
            for parameter, _ in model.named_parameters(remove_duplicate=False):
                if any(parameter == name or parameter.startswith(f'{name}.') for name in names):
                    self._factors.setdefault(parameter, factor)

    def factor(self, parameter: str) -> float:
        """Give what the learning rate of a parameter, named as in `model.named_parameters()`, is multiplied with.

        Args:
            parameter: Full name of the parameter.
        """
        return self._factors.get(parameter, 1.)

    def _ask(self, model: nn.Module) -> Iterator[tuple[str, float]]:
        owners = [(prefix, module) for prefix, module in model.named_modules() if hasattr(module, 'get_layer_depth')]
        if not owners:
            raise ValueError(f"layer_decay needs `layers`, the names of the layers of {type(model).__name__} from the "
                             f"input on, such as ['backbone.stem', 'backbone.blocks.*']: the model has no "
                             f'`get_layer_depth` that tells them')
        for prefix, module in owners:
            depth: Any = module.get_layer_depth
            for name, _ in module.named_parameters(remove_duplicate=False):
                full = f'{prefix}.{name}' if prefix else name
                layer, count = depth(full, f'{prefix}.' if prefix else '')
                yield full, self.rate**(count - 1 - layer)


def _expanded(model: nn.Module, entry: Any) -> list[list[str]]:
    """List the layers that an entry stands for, each by its names."""
    if isinstance(entry, (list, tuple)):
        return [[name for part in entry for names in _expanded(model, part) for name in names]]
    if not isinstance(entry, str):
        raise TypeError(f'layer_decay.layers should hold names or lists of names, but got {entry!r}')
    found = ['']
    for part in entry.split('.'):
        found = [f'{name}.{child}' if name else child for name in found for child in _children(model, name, part)]
    if not found:
        names = [name for name, _ in (*model.named_modules(), *model.named_parameters()) if name]
        raise ValueError(f'layer_decay.layers has {entry!r}, but {type(model).__name__} has no such module or '
                         f'parameter.{did_you_mean(entry, names)}')
    return [[name] for name in found]


def _children(model: nn.Module, name: str, part: str) -> list[str]:
    try:
        module = model.get_submodule(name)
    except AttributeError:  # a parameter has no children
        return []
    if part == '*':
        return [child for child, _ in module.named_children()]
    own = {child for child, _ in (*module.named_children(), *module.named_parameters(recurse=False))}
    return [part] if part in own else []
