"""Upstream's path of helpers for models, and merging of dicts."""
from __future__ import annotations

from typing import Any

from mmengine.model.anomalies import detect_anomalous_params as detect_anomalous_params
from mmengine.model.batching import stack_batch as stack_batch
from mmengine.model.sync_batchnorm import _BatchNormXd as _BatchNormXd
from mmengine.model.sync_batchnorm import convert_sync_batchnorm as convert_sync_batchnorm
from mmengine.model.sync_batchnorm import revert_sync_batchnorm as revert_sync_batchnorm


def merge_dict(*args: dict[Any, Any]) -> dict[Any, Any]:
    """Merge dicts into a new one; later ones win."""
    merged: dict[Any, Any] = {}
    for other in args:
        merged.update(other)
    return merged
