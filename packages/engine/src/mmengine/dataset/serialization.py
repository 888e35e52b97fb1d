"""Annotations as one block of bytes, which processes share without copying it by touching it."""
from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmengine.dataset.node_memory import Addresses, Bytes, hold_once


def serialize(items: list[Any]) -> tuple[Bytes, Addresses]:
    """Pickle items into one block.

    A list of dicts in a forked worker is copied page by page, because reading an object changes its reference count;
    a block of bytes stays shared.

    Returns:
        The bytes (uint8), and for each item where it ends (int64), counted from the beginning; they can only be read
        where the processes of the node share them.
    """
    data = bytearray()
    addresses = np.empty(len(items), np.int64)
    for position, item in enumerate(items):
        data += pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)
        addresses[position] = len(data)
    return hold_once(np.frombuffer(data, np.uint8), addresses)


def item_at(data: Bytes, addresses: Addresses, index: int) -> Any:
    """Unpickle one item; a negative index counts from the end.

    Args:
        data: The block, of uint8.
        addresses: Where each item ends in it, of int64.
        index: Number of the item.
    """
    first = index == 0 or index == -len(addresses)
    return pickle.loads(data.data[0 if first else addresses.item(index - 1):addresses.item(index)])


def subset(data: Bytes, addresses: Addresses, indices: list[int]) -> tuple[Bytes, Addresses]:
    """Take some of the items, without unpickling them.

    Args:
        data: The bytes.
        addresses: Where each item ends.
        indices: Positions of the items; a negative one counts from the end.
    """
    positions = np.asarray(indices, np.int64)
    if not len(positions):
        return data[:0].copy(), addresses[:0].copy()
    positions = np.where(positions < 0, positions + len(addresses), positions)
    ends = addresses[positions]
    starts = np.where(positions == 0, 0, addresses[positions - 1])
    if (np.diff(positions) == 1).all():  # neighbours, as the first so many are: no copy
        return data[starts[0]:ends[-1]], addresses[:len(ends)] if positions[0] == 0 else ends - starts[0]
    taken = b''.join(data.data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True))
    return hold_once(np.frombuffer(taken, np.uint8), np.cumsum(ends - starts))


def positions_of(indices: Any, length: int) -> list[int]:
    """List the positions that `indices` means: the first or last so many of `length` items, or those named.

    Raises:
        TypeError: `indices` is neither a number nor a sequence of them.
        IndexError: There is no item at a position.
    """
    if isinstance(indices, int):
        every = range(length)
        return list(every[:indices] if indices >= 0 else every[indices:])
    if isinstance(indices, (Sequence, np.ndarray)) and not isinstance(indices, str):
        positions = [int(index) for index in indices]
        missing = next((position for position in positions if not -length <= position < length), None)
        if missing is not None:
            raise IndexError(f'indices should be from {-length} to {length - 1}, as there are {length} samples, '
                             f'but got {missing}')
        return positions
    raise TypeError(f'indices should be a int or sequence of int, but got {type(indices)}')
