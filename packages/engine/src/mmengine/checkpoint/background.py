"""Checkpoints written by a thread, from a copy of the state, while the training goes on."""
from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from mmengine.checkpoint.snapshot import Snapshot, SnapshotPool

Write = Callable[[dict[str, Any], str, 'dict[str, Any] | None'], None]
#: Copies of the state at a time: the best checkpoint and the regular one of the same step are saved at once.
_COPIES = 2


class BackgroundWriter:
    """Writes one checkpoint after the other, and does what has to follow each only once it is on the disk.

    A copy of the state is all that the caller waits for, unless two copies are still being written. What a write
    raises is raised to the caller by the next call. The interpreter does not end before all is written.

    Args:
        write: Writes a state to a file, with arguments of the storage backend.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._pool = SnapshotPool()
        self._jobs: deque[tuple[Callable[[], None], Snapshot | None]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._copies = 0
        self._error: BaseException | None = None

    def write(self, state: dict[str, Any], filename: str, backend_args: dict[str, Any] | None = None, *,
              write: Write | None = None) -> None:
        """Copy a state, and have it written to a file.

        Args:
            state: The state.
            filename: Path, or URI of a storage backend.
            backend_args: Arguments of the storage backend.
            write: Writes this one, in place of what writes all others.

        Raises:
            Exception: What the last write raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._copies < _COPIES)
            self._raise()
            self._copies += 1
        snapshot = self._pool.take(state)
        self._add(partial(self._write_copy, write or self._write, snapshot, filename, backend_args), snapshot)

    def then(self, action: Callable[[], None]) -> None:
        """Do something once all that came before is on the disk; never, if that fails."""
        with self._changed:
            if self._error is None:  # else what came before has failed already, and nobody has asked yet
                self._add(action)

    def wait(self) -> None:
        """Wait until all is written.

        Raises:
            Exception: What a write raised.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None)
            self._raise()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    @staticmethod
    def _write_copy(write: Write, snapshot: Snapshot, filename: str, backend_args: dict[str, Any] | None) -> None:
        snapshot.wait()
        write(snapshot.state, filename, backend_args)

    def _add(self, job: Callable[[], None], snapshot: Snapshot | None = None) -> None:
        with self._changed:
            self._jobs.append((job, snapshot))
            if self._thread is None:
                # No daemon: the interpreter waits for it.
                self._thread = threading.Thread(target=self._run, name='mmengine-checkpoint')
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    self._thread = None
                    self._changed.notify_all()
                    return
                job, snapshot = self._jobs.popleft()
            error: BaseException | None = None
            try:
                job()
            except BaseException as raised:  # for the caller to raise
                error = raised
            with self._changed:
                self._release(snapshot)
                if error is not None:
                    self._error = error
                    while self._jobs:  # nothing follows what failed
                        self._release(self._jobs.popleft()[1])
                self._changed.notify_all()

    def _release(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            snapshot.state = None
            self._pool.give_back(snapshot)
            self._copies -= 1
