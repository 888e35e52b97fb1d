"""Weights in the format safetensors, which holds tensors and texts and nothing that could run."""
from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mmengine.checkpoint.files import BrokenCheckpointError, MapLocation
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.fileio.atomic import atomic_write

SUFFIX = '.safetensors'
#: The text in a file that is our `meta`, as JSON.
ABOUT = 'meta'


def is_tensor_file(path: str | Path) -> bool:
    """Tell by its name whether a file is one of safetensors."""
    return str(path).endswith(SUFFIX)


def write_tensors(tensors: Mapping[str, torch.Tensor], filename: str | Path, texts: Mapping[str, str]) -> None:
    """Write tensors by name; those that share their memory are written once for each name.

    Args:
        tensors: On any device.
        filename: Path, or URI of a storage backend.
        texts: What else is to be in the file.

    Raises:
        ImportError: The package safetensors is missing.
        ValueError: Something is no tensor, or a sparse one.
    """
    unfit = [name for name, value in tensors.items()
             if not isinstance(value, torch.Tensor) or value.layout is not torch.strided]
    if unfit:
        raise ValueError(f'{str(filename)!r} cannot hold {unfit}: {SUFFIX} takes dense tensors only; export to .pth')
    library, own = _library(), {}
    for name, value in tensors.items():
        own[name] = value.detach().cpu().contiguous()
    seen: set[int] = set()
    for name, value in own.items():
        address = value.untyped_storage().data_ptr()
        own[name] = value.clone() if address in seen else value
        seen.add(address)
    backend = get_file_backend(filename)
    if not isinstance(backend, LocalBackend):
        backend.put(library.save(own, dict(texts)), filename)
        return
    path = Path(filename).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, 'wb') as file:
        library.save_file(own, file.name, dict(texts))


def read_tensors(filename: str | Path, map_location: MapLocation = None) -> dict[str, Any]:
    """Read a local file: its tensors as `state_dict`, and what it says about itself as `meta`.

    Args:
        filename: Path.
        map_location: A device, else they are on the CPU.

    Raises:
        ImportError: The package safetensors is missing.
        FileNotFoundError: There is no such file.
        BrokenCheckpointError: The file is not whole.
    """
    path = os.path.expanduser(filename)
    library = _library()
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{str(filename)!r} can not be found: there is no such checkpoint file')
    device = str(map_location) if isinstance(map_location, (str, torch.device)) else 'cpu'
    try:
        with library.safe_open(path, 'pt', device=device) as file:
            texts = dict(file.metadata() or {})
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
            about = json.loads(texts.pop(ABOUT, '{}'))
            texts.pop('format', None)  # of the file: 'pt', for PyTorch
            return {'meta': {**texts, **about}, 'state_dict': found}
    except Exception as error:  # its own type is private to the package
        raise BrokenCheckpointError(f'{str(filename)!r} is not a whole {SUFFIX} file: {error}') from error


def _library() -> Any:
    try:
        return importlib.import_module('safetensors.torch')
    except ImportError as error:
        raise ImportError(f"{SUFFIX} files need the package safetensors: pip install 'mmparts-engine[safetensors]'",
                          name='safetensors') from error
