"""Checkpoints in other forms: shards as one file, and weights as safetensors, which every framework reads."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from mmengine.checkpoint.files import BrokenCheckpointError, write_checkpoint
from mmengine.checkpoint.forms import read_any
from mmengine.checkpoint.loader import _weights_of
from mmengine.checkpoint.look import SAFE_META
from mmengine.fileio.atomic import atomic_write

_SAFE = '.safetensors'


def export_checkpoint(source: str | Path, destination: str | Path, ema: bool = False, *,
                      trusted: bool = False) -> list[str]:
    """Write a checkpoint in another form.

    To `.safetensors` go the weights, and what of `meta` JSON can say; to any other name goes one file of `torch.save`,
    with all that the source holds.

    Args:
        source: A file of `torch.save`, a `.safetensors` file, or a folder of shards.
        destination: The file to write.
        ema: Whether averaged weights are demanded. They are what `state_dict` holds where an `EMAHook` ran, and so
            what is written in any case; this refuses a checkpoint without them.
        trusted: Whether the source may hold any object; reading it may then run any code.

    Returns:
        What of the source is not in the new file, by key.

    Raises:
        FileNotFoundError: There is no such source.
        BrokenCheckpointError: The source is not whole.
        UnsafeCheckpointError: The source holds other types than tensors and plain containers, and is not trusted.
        ValueError: There are no averaged weights, and `ema` is set.
        ModuleNotFoundError: The package safetensors is not installed.
    """
    checkpoint = _read(source, trusted)
    if ema and 'ema_state_dict' not in checkpoint:
        raise ValueError(f'{str(source)!r} has no averaged weights: the run that wrote it had no EMAHook')
    if not str(destination).endswith(_SAFE):
        write_checkpoint(checkpoint, destination)
        return []
    weights = _weights_of(checkpoint, str(source))
    tensors = {name: value for name, value in weights.items() if isinstance(value, torch.Tensor)}
    meta = checkpoint.get('meta') if weights is not checkpoint else None
    kept, lost = _sayable(meta if isinstance(meta, dict) else {})
    _write_safe(tensors, kept, Path(destination).expanduser())
    others = [key for key in checkpoint if key not in ('meta', 'state_dict')] if weights is not checkpoint else []
    return [*others, *lost, *(f'state_dict.{name}' for name in weights if name not in tensors)]


def _read(source: str | Path, trusted: bool) -> dict[str, Any]:
    if not str(source).endswith(_SAFE):
        found = read_any(source, 'cpu', trusted=trusted)
        _weights_of(found, str(source))
        return dict(found)
    safetensors = _library()
    path = Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'{str(source)!r} can not be found: there is no such checkpoint file')
    try:
        with safetensors.safe_open(path, 'pt') as file:
            notes = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except safetensors.SafetensorError as error:
        raise BrokenCheckpointError(f'{str(source)!r} is not a whole safetensors file: {error}') from error
    return {'meta': json.loads(notes.get(SAFE_META, '{}')), 'state_dict': weights}


def _write_safe(tensors: dict[str, torch.Tensor], meta: dict[str, Any], path: Path) -> None:
    _library()
    from safetensors.torch import save
    seen: set[int] = set()
    whole = {}
    for name, tensor in tensors.items():  # the format has no two names for one memory
        place = tensor.untyped_storage().data_ptr()
        whole[name] = tensor.clone() if place in seen else tensor.contiguous()
        seen.add(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, 'wb') as file:
        file.write(save(whole, {'format': 'pt', SAFE_META: json.dumps(meta)}))


def _sayable(meta: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Part what JSON can say from what it cannot."""
    kept: dict[str, Any] = {}
    lost = []
    for key, value in meta.items():
        try:
            kept[key] = json.loads(json.dumps(value))
        except (TypeError, ValueError):
            lost.append(f'meta.{key}')
    return kept, lost


def _library() -> Any:
    try:
        import safetensors
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Files in the format safetensors need a package: pip install "
                                  "'mmparts-engine[safetensors]'", name='safetensors') from error
    return safetensors
