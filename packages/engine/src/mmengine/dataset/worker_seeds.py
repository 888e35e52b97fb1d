"""Random numbers of worker processes that the batch alone decides, whichever worker reads it after whatever else."""
from __future__ import annotations

import hashlib
import random
import struct
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info


class SeededIndex:
    """The positions of a batch on their way to a worker: what arrives there are the positions, and a seeded worker.

    A worker unpickles them right before it reads the batch, so that data set, collation and sampler need not know.

    Args:
        index: The positions, as the sampler gave them.
        seed: Seed of all samples of the batch, of 64 bits.
    """

    def __init__(self, index: Any, seed: int) -> None:
        self.index = index
        self.seed = seed

    def __reduce__(self) -> Any:
        return _arrive, (self.index, self.seed)


def _arrive(index: Any, seed: int) -> Any:
    if get_worker_info() is not None:  # elsewhere the generators are not ours
        random.seed(seed)
        np.random.seed(seed >> 32)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed looks for accelerators, each time
    return index


def batch_seed(key: int, rank: int, batch: int) -> int:
    """Derive the seed of a batch.

    Args:
        key: Drawn for one pass over the data.
        rank: Number of the process.
        batch: Number of the batch in the pass, from 0.

    Returns:
        64 bits that differ for neighbours in any of the three as random ones do.
    """
    digest = hashlib.blake2b(struct.pack('<3q', key, rank, batch), digest_size=8).digest()
    return int.from_bytes(digest, 'little')
