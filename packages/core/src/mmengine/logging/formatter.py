"""What a line of the log looks like, and which repeated lines are left out."""
from __future__ import annotations

import logging
import os
from typing import Any

_COLORS = {logging.DEBUG: '32', logging.INFO: '37', logging.WARNING: '33', logging.ERROR: '31',
           logging.CRITICAL: '31'}
_BOLD, _BLINK, _RESET = '\x1b[1m', '\x1b[5m', '\x1b[0m'
_MOST_REMEMBERED = 10_000


class MMFormatter(logging.Formatter):
    """Format a record as `time - logger - LEVEL - message`; errors have file, function and line before the message.

    Args:
        color: Whether to colour the level; the environment variable `NO_COLOR` forbids it.
        blink: Whether to let it blink as well.
        **kwargs: For `logging.Formatter`, `datefmt` for example.
    """

    def __init__(self, color: bool = True, blink: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._color = color and not os.environ.get('NO_COLOR')
        self._start = (_BLINK if blink else '') + _BOLD
        self._last_time = (0, ''), ''

    def usesTime(self) -> bool:
        """Say that every line has the time."""
        return True

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Write the time of a record, once for all records of a second: `datefmt` knows no parts of it."""
        if datefmt is None:
            return super().formatTime(record)
        when = int(record.created), datefmt
        if self._last_time[0] != when:
            self._last_time = when, super().formatTime(record, datefmt)
        return self._last_time[1]

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Put the line together, without a traceback."""
        where = f'{record.pathname} - {record.funcName} - {record.lineno} - ' if record.levelno >= logging.ERROR else ''
        return f'{record.asctime} - {record.name} - {self._level(record)} - {where}{record.message}'

    def _level(self, record: logging.LogRecord) -> str:
        color = _COLORS.get(record.levelno) if self._color else None
        if color is None:
            return record.levelname
        return f'{self._start}\x1b[{color}m{record.levelname}{_RESET}'


class FilterDuplicateWarning(logging.Filter):
    """Let each warning through once.

    Args:
        name: Name of the logger whose records are looked at.
    """

    def __init__(self, name: str = 'mmengine') -> None:
        super().__init__(name)
        self.seen: dict[str, None] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is not a warning that was seen before."""
        if record.levelno != logging.WARNING:
            return True
        message = record.getMessage()
        if message in self.seen:
            return False
        if len(self.seen) >= _MOST_REMEMBERED:  # a warning with a counter in it must not fill the memory
            del self.seen[next(iter(self.seen))]
        self.seen[message] = None
        return True
