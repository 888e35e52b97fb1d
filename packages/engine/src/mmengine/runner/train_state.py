"""What a training loop needs beside weights to go on as if it had never stopped."""
from __future__ import annotations

from typing import Any

from mmengine._strategy.randomness import random_state, set_random_state
from mmengine.logging import print_log
from mmengine.runner.loader_state import is_stateful, load_loader_state, loader_state
from mmengine.runner.plain import plain


class ResumePoint:
    """Where a loop starts, and the random numbers that it starts with.

    Attributes:
        batch: Batches of the running epoch (or pass) that lie behind.
        validated: Whether the validation that is due at this point was done.
    """

    def __init__(self, batch: int = 0, validated: bool = True, now: dict[str, Any] | None = None,
                 at_iterator: dict[str, Any] | None = None) -> None:
        self.batch = batch
        self.validated = validated
        self._now = now
        self._at_iterator = at_iterator

    def restore_now(self) -> None:
        """Put the random generators into the state at which the checkpoint was written."""
        if self._now is not None:
            set_random_state(self._now)

    def restore_at_iterator(self) -> None:
        """Put them into the state in which the data iterator was made: it draws the seeds of samplers and workers."""
        if self._at_iterator is not None:
            set_random_state(self._at_iterator)

    @property
    def random_at_iterator(self) -> dict[str, Any] | None:
        """The state in which the data iterator was made, if it is known."""
        return self._at_iterator


class TrainState:
    """Keeps the state of the run that a checkpoint takes, and the point at which a loop starts.

    The loop reports when it makes a data iterator and when it validated; nothing is done per iteration.

    Args:
        dataloader: The loader of the loop.
    """

    def __init__(self, dataloader: Any = None) -> None:
        self.start = ResumePoint()
        self._dataloader = dataloader
        self._at_iterator: dict[str, Any] | None = None
        self._validated_after = -1

    def iterator_made(self, state: dict[str, Any] | None = None) -> None:
        """Remember the random state before a data iterator is made, the present one by default."""
        self._at_iterator = state or {**random_state(), 'loader': loader_state(self._dataloader)}

    def validated(self, iterations: int) -> None:
        """Remember after how many iterations the last validation was done."""
        self._validated_after = iterations

    def state_dict(self, iterations: int, epoch_length: int | None) -> dict[str, Any]:
        """Take what is the same on all ranks.

        Args:
            iterations: Finished iterations of the run.
            epoch_length: Batches per epoch on each rank, None if unknown.
        """
        return {'validated': self._validated_after == iterations, 'epoch_length': epoch_length}

    def rank_state(self) -> dict[str, Any]:
        """Take what each rank has of its own: the state of its random generators and of its loader."""
        own = plain(self._dataloader.state_dict()) if is_stateful(self._dataloader) else None
        return {'now': {**random_state(), 'loader': loader_state(self._dataloader)}, 'at_iterator': self._at_iterator,
                'dataloader': own}

    def load(self, epochs: int, iterations: int, epoch_length: int | None, state: dict[str, Any] | None,
             rank_state: dict[str, Any] | None, by_epoch: bool) -> None:
        """Set the point to start at.

        Args:
            epochs: Finished epochs of the run.
            iterations: Finished iterations of the run.
            epoch_length: Batches per epoch in this run, None if unknown.
            state: What `state_dict` gave, None in a checkpoint without it.
            rank_state: What `rank_state` gave on this rank.
            by_epoch: Whether batches count from the start of an epoch, and not from that of the run.
        """
        state, rank_state = state or {}, rank_state or {}
        batch = iterations
        if by_epoch:
            batch = self._batch_in_epoch(epochs, iterations, epoch_length, state)
        self._load_loader(batch, rank_state)
        self.start = ResumePoint(batch, state.get('validated', True), rank_state.get('now'),
                                 rank_state.get('at_iterator') if batch else None)

    def _load_loader(self, batch: int, rank_state: dict[str, Any]) -> None:
        if rank_state.get('dataloader') is not None and is_stateful(self._dataloader):
            self._dataloader.load_state_dict(rank_state['dataloader'])
        kept = rank_state.get('at_iterator' if batch else 'now') or {}
        load_loader_state(self._dataloader, kept.get('loader') or {})

    @staticmethod
    def _batch_in_epoch(epochs: int, iterations: int, epoch_length: int | None, state: dict[str, Any]) -> int:
        if epoch_length is None or 'epoch_length' not in state:
            return 0
        if state['epoch_length'] != epoch_length:
            print_log(f'An epoch has {epoch_length} batches, but had {state["epoch_length"]} when the checkpoint was '
                      f'written (another batch size, data set or number of ranks): training goes on at the start of '
                      f'epoch {epochs + 1}', logger='current', level=30)
            return 0
        batch = iterations - epochs * epoch_length
        return batch if 0 <= batch <= epoch_length else 0
