"""Checkpoints to hand on: some of the items, and the hash of the file in its name."""
from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path

from mmengine.checkpoint.files import serialized
from mmengine.checkpoint.forms import read_any
from mmengine.fileio.atomic import atomic_write

#: What who loads a model needs of a checkpoint.
NEEDED = ('meta', 'state_dict')


def hashed_name(path: str, data: bytes) -> str:
    """Name a file after the one that it was made of and the first 8 digits of its SHA-256."""
    return f'{os.path.splitext(path)[0]}-{hashlib.sha256(data).hexdigest()[:8]}.pth'


def strip_checkpoint(source: str | Path, destination: str | Path | None = None, keys: Collection[str] = NEEDED, *,
                     trusted: bool = False) -> tuple[str, list[str]]:
    """Write a copy with some of the items only, its hash in its name.

    Args:
        source: The checkpoint, a local file or a folder of shards.
        destination: Path of the copy without the hash, by default that of the source.
        keys: The items to keep; whatever else a run needs to go on is left out.
        trusted: Whether the source may hold any object; reading it may then run any code.

    Returns:
        The path of the copy, `*-<8 hex digits>.pth`, and the items that are left out.

    Raises:
        FileNotFoundError: There is no such source.
        BrokenCheckpointError: The source is not whole, or is no dict.
        UnsafeCheckpointError: The source holds other types than tensors and plain containers, and is not trusted.
        KeyError: The source has none of the items.
    """
    checkpoint = read_any(source, 'cpu', trusted=trusted)
    kept = {key: value for key, value in checkpoint.items() if key in keys}
    if not kept:
        raise KeyError(f'{str(source)!r} has none of {", ".join(keys)}: it has {", ".join(map(str, checkpoint))}')
    data = serialized(kept)
    base = re.sub(r'-[0-9a-f]{8}(?=\.\w+$)', '', os.path.expanduser(str(destination or source)))
    path = Path(hashed_name(base, data))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, 'wb') as file:
        file.write(data)
    return str(path), sorted(map(str, checkpoint.keys() - kept.keys()))
