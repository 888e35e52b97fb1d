"""What becomes of records that wait when the process ends, is told to end, or forks."""
from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from types import FrameType
from typing import Any, Protocol

#: Seconds in all for what is left when the process is told to end.
GRACE = 10.0


class Open(Protocol):
    """Something with records that wait."""

    @property
    def is_open(self) -> bool:
        """Whether there is anything to end."""

    def close(self, status: str, timeout: float | None = None) -> None:
        """End it."""

    def forked(self) -> None:
        """Start over in the child of a fork."""


_watched: weakref.WeakSet[Any] = weakref.WeakSet()
_previous: Any = None
_terminated = False
_fork = threading.local()  # of a thread that forks: what signals it had blocked


def watch(dispatcher: Open) -> None:
    """See to it that a dispatcher is closed at the end, however that comes."""
    _watched.add(dispatcher)
    if threading.current_thread() is threading.main_thread():  # no other may set handlers of signals
        _take_sigterm()


def unwatch(dispatcher: Open) -> None:
    """Let go of a dispatcher that was closed; with the last one the signal is handled as it was before."""
    _watched.discard(dispatcher)
    if not _watched and threading.current_thread() is threading.main_thread():
        _give_sigterm_back()


def close_all(status: str, timeout: float | None = None) -> None:
    """Close what is still open, in `timeout` seconds each."""
    for dispatcher in list(_watched):
        if dispatcher.is_open:
            dispatcher.close(status, timeout)


def _at_exit() -> None:
    failed = getattr(sys, 'last_value', None) is not None
    close_all('aborted' if _terminated else 'failed' if failed else 'success')


def _take_sigterm() -> None:
    """Handle the signal that ends a process; whoever handled it before goes on doing so."""
    global _previous
    if signal.getsignal(signal.SIGTERM) is not _on_sigterm:
        _previous = signal.signal(signal.SIGTERM, _on_sigterm)


def _give_sigterm_back() -> None:
    global _previous
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if _previous is None else _previous)
        _previous = None


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    global _terminated
    _terminated = True
    if callable(_previous):  # which decides how the run goes on, and ends it in its own way
        _previous(number, frame)
    elif _previous != signal.SIG_IGN:
        close_all('aborted', GRACE)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)


def handler_before(handler: Any) -> Any:
    """Give the handler of the signal that was there before ours, and any other as it is.

    Who ends the process in another way than by the signal closes the trackers in that way, and calls this one only.
    """
    return _previous if handler is _on_sigterm else handler


def _before_fork() -> None:
    # Python forgets a signal that comes to a child before it is ready: one that ends it should wait until then.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        _fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _after_fork() -> None:
    mask = getattr(_fork, 'mask', None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _fork.mask = None


def _forked() -> None:
    for dispatcher in list(_watched):
        dispatcher.forked()
    _watched.clear()
    _give_sigterm_back()
    _after_fork()


# Before the handlers of `atexit`, among which are those of the trackers' clients, and before thread pools refuse work.
getattr(threading, '_register_atexit', atexit.register)(_at_exit)
if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forked)
