"""Annotations as one block of bytes, which processes share without copying it by touching it."""
from __future__ import annotations

import pickle
from typing import Any

import numpy as np

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Addresses = np.ndarray[Any, np.dtype[np.int64]]


def serialize(items: list[Any]) -> tuple[Bytes, Addresses]:
    """Pickle items into one block.

    A list of dicts in a forked worker is copied page by page, because reading an object changes its reference count;
    a block of bytes stays shared.

    Returns:
        The bytes, and for each item where it ends.
    """
    pickled = [pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL) for item in items]
    addresses = np.cumsum([len(item) for item in pickled], dtype=np.int64)
    return np.frombuffer(bytearray(b''.join(pickled)), dtype=np.uint8), addresses


def item_at(data: Bytes, addresses: Addresses, index: int) -> Any:
    """Unpickle one item; a negative index counts from the end."""
    index = index if index >= 0 else len(addresses) + index
    start = int(addresses[index - 1]) if index > 0 else 0
    return pickle.loads(data[start:int(addresses[index])].data)


def subset(data: Bytes, addresses: Addresses, indices: list[int]) -> tuple[Bytes, Addresses]:
    """Take some of the items, without unpickling them."""
    ends = addresses[indices]
    starts = np.concatenate([[0], addresses])[:-1][indices]
    if not len(indices):
        return data[:0].copy(), addresses[:0].copy()
    return np.concatenate([data[start:end] for start, end in zip(starts, ends, strict=True)]), np.cumsum(ends - starts)
