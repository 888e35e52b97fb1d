"""Iterators over a data loader that can start in the middle, so that a resumed run sees the next batch."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from mmengine.dataset.loader_samplers import set_epoch
from mmengine.logging import print_log
from mmengine.runner.exact_loader import ExactDataLoader
from mmengine.runner.loader_state import is_stateful


def batches_from(dataloader: DataLoader[Any], start: int, epoch: int = 0) -> Iterator[Any]:
    """Iterate over a loader from batch `start` on.

    No data are read for what is left out. Only where samples come as a stream (`IterableDataset`), or from a loader of
    an own kind, the batches before are loaded and dropped; a loader with `load_state_dict` is there already.

    Args:
        dataloader: The loader.
        start: How many batches to leave out.
        epoch: The epoch that the batches belong to.
    """
    if start == 0 or is_stateful(dataloader):
        return iter(dataloader)
    if isinstance(dataloader, ExactDataLoader) and not isinstance(dataloader.dataset, IterableDataset):
        return dataloader.iter_from(start, epoch)
    print_log(f'{type(dataloader).__name__} of {type(dataloader.dataset).__name__} cannot begin in the middle: {start} '
              f'batches are loaded again to get to where the checkpoint was written', logger='current')
    iterator = iter(dataloader)
    for _ in range(start):
        next(iterator, None)
    return iterator


class _InfiniteDataloaderIterator:
    """Starts a loader over whenever it is used up.

    Args:
        dataloader: The loader.
        before_pass: Called before it is started over.
    """

    def __init__(self, dataloader: DataLoader[Any], before_pass: Callable[[], Any] = lambda: None) -> None:
        self._dataloader = dataloader
        self._before_pass = before_pass
        self._iterator: Iterator[Any] | None = None
        self._epoch = 0
        self._given = 0
        #: Where a loader that does not know its length is sent: number of the pass, and batches of it.
        self.place_to_resume: tuple[int, int] | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Number of the running pass, and how many of its batches have been given."""
        return self._epoch, self._given

    def __iter__(self) -> _InfiniteDataloaderIterator:
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._dataloader)
        try:
            batch = next(self._iterator)
        except StopIteration:
            batch = self._first_of_next_pass()
        self._given += 1
        return batch

    def _first_of_next_pass(self) -> Any:
        self._epoch, self._given = self._epoch + 1, 0
        set_epoch(self._dataloader, self._epoch)
        self._before_pass()
        # The workers of the last pass have ended before others start: a fork in between is what used to hang.
        self._iterator = None
        self._iterator = iter(self._dataloader)
        return next(self._iterator)

    def __len__(self) -> int:
        return len(self._dataloader)

    def close(self) -> None:
        """End the workers now; the next batch would be the first of a new pass.

        Left to the garbage collector, the queues may be gone before the workers are told, and each is waited for.
        """
        self._iterator = None

    def seek(self, batches: int, endless: bool) -> None:
        """Go to where `batches` were given out, counted from the very first.

        Args:
            batches: How many batches lie behind.
            endless: Whether the sampler never ends, so that everything is one pass.
        """
        self._epoch, start = (0, batches) if endless else self._place_of(batches)
        if self._epoch:
            set_epoch(self._dataloader, self._epoch)
        self._given = start
        self._iterator = batches_from(self._dataloader, start, self._epoch)

    def _place_of(self, batches: int) -> tuple[int, int]:
        try:
            epoch, start = divmod(batches, len(self._dataloader))
        except TypeError:  # a stream
            return self.place_to_resume or (0, batches)
        if batches and start == 0:  # the end of a pass is only noticed by asking for one batch more
            return epoch - 1, len(self._dataloader)
        return epoch, start
