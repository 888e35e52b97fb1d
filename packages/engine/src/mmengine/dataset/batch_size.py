"""How many samples a batch has, whatever its form."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mmengine.structures import BaseDataElement


def batch_size_of(data_batch: Any) -> int:
    """Count the samples of a batch, in any of the forms that collation gives it.

    Args:
        data_batch: A dict or sequence of fields, each a tensor of shape (N, ...) or a list of N values; or a list of
            N samples, which are dicts or data elements.

    Returns:
        Number of samples, 1 where nothing tells it.
    """
    if isinstance(data_batch, (list, tuple)) and data_batch and not isinstance(data_batch[0],
                                                                                (Mapping, BaseDataElement)):
        return next((count for count in map(_length, data_batch) if count is not None), 1)
    return _length(data_batch) or 1


def _length(value: Any) -> int | None:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return len(value) if value.ndim else None
    if isinstance(value, Mapping):
        fields = ([value['inputs']] if 'inputs' in value else []) + list(value.values())
        return next((count for count in map(_length, fields) if count is not None), None)
    return len(value) if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else None
