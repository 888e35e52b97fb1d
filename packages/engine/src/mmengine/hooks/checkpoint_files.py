"""The folder of a run's checkpoints: what is in it, what is removed from it, and what is published."""
from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.checkpoint.discovery import LAST_CHECKPOINT
from mmengine.checkpoint.files import serialized
from mmengine.checkpoint.forms import read_any
from mmengine.checkpoint.publish import hashed_name
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.logging import print_log

#: What a file is called while it is written, and after how many seconds without a write it is given up.
_UNFINISHED = re.compile(r'\..+\.[0-9a-f]{12}\.tmp')
_ABANDONED = 600


class CheckpointFolder:
    """A folder on any storage backend.

    Args:
        path: The folder.
        backend: What its files are reached through: a storage backend, or upstream's older FileClient.
    """

    def __init__(self, path: str, backend: Any) -> None:
        self.path = path
        self.backend = backend

    def file(self, name: str) -> str:
        """Give the full path of a checkpoint."""
        return str(self.backend.join_path(self.path, name))

    def holds(self, path: str) -> bool:
        """Tell whether a checkpoint is there, directly in this folder; one of shards is a folder of its own."""
        return self.file(os.path.basename(path)) == path and bool(self.backend.isfile(path) or self.backend.isdir(path))

    def find(self, path: str | None) -> str | None:
        """Find a checkpoint by its recorded path, also where the folder was moved since."""
        if path is None:
            return None
        moved = self.file(os.path.basename(path))
        return moved if self.holds(moved) and not (self.backend.isfile(path) or self.backend.isdir(path)) else path

    def remove(self, path: str) -> bool:
        """Remove a checkpoint of this folder if it is there; a run does not end because that fails.

        A checkpoint elsewhere is left alone: it belongs to the run that this one was resumed from.
        """
        if not self.holds(path):
            return False
        try:
            if self.backend.isfile(path):
                self.backend.remove(path)
            else:
                getattr(self.backend, 'client', self.backend).rmtree(path)
        except Exception as error:  # of whatever kind the storage raises
            print_log(f'The checkpoint {path} is not needed any more, but could not be removed: {error}',
                      logger='current', level=logging.WARNING)
            return False
        return True

    def remove_all(self, paths: Sequence[str]) -> None:
        """Remove those of these checkpoints that are in this folder, and say so."""
        for path in paths:
            if self.remove(path):
                print_log(f'The checkpoint {path} is replaced by a newer one and removed', logger='current')

    def sweep(self) -> None:
        """Remove what writes have left that were killed, if nothing has been written to it for a while."""
        if not isinstance(getattr(self.backend, 'client', self.backend), LocalBackend):
            return
        for file in Path(self.path).glob('.*.tmp'):
            if _UNFINISHED.fullmatch(file.name):
                with contextlib.suppress(OSError):  # another rank or run may have been quicker
                    if time.time() - file.stat().st_mtime > _ABANDONED:
                        shutil.rmtree(file) if file.is_dir() else file.unlink()

    def publish(self, path: str, keys: Sequence[str], trusted: bool = False) -> str:
        """Write a copy with some of the items only, its hash in its name.

        Args:
            path: The checkpoint.
            keys: The items to keep.
            trusted: Whether the checkpoint may hold any object.

        Returns:
            The path of the copy, `*-<8 hex digits>.pth`; the digits are the first of its SHA-256.
        """
        checkpoint = read_any(path, 'cpu', trusted=trusted)
        kept = {key: value for key, value in checkpoint.items() if key in keys}
        left_out = sorted(checkpoint.keys() - kept.keys())
        if left_out:
            print_log(f'Keys {left_out} are left out of the published checkpoint, because `published_keys` has not got '
                      f'them', logger='current')
        data = serialized(kept)
        target = hashed_name(path, data)
        self.backend.put(data, target)
        print_log(f'The checkpoint ({path}) is published to {target}.', logger='current')
        return target


def record_last(work_dir: str, path: str) -> None:
    """Note which checkpoint is the newest, for a run that resumes from `work_dir`."""
    backend = get_file_backend(work_dir)
    backend.put_text(path, backend.join_path(work_dir, LAST_CHECKPOINT))
