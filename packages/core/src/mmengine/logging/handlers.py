"""Where the lines of a log go: the present standard output, and files that open again after they were closed."""
from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from mmengine.utils.suggest import did_you_mean

_FILE_HANDLERS = ('FileHandler', 'BaseRotatingHandler', 'RotatingFileHandler', 'TimedRotatingFileHandler',
                  'WatchedFileHandler')


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler  # generic at run time from Python 3.11 on


def _write(handler: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
    """Write a record as one line; `Handler.handle` holds the lock, which `StreamHandler.flush` would take once more."""
    try:
        stream = handler.stream
        stream.write(handler.format(record) + handler.terminator)
        if hasattr(stream, 'flush'):  # what was put in the place of the standard output may have none
            stream.flush()
    except RecursionError:
        raise
    except Exception:  # as all handlers do: a log that cannot be written does not end the program
        handler.handleError(record)


class StdoutHandler(_StreamHandler):
    """Write to what `sys.stdout` is at the time of the record: a live display or a test may have replaced it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self._stream: TextIO | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        _write(self, record)

    @property
    def stream(self) -> TextIO:
        """The present standard output, or the stream that was set by `setStream`."""
        return self._stream if self._stream is not None else sys.stdout

    @stream.setter
    def stream(self, stream: TextIO | None) -> None:
        self._stream = stream


class FileHandler(logging.FileHandler):
    """The file of a log, which holds each line once it was written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; a file that was closed is opened again."""
        if self.stream is None:
            super().emit(record)
        else:
            _write(self, record)


def build_file_handler(cfg: dict[str, Any] | None, filename: str, mode: str) -> logging.FileHandler:
    """Open the file of a log; the folders above it are made.

    Args:
        cfg: `type`, the name of a handler in `logging` or `logging.handlers`, and its arguments; None means
            `FileHandler`.
        filename: Path of the file.
        mode: Mode in which `FileHandler` opens it, where `cfg` is None.
    """
    os.makedirs(os.path.dirname(os.path.abspath(filename)), exist_ok=True)
    if cfg is None:
        return FileHandler(filename, mode=mode, encoding='utf-8')
    if not isinstance(cfg, dict) or 'type' not in cfg:
        raise TypeError(f'file_handler_cfg must be a dict with the key "type", one of {", ".join(_FILE_HANDLERS)}, '
                        f'got {cfg!r}')
    arguments = {'encoding': 'utf-8', **cfg, 'filename': filename}
    name = arguments.pop('type')
    if name not in _FILE_HANDLERS:
        raise ValueError(f'file_handler_cfg: type {name!r} is not one of {", ".join(_FILE_HANDLERS)}.'
                         f'{did_you_mean(str(name), _FILE_HANDLERS)}')
    handler: logging.FileHandler = getattr(logging if name == 'FileHandler' else logging.handlers, name)(**arguments)
    return handler


def close_file(handler: logging.Handler) -> None:
    """Flush a handler and close its file; the next record opens it again and goes behind what is there."""
    handler.flush()
    if isinstance(handler, logging.FileHandler):
        handler.close()
        handler.mode = 'a'  # also what lets a closed FileHandler open its file again
