"""The logger of a run."""
from __future__ import annotations

import getpass
import logging
import os
import socket
import sys
from typing import Any

from mmengine.logging.formatter import FilterDuplicateWarning as FilterDuplicateWarning
from mmengine.logging.formatter import MMFormatter as MMFormatter
from mmengine.logging.handlers import StdoutHandler, build_file_handler, close_file
from mmengine.utils.manager import ManagerMixin
from mmengine.utils.rank import get_local_rank
from mmengine.utils.rank import get_rank as _get_rank
from mmengine.utils.rank import get_world_size as _get_world_size
from mmengine.utils.suggest import did_you_mean


class MMLogger(logging.Logger, ManagerMixin):
    """A logger that is found by the name of its instance and stands outside the tree of the standard library's loggers.

    It writes to the standard output and, where a file is named, to that file. Its own level lets everything through,
    the handlers have the level.

    Args:
        name: Name of the instance.
        logger_name: Name in the lines of the log.
        log_file: Path of the file.
        log_level: Level of the handlers; processes other than rank 0 show only errors.
        file_mode: Mode in which the file is opened.
        distributed: Whether every process writes a file, which then has host, device and rank in its name. At the
            level `DEBUG` this is so anyway.
        file_handler_cfg: `type` and arguments of the file handler, `dict(type='RotatingFileHandler', maxBytes=10**7)`
            for example.
    """

    def __init__(self, name: str, logger_name: str = 'mmengine', log_file: str | os.PathLike[str] | None = None,
                 log_level: int | str = 'INFO', file_mode: str = 'w', distributed: bool = False,
                 file_handler_cfg: dict[str, Any] | None = None) -> None:
        logging.Logger.__init__(self, logger_name)
        ManagerMixin.__init__(self, name)
        rank = _get_rank()
        stream = StdoutHandler()
        stream.setFormatter(MMFormatter(color=True, datefmt='%m/%d %H:%M:%S'))
        stream.setLevel(log_level)
        level = stream.level
        if rank != 0:
            stream.setLevel(logging.ERROR)
        self.addHandler(stream)
        # On the logger and not on its handlers, so that a warning reaches all of them or none.
        self.addFilter(FilterDuplicateWarning(logger_name))

        each_rank = (distributed or level <= logging.DEBUG) and _get_world_size() > 1
        self._log_file: str | None = None
        if log_file is not None:
            self._log_file = _file_of_rank(os.fspath(log_file), rank) if each_rank else os.fspath(log_file)
            if rank == 0 or each_rank:
                file = build_file_handler(file_handler_cfg, self._log_file, file_mode)
                file.setFormatter(MMFormatter(color=False, datefmt='%Y/%m/%d %H:%M:%S'))
                file.setLevel(level)
                self.addHandler(file)

    @property
    def log_file(self) -> str | None:
        """Path of the file, if there is one."""
        return self._log_file

    @classmethod
    def get_current_instance(cls) -> MMLogger:
        """Get the instance that was made last, or made current since; the first is called `mmengine`."""
        return super().get_current_instance() if cls._instance_dict else cls.get_instance('mmengine')

    def isEnabledFor(self, level: int) -> bool:
        """Tell whether a record of this level would be handled.

        Asked anew each time: the answers that the base class keeps are only renewed for loggers of the standard tree.
        """
        return not self.disabled and self.manager.disable < level and self.level <= level

    def close(self) -> None:
        """Write out what is waiting and close the files; a later record opens its file again, to append."""
        for handler in self.handlers:
            close_file(handler)

    def release(self) -> None:
        """Close the files and forget this instance, so that its name is free again."""
        self.close()
        super().release()


def print_log(msg: object, logger: logging.Logger | str | None = None, level: int = logging.INFO) -> None:
    """Print or log a message.

    Args:
        msg: The message.
        logger: A logger; the name of an `MMLogger`; `'current'` for the current one; `'silent'` for nothing; None for
            a plain `print`.
        level: Level of the message.

    Raises:
        ValueError: There is no `MMLogger` of this name.
        TypeError: `logger` is none of these.
    """
    if logger is None:
        print(msg)
    elif isinstance(logger, logging.Logger):
        logger.log(level, msg, stacklevel=2)
    elif not isinstance(logger, str):
        raise TypeError(f"logger must be a logging.Logger, the name of an MMLogger, 'current', 'silent' or None, "
                        f'got an object of type {type(logger).__name__}')
    elif logger == 'current':
        MMLogger.get_current_instance().log(level, msg, stacklevel=2)
    elif logger != 'silent':
        if not MMLogger.check_instance_created(logger):
            raise ValueError(f'there is no MMLogger called {logger!r}: make it with '
                             f'MMLogger.get_instance({logger!r}).{did_you_mean(logger, MMLogger._instance_dict)}')
        MMLogger.get_instance(logger).log(level, msg, stacklevel=2)


def _file_of_rank(log_file: str, rank: int) -> str:
    """Put host, device and rank into the name of a file."""
    stem, suffix = os.path.splitext(log_file)
    host = _get_host_info()
    return f'{stem}{f"_{host}" if host else ""}_device{_get_device_id()}_rank{rank}{suffix}'


def _get_device_id() -> int:
    """Get the number of the device that this process computes on, without importing torch."""
    local_rank = get_local_rank()
    torch = sys.modules.get('torch')
    if torch is not None and not torch.cuda.is_available():
        return local_rank
    visible = os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',')
    device = visible[local_rank].strip() if local_rank < len(visible) else ''
    return int(device) if device.isdigit() else local_rank


def _get_host_info() -> str:
    """Get `user@machine`, empty where the system does not tell."""
    try:
        return f'{getpass.getuser()}@{socket.gethostname()}'
    except (OSError, KeyError, ImportError):  # the user has a number and no name, in a container for example
        return ''
