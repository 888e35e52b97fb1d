"""Pickle files."""
from __future__ import annotations

import pickle
from typing import IO, Any

from mmengine.fileio.handlers.base import BaseFileHandler
from mmengine.fileio.paths import StrPath


class PickleHandler(BaseFileHandler):
    """Pickles; reading one runs what its author put there, so read only files that you trust."""

    str_like = False

    def load_from_fileobj(self, file: IO[Any], **kwargs: Any) -> Any:
        """Read an object from an open binary file that is trusted."""
        return pickle.load(file, **kwargs)

    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        """Write an object to an open binary file."""
        pickle.dump(obj, file, **kwargs)

    def dump_to_str(self, obj: Any, **kwargs: Any) -> bytes:
        """Write an object to bytes."""
        return pickle.dumps(obj, **kwargs)

    def load_from_path(self, filepath: StrPath, mode: str = 'rb', **kwargs: Any) -> Any:
        """Read an object from a local file that is trusted."""
        return super().load_from_path(filepath, mode, **kwargs)

    def dump_to_path(self, obj: Any, filepath: StrPath, mode: str = 'wb', **kwargs: Any) -> None:
        """Write an object to a local file."""
        super().dump_to_path(obj, filepath, mode, **kwargs)
