"""Whether the checkpoints of a folder are whole."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mmengine.checkpoint.checksum import DamagedError, verify
from mmengine.checkpoint.discovery import LAST_CHECKPOINT, find_latest_checkpoint
from mmengine.checkpoint.files import BrokenCheckpointError
from mmengine.checkpoint.forms import check_any
from mmengine.checkpoint.look import look_into
from mmengine.checkpoint.safety import UnsafeCheckpointError

_SUFFIXES = ('.pth', '.pt', '.ckpt', '.safetensors')
#: Files of a folder of shards; the first is written last.
_SHARDED = ('whole.json', 'rest.pth')


class Verdict(NamedTuple):
    """What is found out about one checkpoint: whether it is whole, and how that is known or what is wrong."""

    path: str
    whole: bool
    text: str


def examine(path: str | Path, *, trusted: bool = False) -> Iterator[Verdict]:
    """Verify a checkpoint, or all that a folder holds.

    Args:
        path: A file, a folder of shards, or a work_dir; in this, whether `last_checkpoint` leads to one as well.
        trusted: Whether files without a checksum may hold any object; reading them may then run any code.
    """
    place = Path(path).expanduser()
    if not place.is_dir() or _is_sharded(place):
        yield _verdict(place, trusted)
        return
    found = sorted(one for one in place.iterdir() if _is_checkpoint(one))
    for one in found:
        yield _verdict(one, trusted)
    newest = find_latest_checkpoint(str(place))
    if newest is not None and not os.path.exists(newest):
        yield Verdict(str(place / LAST_CHECKPOINT), False, f'it leads to {newest!r}, which is not there')
    if not found:
        yield Verdict(str(path), False, 'there is no checkpoint in this folder')


def _is_sharded(place: Path) -> bool:
    return any((place / name).exists() for name in _SHARDED)


def _is_checkpoint(place: Path) -> bool:
    if place.name.startswith('.'):
        return False
    return _is_sharded(place) or (place.suffix in _SUFFIXES and (place.is_file() or not any(place.glob('*.py'))))


def _verdict(place: Path, trusted: bool) -> Verdict:
    try:
        return Verdict(str(place), True, _how_known(place, trusted))
    except (BrokenCheckpointError, UnsafeCheckpointError, OSError) as error:
        return Verdict(str(place), False, str(error))


def _how_known(place: Path, trusted: bool) -> str:
    if place.suffix == '.safetensors' and not place.is_dir():
        look_into(place)
        return 'its size is what its header says; the format has no checksum'
    check_any(place, trusted=trusted)
    if place.is_dir():
        return 'all files are what their record says'
    with open(place, 'rb') as file:
        try:
            return 'by its checksum' if verify(file) else 'it has no checksum, and can be read to its end'
        except DamagedError as error:  # since it was read a moment ago
            raise BrokenCheckpointError(str(error)) from error
