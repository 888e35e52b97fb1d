"""Losses of a validation or test, averaged over all samples of all ranks."""
from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import torch

from mmengine.checkpoint.wrappers import unwrap
from mmengine.dataset.batch_size import batch_size_of as batch_size_of
from mmengine.dist import all_gather_object
from mmengine.dist.groups import results_group
from mmengine.structures import BaseDataElement

Place = TypeVar('Place', bound=Hashable)


def loss_step_of(model: Any) -> Any:
    """Get the method of a model that computes losses without training.

    Raises:
        AttributeError: It has none.
    """
    step = getattr(model, 'val_loss_step', None) or getattr(unwrap(model), 'val_loss_step', None)
    if step is None:
        raise AttributeError(f'compute_loss=True needs a model with `val_loss_step(data)`, which returns losses by '
                             f'name: {type(unwrap(model)).__name__} has none (BaseModel has)')
    return step


def split_losses(outputs: Any) -> tuple[Any, dict[str, Any]]:
    """Take losses off predictions, where a model returns them as MMEngine 0.10.5 has it.

    Args:
        outputs: What `val_step` returned. The losses, if any, are the last item: a data element whose only field
            `loss` is a dict of tensors, or lists of tensors, by name.

    Returns:
        The predictions, and the losses by name.
    """
    last: Any = outputs[-1] if isinstance(outputs, (list, tuple)) and outputs else None
    losses = last.get('loss') if isinstance(last, BaseDataElement) and last.keys() == ['loss'] else None
    if isinstance(losses, dict):
        return outputs[:-1], losses
    return outputs, {}


class LossAverages:
    """Averages of losses by name, in which each batch counts by its number of samples.

    Losses stay on their device until the averages are asked for.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[torch.Tensor]] = {}
        self._counts: dict[str, list[int]] = {}

    def add(self, losses: Mapping[str, Any], count: int) -> None:
        """Take the losses of a batch.

        Args:
            losses: Tensors, or lists of tensors whose mean is taken, by name.
            count: Number of samples of the batch.

        Raises:
            TypeError: A value is neither a tensor nor a list of tensors.
        """
        for name, value in losses.items():
            self._values.setdefault(name, []).append(_mean(name, value))
            self._counts.setdefault(name, []).append(count)

    def sums(self) -> dict[str, tuple[float, int]]:
        """Read the sum over the samples of this rank, and their number, of each loss."""
        read = {}
        for name, values in self._values.items():
            counts = torch.tensor(self._counts[name], dtype=torch.float64)
            numbers = torch.stack(values).cpu().double()
            read[name] = float(numbers @ counts), int(counts.sum())
        return read


def average_over_ranks(losses: Mapping[Place, LossAverages]) -> dict[Place, dict[str, float]]:
    """Compute the averages over the samples of all ranks; all of them have to call this.

    Args:
        losses: Losses of each data set, where there are any.

    Returns:
        Averages by name of each data set that any rank has losses of.
    """
    totals: dict[Place, dict[str, tuple[float, int]]] = {}
    for rank in all_gather_object({place: own.sums() for place, own in losses.items()}, group=results_group()):
        for place, sums in rank.items():
            of_set = totals.setdefault(place, {})
            for name, (value, count) in sums.items():
                before = of_set.get(name, (0., 0))
                of_set[name] = before[0] + value, before[1] + count
    return {place: {name: value / max(count, 1) for name, (value, count) in sums.items()}
            for place, sums in totals.items()}


def _mean(name: str, value: Any) -> torch.Tensor:
    parts = list(value) if isinstance(value, (list, tuple)) else [value]
    if not parts or not all(isinstance(part, torch.Tensor) for part in parts):
        raise TypeError(f'the loss {name!r} should be a tensor or a list of tensors, but got {type(value)}')
    return torch.stack([part.detach().float().mean() for part in parts]).mean()
