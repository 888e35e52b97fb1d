"""Which checkpoint a folder offers to resume from."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mmengine.fileio import exists, get_text, join_path

#: The text file in a work_dir that holds the path of the newest checkpoint.
LAST_CHECKPOINT = 'last_checkpoint'


def find_latest_checkpoint(path: str) -> str | None:
    """Tell the newest checkpoint of a folder from its `last_checkpoint` file.

    The file names the full path at the time of writing; where the folder was moved since, the checkpoint of the
    same name beside it is taken.

    Args:
        path: The work_dir of a run, also on a storage backend.

    Returns:
        Path of the checkpoint, or None if the folder has none.
    """
    record = join_path(path, LAST_CHECKPOINT)
    if not exists(record):
        return None
    recorded = get_text(record).strip()
    if recorded and not exists(recorded):
        moved = join_path(path, re.split(r'[\\/]', recorded)[-1])
        if exists(moved):
            return moved
    return recorded or None


def older_checkpoints(filename: str) -> Iterator[str]:
    """List the other checkpoints beside a local one, the newest first; best ones last, for they may be far behind."""
    folder = Path(filename).expanduser().parent
    others = [file for file in folder.glob('*.pth') if file.name != os.path.basename(filename)]
    others.sort(key=lambda file: (file.name.startswith('best_'), -_progress(file), -file.stat().st_mtime))
    yield from map(str, others)


def _progress(file: Path) -> int:
    """The number that ends the name, of epochs or iterations."""
    numbers = re.findall(r'\d+', file.stem)
    return int(numbers[-1]) if numbers else -1
