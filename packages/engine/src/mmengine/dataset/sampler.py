"""Samplers that divide a data set among processes, and can go on from any position."""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sized
from typing import Any

import torch
from torch.utils.data import Sampler

from mmengine.dist import get_dist_info as get_dist_info
from mmengine.dist import sync_random_seed
from mmengine.registry import DATA_SAMPLERS


def can_seek(sampler: Any) -> bool:
    """Tell whether a sampler, or batch sampler, has a `seek(position, epoch)` that its iteration goes by.

    A subclass that iterates in its own way, and inherits `seek`, has none.
    """
    owners = type(sampler).__mro__
    seeking = next((owner for owner in owners if 'seek' in vars(owner)), None)
    iterating = next((owner for owner in owners if '__iter__' in vars(owner)), None)
    return seeking is not None and iterating is not None and owners.index(seeking) <= owners.index(iterating)


def _numbers(positions: torch.Tensor) -> Iterator[int]:
    """Give the elements of a tensor, without a list of all."""
    for piece in torch.split(positions, 4096):
        yield from piece.tolist()


@DATA_SAMPLERS.register_module()
class DefaultSampler(Sampler[int]):
    """Goes through a data set once per epoch, each process through its part.

    Args:
        dataset: The data set.
        shuffle: Whether the order is drawn anew in each epoch, the same in all processes.
        seed: Seed of the order, by default one that all processes draw together.
        round_up: Whether samples from the beginning are repeated, so that all processes get as many.

    Attributes:
        epoch: The epoch that the order is drawn for.
        start: Number of samples of this process that the next iteration leaves out, once.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None, round_up: bool = True) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed: int = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.start = 0
        self.round_up = round_up
        if round_up:
            self.num_samples = math.ceil(len(dataset) / self.world_size)
            self.total_size = self.num_samples * self.world_size
        else:
            self.num_samples = math.ceil((len(dataset) - self.rank) / self.world_size)
            self.total_size = len(dataset)

    def __iter__(self) -> Iterator[int]:
        length = len(self.dataset)
        start, self.start = self.start, 0
        first = min(self.rank + start * self.world_size, self.total_size)
        positions = torch.arange(first, self.total_size, self.world_size, device='cpu') % length
        if self.shuffle:
            generator = torch.Generator().manual_seed(self.seed + self.epoch)
            positions = torch.randperm(length, generator=generator, device='cpu')[positions]
        return _numbers(positions)

    def __len__(self) -> int:
        """Number of samples of this process in a whole epoch."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the order is drawn for.

        Args:
            epoch: Number of the epoch, from 0.
        """
        if epoch != self.epoch:
            self.start = 0
        self.epoch = epoch

    def seek(self, position: int, epoch: int) -> None:
        """Let the next iteration go on after so many samples of this process, in an epoch.

        Args:
            position: How many samples of this process lie behind in the epoch.
            epoch: Number of the epoch, from 0.
        """
        self.epoch, self.start = epoch, position

    def state_dict(self) -> dict[str, int]:
        """Take seed, epoch and the position that the next iteration begins at.

        How far an iteration is, its user knows: a data loader draws ahead.
        """
        return {'seed': self.seed, 'epoch': self.epoch, 'start': self.start}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next iteration go on from a position.

        Args:
            state_dict: `epoch`; `start`, how many samples of this process have been used in that epoch; maybe `seed`.
        """
        self.epoch = state_dict['epoch']
        self.start = state_dict.get('start', 0)
        self.seed = state_dict.get('seed', self.seed)


@DATA_SAMPLERS.register_module()
class InfiniteSampler(Sampler[int]):
    """Goes through a data set without end, each process through every so many-th sample of one stream.

    Args:
        dataset: The data set.
        shuffle: Whether the order is drawn anew for each pass, the same in all processes.
        seed: Seed of the order, by default one that all processes draw together.

    Attributes:
        start: Number of samples of this process that have been drawn; the next iteration goes on from there.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.dataset = dataset
        self.shuffle = shuffle
        self.seed: int = sync_random_seed() if seed is None else seed
        self.size = len(dataset)
        self.start = 0
        #: Seed, number and state of the generator at the begin of some of the latest passes.
        self._marks: deque[tuple[int, int, torch.Tensor]] = deque(maxlen=16)

    def __iter__(self) -> Iterator[int]:
        if self.size == 0:
            raise ValueError(f'{type(self).__name__} has nothing to sample from: the data set is empty')
        for index in self._stream():
            self.start += 1
            yield index

    def _stream(self) -> Iterator[int]:
        """This process's part of the stream, from its position on."""
        position = self.start
        number, offset = self._place(position)
        generator = self._generator_at(number)
        while True:
            self._mark(number, generator)
            mine = self._order(generator)[offset::self.world_size]
            yield from _numbers(mine)
            position += len(mine)
            done, (number, offset) = number + 1, self._place(position)
            self._leave_out(number - done, generator)

    def _order(self, generator: torch.Generator) -> torch.Tensor:
        if not self.shuffle:
            return torch.arange(self.size, device='cpu')
        return torch.randperm(self.size, generator=generator, device='cpu')

    def _leave_out(self, passes: int, generator: torch.Generator) -> None:
        if self.shuffle:
            for _ in range(passes):
                self._order(generator)

    def _place(self, position: int) -> tuple[int, int]:
        """Number of the pass, and place in it, after so many samples of this process."""
        return divmod(self.rank + position * self.world_size, self.size)

    def _generator_at(self, number: int) -> torch.Generator:
        """One generator draws the order of all passes: move it from the last mark on, or from the seed."""
        generator, done = torch.Generator().manual_seed(self.seed), 0
        mark = self._mark_before(number)
        if mark is not None:
            done = mark[1]
            generator.set_state(mark[2])
        self._leave_out(number - done, generator)
        return generator

    def _mark_before(self, number: int) -> tuple[int, int, torch.Tensor] | None:
        return next((mark for mark in reversed(self._marks) if mark[0] == self.seed and mark[1] <= number), None)

    def _mark(self, number: int, generator: torch.Generator) -> None:
        while self._marks and (self._marks[-1][0] != self.seed or self._marks[-1][1] > number):
            self._marks.pop()
        # Far enough from each other to reach back behind all that a loader draws ahead.
        last = self._marks[-1][1] if self._marks else 0
        if (number - last) * self.size >= max(self.size, 4096 * self.world_size):
            self._marks.append((self.seed, number, generator.get_state()))

    def __len__(self) -> int:
        """Size of the data set."""
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the stream has no epochs."""

    def seek(self, position: int, epoch: int = 0) -> None:
        """Let the next iteration go on after so many samples of this process; there is one epoch.

        Args:
            position: How many samples of this process lie behind since the very first.
            epoch: Is not used.
        """
        self.start = position

    def state_dict(self) -> dict[str, Any]:
        """Take seed and position, with what lets another sampler go there without drawing all passes before."""
        return self.state_at(self.start)

    def state_at(self, position: int) -> dict[str, Any]:
        """Take the state after so many samples of this process: a data loader draws ahead of those that are used.

        Args:
            position: How many samples of this process have been used.
        """
        state: dict[str, Any] = {'seed': self.seed, 'start': position}
        mark = self._mark_before(self._place(position)[0]) if self.size else None
        return state if mark is None else {**state, 'pass': mark[1], 'generator': mark[2]}

    def load_marks(self, state_dict: dict[str, Any]) -> None:
        """Take from a state what leads to its neighbourhood quickly; seed and position stay."""
        if 'generator' in state_dict:
            self._marks.clear()
            self._marks.append((state_dict['seed'], state_dict['pass'], state_dict['generator'].cpu()))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next iteration go on from a position.

        Args:
            state_dict: `start`, how many samples of this process have been used; maybe `seed`, and a `generator` with
                the number of the `pass` at whose begin it has this state.
        """
        self.start = state_dict.get('start', 0)
        self.seed = state_dict.get('seed', self.seed)
        self.load_marks(state_dict)
