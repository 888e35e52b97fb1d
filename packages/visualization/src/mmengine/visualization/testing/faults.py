"""Servers that are away or never answer, and backends that misbehave, for tests of what must not stop a run."""
from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.visualization.backends.base import BaseVisBackend, force_init_env


@contextmanager
def black_hole() -> Iterator[str]:
    """Open a port on this machine that takes connections and never answers; gives `127.0.0.1:PORT`."""
    taken: list[socket.socket] = []
    listener = socket.create_server(('127.0.0.1', 0), backlog=128)

    def take() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:  # the end of the test
                return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield f'127.0.0.1:{listener.getsockname()[1]}'
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in taken:
            connection.close()


@contextmanager
def dead_address() -> Iterator[str]:
    """Keep a port on this machine on which nobody listens, so that connections are refused; gives `127.0.0.1:PORT`."""
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))
        yield f'127.0.0.1:{bound.getsockname()[1]}'


class FaultyVisBackend(BaseVisBackend):
    """A backend that keeps numbers in memory, until it does what a tracker should not do.

    Args:
        save_dir: Not used.
        fault: What it does: 'raise', 'hang', 'slow' or 'exit'.
        at: The method that does it.
        seconds: How long a slow call takes.
    """

    start_limit = call_limit = close_limit = 0.2

    def __init__(self, save_dir: str | None = None, fault: str = 'raise', at: str = 'add_scalar',
                 seconds: float = 0.01) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]  # as a backend without files has it
        self.fault = fault
        self.at = at
        self.seconds = seconds
        self.released = threading.Event()
        self.scalars: list[tuple[int, dict[str, Any]]] = []
        self.status: str | None = None
        self.tries = 0

    def _misbehave(self, method: str) -> None:
        if method != self.at:
            return
        self.tries += 1
        if self.fault == 'raise':
            raise RuntimeError('the tracker is out of order')
        if self.fault == 'hang':
            self.released.wait()
        elif self.fault == 'exit':
            sys.exit('the tracker ends the process')
        else:
            time.sleep(self.seconds)

    def _init_env(self) -> None:
        self._misbehave('start')

    @property
    @force_init_env
    def experiment(self) -> FaultyVisBackend:
        """The backend itself."""
        return self

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Keep a number."""
        self._misbehave('add_scalar')
        self.scalars.append((step, {name: value}))

    @force_init_env
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Keep some numbers."""
        self._misbehave('add_scalar')
        self.scalars.append((step, scalar_dict))

    def flush(self) -> None:
        """Do nothing, or misbehave."""
        self._misbehave('flush')

    def close(self, status: str = 'success') -> None:
        """Note how the run ended."""
        self._misbehave('close')
        self.status = status
        self._env_initialized = False
