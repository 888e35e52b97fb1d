"""How the client is started: offline, in the folder of the run, and without what it would record by itself."""
from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from mmengine.visualization.values import Identity

#: The client's name for the folder of its records, which it takes from the environment only.
FOLDER = 'NEPTUNE_DATA_DIRECTORY'
#: What the client would record beside what it is given.
QUIET: Mapping[str, Any] = {
    'source_files': [], 'git_ref': False, 'capture_stdout': False, 'capture_stderr': False, 'capture_traceback': False,
    'capture_hardware_metrics': False,
}
#: Seconds that a fork waits for a record that is being written.
FORK_PATIENCE = 1.0
_starting = threading.Lock()
_recording = threading.RLock()
_runs: weakref.WeakSet[Any] = weakref.WeakSet()
_held = False
_Method = TypeVar('_Method', bound=Callable[..., Any])


def wants_server(given: Mapping[str, Any], identity: Identity) -> bool:
    """Tell whether somebody asked for a server, of one's own, since that of the company is gone."""
    mode = given.get('mode') or identity.mode or os.environ.get('NEPTUNE_MODE')
    return mode in ('async', 'sync', 'online')


def init_run(client: Any, folder: str | None, arguments: Mapping[str, Any]) -> Any:
    """Start a run.

    Args:
        client: The module `neptune`.
        folder: Folder of the run, below which the client makes its own; None for the working directory.
        arguments: Of `init_run`, before which nothing has precedence.
    """
    given = {**QUIET, 'mode': os.environ.get('NEPTUNE_MODE', 'offline'), **arguments}
    with _folder(folder if given['mode'] == 'offline' else None):  # a server may let one wait
        run = client.init_run(**given)
    _runs.add(run)
    return run


def end_run(run: Any, seconds: float) -> None:
    """End a run, and wait so long for what it has to send."""
    _runs.discard(run)
    run.stop(seconds=seconds)


@contextmanager
def _folder(folder: str | None) -> Iterator[None]:
    if folder is None or FOLDER in os.environ:
        yield
        return
    with _starting:  # of two runs that start at once each gets its own
        os.environ[FOLDER] = os.path.join(os.path.abspath(folder), '.neptune')
        try:
            yield
        finally:
            del os.environ[FOLDER]


def recording(method: _Method) -> _Method:
    """Decorate a method that records, during which the process is not to be forked."""
    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with _recording:
            return method(*args, **kwargs)

    return cast(_Method, wrapper)


def _before_fork() -> None:
    """Empty the client's buffers, whose content the child, a worker of a data loader, would write a second time."""
    global _held
    _held = _recording.acquire(timeout=FORK_PATIENCE)
    if _held:
        for run in list(_runs):
            run.wait(disk_only=True)


def _after_fork() -> None:
    global _held
    if _held:
        _held = False
        _recording.release()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
