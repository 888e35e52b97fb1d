"""Predictions as files."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mmengine.fileio import dump
from mmengine.structures import BaseDataElement


def dump_results(results: Any, out_file: str | Path, **kwargs: Any) -> None:
    """Write what an inferencer returns to a file.

    Args:
        results: Dicts, lists, numbers, texts, tensors, arrays and data elements, within each other.
        out_file: Path, or URI of a storage backend. Its suffix is the format: 'json' or 'yaml', where tensors and
            arrays become lists, or 'pkl', where tensors become arrays.
        **kwargs: Further arguments of `mmengine.fileio.dump`.
    """
    pickled = str(out_file).endswith(('.pkl', '.pickle'))
    dump(_plain(results, pickled), out_file, **kwargs)


def _plain(value: Any, keep_arrays: bool) -> Any:
    if isinstance(value, BaseDataElement):
        value = {**dict(value.metainfo_items()), **dict(value.items())}
    if isinstance(value, Mapping):
        return {key: _plain(item, keep_arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item, keep_arrays) for item in value]
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return value.tolist() if hasattr(value, 'tolist') and not keep_arrays else value
