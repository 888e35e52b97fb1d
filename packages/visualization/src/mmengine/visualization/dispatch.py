"""The one place through which every call to a backend goes, so that a tracker may fail and the training may not."""
from __future__ import annotations

import inspect
import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from mmengine.logging import print_log

OnError = Literal['warn', 'raise']

#: After so many failures in a row a method of a backend is set aside.
TOLERANCE = 3
#: Seconds until the first new try; doubled at each further one that fails.
FIRST_PAUSE = 60.0
LONGEST_PAUSE = 3600.0
#: Methods that do not start a tracker and are never set aside: what is open has to be closed.
UNSTARTED = frozenset({'identify', 'flush', 'close'})


@dataclass
class _Health:
    """How a method of a backend fares: failures in a row, and when it may be tried again."""

    failures: int = 0
    retry_at: float = 0.0


@dataclass
class _Guard:
    """What is known of one backend."""

    health: dict[str, _Health] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)


class Dispatcher:
    """Call a method of every backend; what one raises is reported and does not reach the others or the caller.

    The first failure of a backend is reported with its name, and any further one that is different. A method which
    failed three times in a row is set aside, and tried again after a pause that gets longer; a start that failed stands
    for all methods. So a tracker that is gone costs little, and a wrong picture does not cost the scalars.

    Args:
        backends: The backends by name.
        on_error: 'raise' hands the first failure on, for tests.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, backends: dict[str, Any] | None = None, on_error: OnError = 'warn',
                 clock: Callable[[], float] = time.monotonic) -> None:
        if on_error not in ('warn', 'raise'):
            raise ValueError(f"on_error should be 'warn' or 'raise', but got {on_error!r}")
        self.backends: dict[str, Any] = {} if backends is None else backends
        self.on_error = on_error
        self._clock = clock
        self._guards: dict[str, _Guard] = {}

    def call(self, method: str, *args: Any, **kwargs: Any) -> None:
        """Call `method` of every backend."""
        for name in list(self.backends):
            self.call_one(name, method, *args, **kwargs)

    def call_one(self, name: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call `method` of one backend.

        Returns:
            What the method returned; None if it failed or was not called.
        """
        backend = self.backends[name]
        function = getattr(backend, method, None)
        if function is None:  # a class of its own that implements only a part
            return None
        if method in UNSTARTED:
            return self._guarded(name, method, _fitting(function), args, kwargs)
        start = getattr(backend, 'start', None)
        if start is not None and not getattr(backend, '_env_initialized', False):
            self._guarded(name, 'start', start, (), {})
            if not getattr(backend, '_env_initialized', False):
                return None
        return self._guarded(name, method, function, args, kwargs)

    def ask(self, name: str, attribute: str) -> Any:
        """Read an attribute of a backend; None if it has none, or could not tell."""
        backend = self.backends[name]
        return self._guarded(name, attribute, lambda: getattr(backend, attribute, None), (), {})

    def is_aside(self, name: str, method: str = 'start') -> bool:
        """Tell whether a method of a backend, or with 'start' the backend as a whole, is set aside at present."""
        health = self._guard(name).health.get(method)
        return health is not None and health.failures >= TOLERANCE and self._clock() < health.retry_at

    def _guard(self, name: str) -> _Guard:
        guard = self._guards.get(name)
        if guard is None:
            guard = self._guards[name] = _Guard()
        return guard

    def _guarded(self, name: str, method: str, function: Callable[..., Any], args: tuple[Any, ...],
                 kwargs: dict[str, Any]) -> Any:
        # Time limits, queues and worker threads of slow trackers belong here and nowhere else.
        guard = self._guard(name)
        if guard.health and method not in UNSTARTED and self.is_aside(name, method):
            return None
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            if self.on_error == 'raise':
                raise
            self._failed(name, method, error)
            return None
        if guard.health:
            guard.health.pop(method, None)
        return result

    def _failed(self, name: str, method: str, error: Exception) -> None:
        guard = self._guard(name)
        text = f'{type(error).__name__}: {error}'
        if text not in guard.reported and len(guard.reported) < TOLERANCE:
            guard.reported.add(text)
            _warn(f'The visualization backend {name!r} failed in `{method}` ({text}). The run and the other backends '
                  'go on; this is said once.')
            print_log(''.join(traceback.format_exception(error)), logger='current', level=logging.DEBUG)
        if method in UNSTARTED:
            return
        health = guard.health.setdefault(method, _Health())
        health.failures += 1
        if health.failures >= TOLERANCE:
            pause = min(FIRST_PAUSE * 2 ** (health.failures - TOLERANCE), LONGEST_PAUSE)
            health.retry_at = self._clock() + pause
            if health.failures == TOLERANCE:
                what = 'is' if method == 'start' else f'is, as far as `{method}` goes,'
                _warn(f'The visualization backend {name!r} {what} set aside after {TOLERANCE} failures in a row; '
                      f'the next try is in {pause:.0f} s.')


def _warn(text: str) -> None:
    print_log(text, logger='current', level=logging.WARNING)


def _fitting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leave out the keyword arguments that an older backend's method does not have, such as `close(status)`."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return function
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return function
    known = set(parameters)

    def fitting(*args: Any, **given: Any) -> Any:
        return function(*args, **{key: value for key, value in given.items() if key in known})

    return fitting
