"""Signals that ask a training to save and end: Ctrl-C, the end of a job, a pre-emption."""
from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.sharedctypes import RawValue
from types import FrameType
from typing import Any

from mmengine.utils.suggest import did_you_mean
from mmengine.visualization.delivery.exits import handler_before

#: Ctrl-C, what ends a job, and what Slurm is usually asked to send some time before it ends one.
STOP_SIGNALS = ('SIGINT', 'SIGTERM', 'SIGUSR1')
#: Within so many seconds Ctrl-C counts once where a launcher passes on what the ranks have got already.
_SAME_CTRL_C = 1.0


def check_signals(names: Sequence[str]) -> tuple[str, ...]:
    """Check names of signals; those that only other systems have are fine.

    Raises:
        TypeError: They are no sequence of names.
        ValueError: There is no signal of that name.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f'stop_signals should be a sequence of names of signals, but got {names!r}')
    known = [*STOP_SIGNALS, *(item.name for item in signal.Signals)]
    for name in names:
        if name not in known:
            raise ValueError(f'stop_signals: there is no signal {name!r}.{did_you_mean(name, known)}')
    return tuple(names)


class StopSignals:
    """Takes note of a signal instead of ending the process, so that the training ends where its state is whole.

    Ctrl-C a second time ends it at once. A handler that was there before is called when the state is saved.

    Args:
        names: Names of the signals.
        is_one_of_many: Whether a launcher may pass Ctrl-C on to ranks which have got it already.
        on_first: Is called when the first signal comes, in the midst of whatever the process does.
    """

    def __init__(self, names: Sequence[str], is_one_of_many: bool, on_first: Callable[[], None]) -> None:
        self._names = names
        self._is_one_of_many = is_one_of_many
        self._on_first = on_first
        self._former: dict[int, Any] = {}
        self._process = os.getpid()
        self._time = 0.0
        #: The signal that came first, 0 for none.
        self.received = 0

    def install(self) -> None:
        """Begin to take note; not in a thread, where that is impossible, nor in a notebook, whose own way it is."""
        if threading.current_thread() is not threading.main_thread() or 'ipykernel' in sys.modules:
            return
        for name in self._names:
            number = getattr(signal, name, None)
            # What is ignored stays so (nohup); None was installed by other means than Python's.
            if number is not None and signal.getsignal(number) not in (None, signal.SIG_IGN):
                self._former[number] = signal.signal(number, self._note)

    def restore(self) -> None:
        """Put the handlers back that were there before."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:  # a worker of a data loader: the training goes on until it is saved
            return
        if self.received == number == signal.SIGINT and not self._is_passed_on():
            self.restore()
            raise KeyboardInterrupt
        if not self.received:
            self.received, self._time = number, time.monotonic()
            again = ' Ctrl-C once more ends it at once, without saving.' if number == signal.SIGINT else ''
            # Not through a logger: it may be just about to write.
            os.write(2, f'\n{signal.Signals(number).name}: the training ends after this iteration and is saved.{again}'
                        f'\n'.encode())
            self._on_first()

    def _is_passed_on(self) -> bool:
        return self._is_one_of_many and time.monotonic() - self._time < _SAME_CTRL_C

    def end(self, text: str) -> BaseException:
        """Restore the handlers, call the one that was there, and give what ends the process as the signal would have.

        Args:
            text: What was saved.
        """
        number = self.received or signal.SIGTERM
        former = handler_before(self._former.get(number))
        self.restore()
        if callable(former) and former is not signal.default_int_handler:
            former(number, None)
        if number == signal.SIGINT:
            return KeyboardInterrupt(text)
        return SystemExit(128 + number)


class DeafWorker:
    """Makes a worker of a data loader ignore signals that its whole process group gets, while the training goes on.

    Args:
        names: Names of the signals.
        worker_init_fn: What the loader calls in its workers besides.
        is_over: A number in shared memory that is not 0 when the training is over: Python then ends what is left of
            its workers by SIGTERM.
    """

    def __init__(self, names: Sequence[str], worker_init_fn: Any, is_over: Any) -> None:
        self._names, self._init, self._is_over, self._parent = names, worker_init_fn, is_over, os.getpid()

    def __call__(self, worker_id: int) -> None:
        """Is called in a worker."""
        for name in self._names:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._note)
        if self._init is not None:
            self._init(worker_id)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._is_over.value or os.getppid() != self._parent:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


@contextlib.contextmanager
def deaf_workers(loaders: Sequence[Any], names: Sequence[str]) -> Iterator[None]:
    """Let the workers that loaders start within the block ignore signals until it ends."""
    former = [loader.worker_init_fn for loader in loaders]
    is_over = RawValue('b', 0)
    for loader in loaders:
        loader.worker_init_fn = DeafWorker(names, loader.worker_init_fn, is_over)
    try:
        yield
    finally:
        is_over.value = 1
        for loader, function in zip(loaders, former, strict=True):
            loader.worker_init_fn = function
