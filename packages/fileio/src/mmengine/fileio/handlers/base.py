"""What a file format handler is."""
from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import IO, Any

from mmengine.fileio.atomic import atomic_write
from mmengine.fileio.paths import StrPath


class BaseFileHandler(metaclass=ABCMeta):
    """Reads and writes objects in one file format."""

    #: Whether the format is text; bytes otherwise.
    str_like = True

    @abstractmethod
    def load_from_fileobj(self, file: IO[Any], **kwargs: Any) -> Any:
        """Read an object from an open file."""

    @abstractmethod
    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        """Write an object to an open file."""

    @abstractmethod
    def dump_to_str(self, obj: Any, **kwargs: Any) -> str | bytes:
        """Write an object to a string (or bytes, where the format is not text)."""

    def load_from_path(self, filepath: StrPath, mode: str = 'r', **kwargs: Any) -> Any:
        """Read an object from a local file."""
        with open(filepath, mode, encoding=None if 'b' in mode else 'utf-8') as file:
            return self.load_from_fileobj(file, **kwargs)

    def dump_to_path(self, obj: Any, filepath: StrPath, mode: str = 'w', **kwargs: Any) -> None:
        """Write an object to a local file, which is complete or not there."""
        with atomic_write(filepath, mode, encoding=None if 'b' in mode else 'utf-8') as file:
            self.dump_to_fileobj(obj, file, **kwargs)
