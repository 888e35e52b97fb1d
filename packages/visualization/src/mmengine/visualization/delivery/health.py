"""How a backend fares: what went wrong, when to try again, what was lost; and each of that said once, by its name."""
from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from mmengine.logging import print_log
from mmengine.visualization.redact import redact_text

#: After so many failures in a row a method of a backend is set aside.
TOLERANCE = 3
#: Seconds until the first new try of a method; doubled at each further one that fails.
FIRST_PAUSE = 60.0
#: The same for a start, while which records wait.
FIRST_START_PAUSE = 5.0
LONGEST_PAUSE = 3600.0
#: Methods that do not start a tracker and are never set aside: what is open has to be closed.
UNSTARTED = frozenset({'identify', 'flush', 'close'})


@dataclass
class _Failures:
    in_a_row: int = 0
    retry_at: float = 0.0


class Health:
    """The record of one backend.

    Args:
        name: Its name in the visualizer.
        secrets: Texts that may not be printed, such as the API key in the backend's settings.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, name: str, secrets: frozenset[str] = frozenset(),
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._secrets = secrets
        self._clock = clock
        #: What failed last time it was called: nothing, as a rule.
        self.failures: dict[str, _Failures] = {}
        self._said: set[str] = set()
        self._lost: Counter[str] = Counter()

    def failed(self, method: str, error: BaseException) -> None:
        """Note a failure, and report it if it is not the same as one before."""
        text = f'{type(error).__name__}: {error}'
        self.say(text, f'failed in `{method}` ({text}). The run and the other backends go on; this is said once.')
        if self._said_once(f'traceback of {text}'):
            print_log(redact_text(''.join(traceback.format_exception(error)), self._secrets), logger='current',
                      level=logging.DEBUG)
        if method not in UNSTARTED:
            self._postpone(method)

    def _postpone(self, method: str) -> None:
        failures = self.failures.setdefault(method, _Failures())
        failures.in_a_row += 1
        if method == 'start':
            pause = min(FIRST_START_PAUSE * 2 ** (failures.in_a_row - 1), LONGEST_PAUSE)
            failures.retry_at = self._clock() + pause
        elif failures.in_a_row >= TOLERANCE:
            pause = min(FIRST_PAUSE * 2 ** (failures.in_a_row - TOLERANCE), LONGEST_PAUSE)
            failures.retry_at = self._clock() + pause
            self.say(f'{method} aside', f'is, as far as `{method}` goes, set aside after {TOLERANCE} failures in a '
                     f'row; the next try is in {pause:.0f} s.')

    def succeeded(self, method: str) -> None:
        """Forget the failures of a method."""
        self.failures.pop(method, None)

    def pause(self, method: str) -> float:
        """Give the seconds until a method may be called; 0 for now."""
        failures = self.failures.get(method)
        return 0.0 if failures is None else max(failures.retry_at - self._clock(), 0.0)

    def lose(self, method: str, count: int = 1) -> None:
        """Count records that did not reach the tracker."""
        self._lost[method] += count

    def lost(self, method: str) -> int:
        """Give how many calls of a method were lost since the last report."""
        return self._lost[method]

    def report_lost(self) -> None:
        """Say what was lost since the last report."""
        if self._lost:
            what = ', '.join(f'{count} x {method}' for method, count in sorted(self._lost.items()))
            self._warn(f'did not get everything: {what}. The local record has it all.')
            self._lost.clear()

    def say(self, key: str, text: str) -> None:
        """Warn once per key; of different failures there are no more than a few."""
        if self._said_once(key):
            self._warn(text)

    def _said_once(self, key: str) -> bool:
        if key in self._said or len(self._said) > 20:
            return False
        self._said.add(key)
        return True

    def _warn(self, text: str) -> None:
        print_log(f'The visualization backend {self._name!r} {redact_text(text, self._secrets)}', logger='current',
                  level=logging.WARNING)
