"""The samplers of a data loader: its own, and the one inside its batch sampler."""
from __future__ import annotations

from typing import Any


def samplers_of(dataloader: Any) -> list[Any]:
    """List the samplers of a loader, its own first; a loader may have none.

    Args:
        dataloader: A data loader, of torch or of any kind.
    """
    own = getattr(dataloader, 'sampler', None)
    inner = getattr(getattr(dataloader, 'batch_sampler', None), 'sampler', None)
    return [sampler for sampler in (own, inner) if sampler is not None]


def set_epoch(dataloader: Any, epoch: int) -> None:
    """Tell the first sampler that draws its order from it which epoch begins.

    Args:
        dataloader: A data loader.
        epoch: Number of the epoch, from 0.
    """
    for sampler in samplers_of(dataloader):
        if hasattr(sampler, 'set_epoch'):
            sampler.set_epoch(epoch)
            return
