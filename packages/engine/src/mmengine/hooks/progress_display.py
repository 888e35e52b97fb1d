"""How progress is shown: a live bar on a terminal, a line now and then elsewhere."""
from __future__ import annotations

import atexit
import sys
import time
import weakref
from collections.abc import Sequence
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

#: Between any two values.
SEPARATOR = '  '


class Display(Protocol):
    """What the progress hook asks for."""

    def show(self, bar: str, label: str, done: int, total: int, values: Sequence[str]) -> None:
        """Show how far something is, `bar` being 'train', 'val' or 'test'; the second value is the first to go."""

    def remove(self, bar: str) -> None:
        """Take a bar away."""

    def close(self, last: str = '') -> None:
        """End the display, with a last line on what was reached; may be called again."""


def open_display(console: Console | None, plain_interval: float) -> Display:
    """Choose the display that fits the standard output.

    Args:
        console: Where to show it; by default the standard output.
        plain_interval: Seconds between lines where there is no terminal; 0 for silence.
    """
    console = console or Console()
    if console.is_terminal and not console.is_dumb_terminal and not console.is_jupyter:
        return LiveDisplay(console)
    return PlainDisplay(plain_interval)


class LiveDisplay:
    """Bars at the bottom of a terminal; what is printed meanwhile appears above them.

    Nothing is drawn by itself: without a thread of its own it takes no time from the training between two calls.
    """

    #: A run that raised may have left its bars; they go when the next ones come.
    _last: weakref.ref[LiveDisplay] | None = None

    def __init__(self, console: Console) -> None:
        former = LiveDisplay._last() if LiveDisplay._last is not None else None
        if former is not None:
            former.close()
        self._width = 24 if console.width >= 100 else 16
        self._progress = Progress(
            TextColumn('{task.description}', markup=False), BarColumn(bar_width=self._width), MofNCompleteColumn(),
            TextColumn('{task.fields[values]}', markup=False), console=console, auto_refresh=False)
        self._tasks: dict[str, Any] = {}
        self._progress.start()
        LiveDisplay._last = weakref.ref(self)
        atexit.register(self.close)  # shows the cursor again if a run raises

    def show(self, bar: str, label: str, done: int, total: int, values: Sequence[str]) -> None:
        """Draw a bar."""
        taken = len(f'{label}  {total}/{total}  ') + self._width
        text = _fitting(values, self._progress.console.width - taken)
        if bar not in self._tasks:
            self._tasks[bar] = self._progress.add_task(label, total=total, values=text)
        self._progress.update(self._tasks[bar], description=label, completed=done, total=total, values=text)
        self._progress.refresh()

    def remove(self, bar: str) -> None:
        """Take a bar away."""
        if bar in self._tasks:
            self._progress.remove_task(self._tasks.pop(bar))
            self._progress.refresh()

    def close(self, last: str = '') -> None:
        """Leave the bars as they are and give the terminal back; the last line is in the bar already."""
        self._progress.stop()
        atexit.unregister(self.close)


class PlainDisplay:
    """Lines for a file or a pipe, where the logger writes its own: seldom, or never.

    Args:
        interval: Seconds between two lines; 0 for none at all.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = time.monotonic() + interval

    def show(self, bar: str, label: str, done: int, total: int, values: Sequence[str]) -> None:
        """Write a line if it is time for one."""
        if self._interval and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._interval
            _write(SEPARATOR.join((label, f'{done}/{total}', *values)))

    def remove(self, bar: str) -> None:
        """Do nothing: a line stays."""

    def close(self, last: str = '') -> None:
        """Write what was reached."""
        if self._interval and last:
            _write(last)


def _fitting(values: Sequence[str], width: int) -> str:
    """Join as many values as there is room for; the first and the last are worth most."""
    shown = list(values)
    while len(shown) > 2 and len(SEPARATOR.join(shown)) > width:
        shown.pop(1)
    return SEPARATOR.join(shown)


def _write(line: str) -> None:
    sys.stdout.write(f'{line.rstrip()}\n')
    sys.stdout.flush()
