"""Iterators over a data loader that can start in the middle, so that a resumed run sees the next batch."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from mmengine.dataset.loader_samplers import samplers_of, set_epoch
from mmengine.logging import print_log


def seeded_sampler(dataloader: DataLoader[Any]) -> Any:
    """Give the sampler of a loader, or of its batch sampler, that draws an order from a seed; None if neither does."""
    return next((sampler for sampler in samplers_of(dataloader) if hasattr(sampler, 'seed')), None)


def batches_from(dataloader: DataLoader[Any], start: int, epoch: int = 0) -> Iterator[Any]:
    """Iterate over a loader from batch `start` on.

    A sampler that can seek (`load_state_dict`) is asked to, and no data are loaded for what is left out. With any
    other sampler the batches before are loaded and dropped.

    Args:
        dataloader: The loader.
        start: How many batches to leave out.
        epoch: The epoch that the batches belong to.
    """
    if start == 0:
        return iter(dataloader)
    if _can_seek(dataloader):
        sampler: Any = dataloader.sampler
        sampler.load_state_dict({'epoch': epoch, 'start': start * int(dataloader.batch_size or 1)})
        return iter(dataloader)
    print_log(f'The sampler {type(dataloader.sampler).__name__} cannot seek: {start} batches are loaded again to get '
              f'to where the checkpoint was written', logger='current')
    iterator = iter(dataloader)
    for _ in range(start):
        next(iterator)
    return iterator


def _can_seek(dataloader: DataLoader[Any]) -> bool:
    return (type(dataloader.batch_sampler) is BatchSampler and not isinstance(dataloader.dataset, IterableDataset)
            and hasattr(dataloader.sampler, 'load_state_dict'))


class _InfiniteDataloaderIterator:
    """Starts a loader over whenever it is used up.

    Args:
        dataloader: The loader.
    """

    def __init__(self, dataloader: DataLoader[Any]) -> None:
        self._dataloader = dataloader
        self._iterator: Iterator[Any] | None = None
        self._epoch = 0

    def __iter__(self) -> _InfiniteDataloaderIterator:
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._dataloader)
        try:
            return next(self._iterator)
        except StopIteration:
            self._epoch += 1
            set_epoch(self._dataloader, self._epoch)
            self._iterator = iter(self._dataloader)
            return next(self._iterator)

    def __len__(self) -> int:
        return len(self._dataloader)

    def seek(self, batches: int, endless: bool) -> None:
        """Go to where `batches` were given out, counted from the very first.

        Args:
            batches: How many batches lie behind.
            endless: Whether the sampler never ends, so that everything is one pass.
        """
        if endless:
            self._iterator = batches_from(self._dataloader, batches)
            return
        self._epoch, start = divmod(batches, len(self._dataloader))
        if batches and start == 0:  # the end of a pass is only noticed by asking for one batch more
            self._epoch, start = self._epoch - 1, len(self._dataloader)
        if self._epoch:
            set_epoch(self._dataloader, self._epoch)
        self._iterator = batches_from(self._dataloader, start, self._epoch)
