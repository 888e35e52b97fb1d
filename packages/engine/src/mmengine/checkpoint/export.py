"""Hand a checkpoint on: as one plain file, or as weights alone in the format safetensors."""
from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from mmengine.checkpoint.discovery import find_whole_checkpoint
from mmengine.checkpoint.files import write_checkpoint
from mmengine.checkpoint.forms import read_any
from mmengine.checkpoint.tensor_file import ABOUT, is_tensor_file, write_tensors
from mmengine.utils.suggest import did_you_mean

#: Which weights of a checkpoint there are to choose from.
WEIGHTS = ('default', 'averaged', 'trained')
_SUFFIXES = ('.pth', '.pt', '.safetensors')
_AVERAGE, _BEGIN = 'ema_state_dict', 'module.'


def export_checkpoint(src: str | Path, dst: str | Path, *, weights: str | None = None, trusted: bool = False) -> str:
    """Export a checkpoint of either form, one file or a folder of shards.

    Args:
        src: The checkpoint, or the work_dir of a run, of which the newest whole one is taken.
        dst: `.pth` (or `.pt`): all that is in it, in one file that any strategy can load and resume from; with
            `weights` only these, and what the checkpoint says about itself. `.safetensors`: weights alone, with what
            it says about itself as texts.
        weights: 'default': those that a model gets that loads the checkpoint; where `EMAHook` has averaged them, the
            average. 'averaged': these, and an error where there are none. 'trained': those in training, without the
            average.
        trusted: Whether the checkpoint may hold any object; reading it may then run any code.

    Returns:
        The path of the checkpoint that was exported.

    Raises:
        ValueError: `dst` has another suffix, `weights` is none of these, or there is no average.
        FileNotFoundError: There is no checkpoint.
        BrokenCheckpointError: It is not whole.
        UnsafeCheckpointError: It holds other types than tensors and plain containers, and is not trusted.
        ImportError: The package safetensors is missing.
    """
    suffix = os.path.splitext(str(dst))[1]
    if suffix not in _SUFFIXES:
        raise ValueError(f'the suffix of dst should be one of {_SUFFIXES}, but got {str(dst)!r}.'
                         f'{did_you_mean(suffix, _SUFFIXES)}')
    if weights is not None and weights not in WEIGHTS:
        raise ValueError(f'weights should be one of {WEIGHTS}, but got {weights!r}.{did_you_mean(weights, WEIGHTS)}')
    source = _source(src, trusted)
    checkpoint = read_any(source, 'cpu', trusted=trusted)
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{source!r} holds no weights by name, but {type(checkpoint).__name__}')
    chosen = _chosen(checkpoint, weights or 'default', source)
    about = checkpoint.get('meta', {})
    if is_tensor_file(dst):
        write_tensors(chosen, dst, {'format': 'pt', ABOUT: json.dumps(_sayable(about))})
    else:
        write_checkpoint(checkpoint if weights is None else {'meta': about, 'state_dict': chosen}, dst)
    return source


def _source(src: str | Path, trusted: bool) -> str:
    path = os.path.expanduser(str(src))
    if not os.path.isfile(os.path.join(path, 'last_checkpoint')):
        return str(src)
    found, _ = find_whole_checkpoint(path, trusted=trusted)
    if found is None:
        raise FileNotFoundError(f'{str(src)!r} has no checkpoint that is whole')
    return found


def _chosen(checkpoint: dict[str, Any], weights: str, source: str) -> dict[str, torch.Tensor]:
    """Give the weights that are asked for: with `EMAHook`, `state_dict` and `ema_state_dict` are exchanged."""
    default = checkpoint.get('state_dict', checkpoint)
    if weights == 'averaged' and _AVERAGE not in checkpoint:
        raise ValueError(f'{source!r} has no averaged weights: no EMAHook was in the run that saved it')
    if weights != 'trained' or _AVERAGE not in checkpoint:
        return dict(default) if not isinstance(default, OrderedDict) else default
    kept = {name.removeprefix(_BEGIN): value for name, value in checkpoint[_AVERAGE].items() if name.startswith(_BEGIN)}
    trained = OrderedDict((name, kept.get(name, value)) for name, value in default.items())
    trained.__dict__.update(getattr(default, '__dict__', {}))  # the metadata
    return trained


def _sayable(about: Any) -> dict[str, Any]:
    """Give what a checkpoint says about itself; what JSON cannot say becomes a text."""
    return {str(key): json.loads(json.dumps(value, default=str)) for key, value in dict(about or {}).items()}
