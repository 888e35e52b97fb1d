"""A data loader that can begin in the middle of a pass, and whose workers draw the same random numbers then."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch.utils.data import BatchSampler, DataLoader

from mmengine.dataset.sampler import can_seek
from mmengine.dataset.worker_seeds import SeededIndex, batch_seed
from mmengine.dist import get_rank


class _Beginning:
    """Where the next pass begins: the number of its first batch, and how many batches of positions to leave out."""

    def __init__(self, batch: int = 0, left_out: int = 0) -> None:
        self.batch = batch
        self.left_out = left_out
        #: What the seeds of the pass are derived from, with workers.
        self.key = 0
        #: The positions of the pass that has begun, without workers.
        self.positions: Iterator[Any] = iter(())

    def take(self) -> tuple[int, int]:
        """Give both numbers, for one pass."""
        taken = self.batch, self.left_out
        self.batch = self.left_out = 0
        return taken


class ExactDataLoader(DataLoader[Any]):
    """torch's DataLoader, whose batches do not depend on where it began.

    With workers, the generators of Python, NumPy and torch are seeded in them before each batch: by a number that is
    drawn for each pass, where torch draws one as well, the rank, and the number of the batch. Without workers a sample
    is read with the generators of the process, as ever.
    """

    def __iter__(self) -> Any:
        if not self.num_workers:
            return super().__iter__()
        given = self.generator
        self._beginning.key = int(torch.empty((), dtype=torch.int64).random_(generator=given))
        # torch draws a seed where it starts workers, which with persistent ones is not in each pass of each process:
        # it gets a generator of its own, so that a pass takes one number from ours, whoever begins it.
        self.generator = torch.Generator().manual_seed(self._beginning.key)
        try:
            return super().__iter__()
        finally:
            self.generator = given

    def iter_from(self, batch: int, epoch: int) -> Iterator[Any]:
        """Begin a pass with a later batch; no data are read for those before.

        A sampler or batch sampler with a method `seek(position, epoch)` is sent there, where positions are counted
        in what it gives. With any other the positions before are drawn and dropped.

        Args:
            batch: Number of the batch, from 0.
            epoch: Number of the pass, for the sampler.
        """
        self._beginning.batch, self._beginning.left_out = batch, 0 if self._seek(batch, epoch) else batch
        iterator: Iterator[Any] = iter(self)
        # Without workers it is left to us, and now: torch's samplers draw their seed with the first position, after
        # the iterator has drawn its own.
        _, left_out = self._beginning.take()
        next(islice(self._beginning.positions, left_out, left_out), None)
        return iterator

    def _seek(self, batch: int, epoch: int) -> bool:
        batches: Any = self.batch_sampler
        is_plain = type(batches) is BatchSampler
        target: Any = self.sampler if batches is None else batches.sampler if is_plain else batches
        if not can_seek(target):
            return False
        target.seek(batch * batches.batch_size if is_plain else batch, epoch)
        return True

    @property
    def _beginning(self) -> _Beginning:
        kept: _Beginning = self.__dict__.setdefault('_mm_beginning', _Beginning())
        return kept

    @property
    def _index_sampler(self) -> _Positions:
        # What torch's iterators ask for positions, since torch 1.2; no public way leads there.
        return _Positions(super()._index_sampler, self._beginning, seeded=self.num_workers > 0)


class _Positions:
    """The positions of the batches of a pass, from where it begins."""

    def __init__(self, source: Any, beginning: _Beginning, seeded: bool) -> None:
        self._source = source
        self._beginning = beginning
        self._seeded = seeded

    def __len__(self) -> int:
        return len(self._source)

    def __iter__(self) -> Iterator[Any]:
        if self._seeded:
            return self._with_seeds(self._beginning.key)
        self._beginning.positions = iter(self._source)
        return self._beginning.positions

    def _with_seeds(self, key: int) -> Iterator[SeededIndex]:
        # A generator, which begins when it is first asked: torch asks for two iterators, and uses the second.
        batch, left_out = self._beginning.take()
        rank = get_rank()
        for number, index in enumerate(islice(self._source, left_out, None), batch):
            yield SeededIndex(index, batch_seed(key, rank, number))


def exact(dataloader: Any) -> Any:
    """Make a loader of torch's own an exact one, in place; others are left as they are."""
    if type(dataloader) is DataLoader:
        dataloader.__class__ = ExactDataLoader
    return dataloader


def end_workers(dataloader: Any) -> None:
    """End persistent workers, which the next pass would start again.

    Left to the garbage collector, their queues may be gone before they are told to end, and each is waited for.

    Args:
        dataloader: A loader, or several as `LoaderSets`.
    """
    for loader in getattr(dataloader, 'loaders', {'': dataloader}).values():
        if getattr(loader, '_iterator', None) is not None:
            loader._iterator = None
