"""Files of artifacts kept until a backend has taken them, though a checkpoint may be deleted by then."""
from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
from typing import Any

from mmengine.visualization.delivery.ducks import setting, supports
from mmengine.visualization.delivery.lane import Call

FOLDER = '.records'


class Stage:
    """Links to files, in a folder beside them; where there are no links, the caller waits for the backend."""

    def __init__(self) -> None:
        self._count = itertools.count()
        self._kept: set[str] = set()

    def take(self, call: Call, backend: Any) -> None:
        """See to it that a call will find its file, or let it be waited for."""
        if call.kwargs.get('reference') or not supports(backend, 'artifact'):
            return
        name, path, *rest = call.args
        # Checkpoints are replaced and never changed in place; of other files one cannot know.
        link = self._link(os.path.realpath(path)) if call.kwargs.get('type') == 'model' and os.path.isfile(path) else ''
        if not link:
            call.awaited()
            return
        folder = os.path.dirname(link)
        call.args = (name, link, *rest)
        if setting(backend, 'keeps_paths'):
            self._kept.add(folder)
        else:
            call.after = functools.partial(_remove, folder)

    def _link(self, path: str) -> str:
        parent = os.path.join(os.path.dirname(path), FOLDER)
        folder = os.path.join(parent, f'{os.getpid()}_{id(self):x}_{next(self._count)}')
        target = os.path.join(folder, os.path.basename(path))
        try:
            os.makedirs(folder)
            os.link(path, target)
        except OSError:  # a file system without links, or a folder that is not ours to write
            shutil.rmtree(folder, ignore_errors=True)
            return ''
        return target

    def clear(self) -> None:
        """Remove what was kept until the end of the run."""
        while self._kept:
            _remove(self._kept.pop())


def _remove(folder: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # others are still in it
        os.rmdir(os.path.dirname(folder))
