"""Collation of samples to batches, and the seeds of worker processes."""
from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data._utils.collate import default_collate as torch_default_collate

from mmengine.registry import FUNCTIONS
from mmengine.structures import BaseDataElement

COLLATE_FUNCTIONS = FUNCTIONS


def worker_init_fn(worker_id: int, num_workers: int, rank: int, seed: int,
                   disable_subprocess_warning: bool = False) -> None:
    """Seed a worker process of a data loader, with `num_workers * rank + worker_id + seed`.

    That is for what happens once in a worker: loaders that a runner builds seed it again before each batch.

    Args:
        worker_id: Number of the worker.
        num_workers: How many workers each process has.
        rank: Number of the process.
        seed: Seed of the run.
        disable_subprocess_warning: Whether only the first worker shows warnings.
    """
    worker_seed = num_workers * rank + worker_id + seed
    np.random.seed(worker_seed % 2**32)
    random.seed(worker_seed)
    torch.manual_seed(worker_seed)
    if disable_subprocess_warning and worker_id != 0:
        warnings.simplefilter('ignore')


def _collate(batch: Sequence[Any], leaves: Callable[[Sequence[Any]], Any]) -> Any:
    """Turn a sequence of containers of one structure into one container of that structure."""
    first = batch[0]
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, tuple) and hasattr(first, '_fields'):
        return type(first)(*(_collate(items, leaves) for items in zip(*batch, strict=True)))
    if isinstance(first, Mapping):
        collated = {key: _collate([sample[key] for sample in batch], leaves) for key in first}
        return _as_type_of(first, collated)
    if isinstance(first, Sequence):
        if len({len(sample) for sample in batch}) > 1:
            raise RuntimeError(f'each element in list of batch should be of equal size, '
                               f'but got {[len(sample) for sample in batch]}')
        columns = [_collate(items, leaves) for items in zip(*batch, strict=True)]
        return columns if isinstance(first, tuple) else _as_type_of(first, columns)
    return leaves(batch)


def _as_type_of(sample: Any, collated: Any) -> Any:
    try:
        return type(sample)(collated)
    except TypeError:
        # A container whose constructor wants something else.
        return collated


def pseudo_collate(data_batch: Sequence[Any]) -> Any:
    """Collate samples without stacking: what is a value in a sample is a list of values in the batch.

    Args:
        data_batch: The samples: any nesting of mappings, tuples, named tuples and lists.

    Returns:
        A container of the structure of a sample, with a list of as many values as samples for each value; the values
        are the same objects.

    Raises:
        RuntimeError: Sequences at the same place differ in length.
    """
    return _collate(data_batch, list)


def default_collate(data_batch: Sequence[Any]) -> Any:
    """Collate samples, and stack tensors, arrays and numbers to tensors; data elements stay a list.

    Args:
        data_batch: The samples: any nesting of mappings, tuples, named tuples and lists.

    Returns:
        A container of the structure of a sample. Tensors and arrays of shape S become one of shape (samples, *S) and
        the same dtype; floats one of float64, integers one of int64, of shape (samples,); strings stay a list.

    Raises:
        RuntimeError: Sequences or tensors at the same place differ in length or shape.
    """
    def leaves(batch: Sequence[Any]) -> Any:
        if isinstance(batch[0], BaseDataElement):
            return list(batch)
        return torch_default_collate(batch)  # type: ignore[no-untyped-call]  # torch's own
    return _collate(data_batch, leaves)


FUNCTIONS.register_module(module=pseudo_collate)
FUNCTIONS.register_module(module=default_collate)
