"""Samplers that divide a data set among processes, and can go on from any position."""
from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sized
from typing import Any

import torch
from torch.utils.data import Sampler

from mmengine.dist import get_dist_info as get_dist_info
from mmengine.dist import sync_random_seed
from mmengine.registry import DATA_SAMPLERS


def _permutation(length: int, generator: torch.Generator) -> list[int]:
    return torch.randperm(length, generator=generator).tolist()


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
        order: Any = range(length)
        if self.shuffle:
            order = _permutation(length, torch.Generator().manual_seed(self.seed + self.epoch))
        start, self.start = self.start, 0
        positions = range(self.rank + start * self.world_size, self.total_size, self.world_size)
        return (order[position % length] for position in positions)

    def __len__(self) -> int:
        """Number of samples of this process in a whole epoch."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the order is drawn for."""
        if epoch != self.epoch:
            self.start = 0
        self.epoch = epoch

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

    def _stream(self) -> Iterator[int]:
        """The stream of all processes from this process's position on."""
        passes, offset = divmod(self.rank + self.start * self.world_size, self.size)
        generator = torch.Generator().manual_seed(self.seed)
        if self.shuffle:
            # One generator draws the order of all passes; those that are over only move it on.
            for _ in range(passes):
                torch.randperm(self.size, generator=generator)
        while True:
            order: Any = _permutation(self.size, generator) if self.shuffle else range(self.size)
            yield from itertools.islice(order, offset, None)
            offset = 0

    def __iter__(self) -> Iterator[int]:
        if self.size == 0:
            raise ValueError(f'{type(self).__name__} has nothing to sample from: the data set is empty')
        for index in itertools.islice(self._stream(), 0, None, self.world_size):
            self.start += 1
            yield index

    def __len__(self) -> int:
        """Size of the data set."""
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the stream has no epochs."""

    def state_dict(self) -> dict[str, int]:
        """Take seed and position; how far its user is, the user knows: a data loader draws ahead."""
        return {'seed': self.seed, 'start': self.start}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let the next iteration go on from a position.

        Args:
            state_dict: `start`, how many samples of this process have been used; maybe `seed`.
        """
        self.start = state_dict.get('start', 0)
        self.seed = state_dict.get('seed', self.seed)
