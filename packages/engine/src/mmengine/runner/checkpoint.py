"""Upstream's path of the checkpoint functions, which are in `mmengine.checkpoint`."""
from __future__ import annotations

from typing import Any

from mmengine.checkpoint.discovery import find_latest_checkpoint as find_latest_checkpoint
from mmengine.checkpoint.files import serialized, write_checkpoint
from mmengine.checkpoint.loader import CheckpointLoader as CheckpointLoader
from mmengine.checkpoint.loader import _load_checkpoint as _load_checkpoint
from mmengine.checkpoint.loader import _load_checkpoint_to_model as _load_checkpoint_to_model
from mmengine.checkpoint.loader import _load_checkpoint_with_prefix as _load_checkpoint_with_prefix
from mmengine.checkpoint.loader import load_checkpoint as load_checkpoint
from mmengine.checkpoint.loader import load_from_ceph as load_from_ceph
from mmengine.checkpoint.loader import load_from_http as load_from_http
from mmengine.checkpoint.loader import load_from_local as load_from_local
from mmengine.checkpoint.model_zoo import get_deprecated_model_names as get_deprecated_model_names
from mmengine.checkpoint.model_zoo import get_external_models as get_external_models
from mmengine.checkpoint.model_zoo import get_mmcls_models as get_mmcls_models
from mmengine.checkpoint.model_zoo import get_torchvision_models as get_torchvision_models
from mmengine.checkpoint.model_zoo import load_from_mmcls as load_from_mmcls
from mmengine.checkpoint.model_zoo import load_from_openmmlab as load_from_openmmlab
from mmengine.checkpoint.model_zoo import load_from_pavi as load_from_pavi
from mmengine.checkpoint.model_zoo import load_from_torchvision as load_from_torchvision
from mmengine.checkpoint.state_dict import get_state_dict as get_state_dict
from mmengine.checkpoint.state_dict import load_state_dict as load_state_dict
from mmengine.checkpoint.state_dict import weights_to_cpu as weights_to_cpu
from mmengine.fileio import FileClient


def save_checkpoint(checkpoint: dict[str, Any], filename: str, file_client_args: dict[str, Any] | None = None,
                    backend_args: dict[str, Any] | None = None) -> None:
    """Write a checkpoint as `mmengine.checkpoint.write_checkpoint` does.

    Args:
        checkpoint: What `torch.save` can save.
        filename: Path, or URI of a storage backend.
        file_client_args: Upstream's older name for `backend_args`.
        backend_args: Arguments of the storage backend; by default it is chosen by the prefix of `filename`.

    Raises:
        ValueError: Both `file_client_args` and `backend_args` are given.
    """
    if file_client_args is not None and backend_args is not None:
        raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time: '
                         'give backend_args, file_client_args is its older name')
    if file_client_args is not None:
        client = FileClient.infer_client(file_client_args, filename)
        if client.name != 'HardDiskBackend':
            client.put(serialized(checkpoint), filename)
            return
    write_checkpoint(checkpoint, filename, backend_args)
