"""Ranks that wait for each other need the same number of batches: a check before the first one."""
from __future__ import annotations

from typing import Any

from torch import nn

from mmengine.dist import all_gather_object, is_distributed
from mmengine.model import is_model_wrapper


def check_batches(model: nn.Module, dataloader: Any) -> None:
    """Check that all ranks have as many batches per epoch, where the model exchanges gradients.

    Else those that have more would wait for the others after the last batch of the epoch, until a timeout ends all.

    Args:
        model: The model, wrapped if ranks exchange gradients.
        dataloader: The data loader of training.

    Raises:
        ValueError: They have not.
    """
    if not is_distributed() or not is_model_wrapper(model):
        return
    batches = all_gather_object(len(dataloader))
    if len(set(batches)) == 1:
        return
    samples = len(dataloader.dataset)
    listed = ', '.join(f'{count} in rank {rank}' for rank, count in enumerate(batches[:8]))
    raise ValueError(
        f'train_dataloader: the ranks have different numbers of batches per epoch, {listed}'
        f'{", ..." if len(batches) > 8 else ""}; those with more would wait for the others for ever. The {samples} '
        f'samples do not divide among {len(batches)} ranks: let the sampler repeat some (round_up=True of '
        f'DefaultSampler), leave the last batch out (drop_last=True), or start a number of ranks that divides')
