"""JSON files."""
from __future__ import annotations

import json
from typing import IO, Any

from mmengine.fileio.handlers.base import BaseFileHandler


def set_default(obj: Any) -> Any:
    """Make a set, a range, an array, a NumPy number or a tensor into what JSON has."""
    if isinstance(obj, (set, frozenset, range)):
        return list(obj)
    if hasattr(obj, 'tolist'):  # arrays, NumPy numbers and tensors, without importing their packages
        return obj.tolist()
    raise TypeError(f'{type(obj).__name__} cannot be written as JSON: {repr(obj)[:200]}. '
                    'Convert it first, or give `default=`')


class JsonHandler(BaseFileHandler):
    """JSON, and sets, ranges, arrays and tensors as lists."""

    def load_from_fileobj(self, file: IO[Any]) -> Any:  # type: ignore[override]  # upstream's takes no options
        """Read an object from an open file."""
        return json.load(file)

    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        """Write an object to an open file."""
        file.write(self.dump_to_str(obj, **kwargs))  # dumps uses the C encoder, dump does not

    def dump_to_str(self, obj: Any, **kwargs: Any) -> str:
        """Write an object to a string."""
        kwargs.setdefault('default', set_default)
        return json.dumps(obj, **kwargs)
