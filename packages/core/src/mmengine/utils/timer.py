"""A stop watch."""
from __future__ import annotations

from time import monotonic
from types import TracebackType


class TimerError(Exception):
    """A timer was asked before it was started."""

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(message)


class Timer:
    """Measure the time since the start and since the last look.

    As a context manager it prints the seconds spent inside::

        with Timer(print_tmpl='took {:.1f} seconds'):
            work()

    Args:
        start: Whether to start at once.
        print_tmpl: What to print at the end of the context, with a place for the seconds; the bare number by default.
    """

    def __init__(self, start: bool = True, print_tmpl: str | None = None) -> None:
        self._is_running = False
        self._started = self._last = 0.0
        self.print_tmpl = print_tmpl if print_tmpl else '{:.3f}'
        if start:
            self.start()

    @property
    def is_running(self) -> bool:
        """Whether the timer is running."""
        return self._is_running

    def __enter__(self) -> Timer:
        self.start()
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc_value: BaseException | None,
                 traceback: TracebackType | None) -> None:
        print(self.print_tmpl.format(self.since_last_check()))
        self._is_running = False

    def start(self) -> None:
        """Start, unless the timer is running."""
        self._last = monotonic()
        if not self._is_running:
            self._started = self._last
            self._is_running = True

    def since_start(self) -> float:
        """Get the seconds since the start."""
        self._look()
        return self._last - self._started

    def since_last_check(self) -> float:
        """Get the seconds since the last question of either kind, or the start."""
        before = self._last
        self._look()
        return self._last - before

    def _look(self) -> None:
        if not self._is_running:
            raise TimerError('timer is not running: call start() first')
        self._last = monotonic()


_timers: dict[str, Timer] = {}


def check_time(timer_id: str) -> float:
    """Get the seconds since the last call with the same name; the first call gives 0.

    Args:
        timer_id: Name of the timer.
    """
    if timer_id not in _timers:
        _timers[timer_id] = Timer()
        return 0.0
    return _timers[timer_id].since_last_check()
