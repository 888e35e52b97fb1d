"""JSON files."""
from __future__ import annotations

import importlib
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
    """JSON, and sets, ranges, arrays and tensors as lists.

    `load(file, engine='orjson')` and `dump(obj, file, engine='orjson')` use orjson. It has to be asked for, because it
    has no NaN and no integers beyond 64 bits.
    """

    def load_from_fileobj(self, file: IO[Any], engine: str = 'json') -> Any:  # type: ignore[override]  # no others
        """Read an object from an open file."""
        if engine == 'json':
            return json.load(file)
        return _orjson(engine).loads(file.read())

    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        """Write an object to an open file."""
        file.write(self.dump_to_str(obj, **kwargs))  # dumps uses the C encoder, dump does not

    def dump_to_str(self, obj: Any, **kwargs: Any) -> str:
        """Write an object to a string."""
        kwargs.setdefault('default', set_default)
        engine = kwargs.pop('engine', 'json')
        if engine != 'json':
            orjson = _orjson(engine)
            option = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | kwargs.pop('option', 0)
            text: str = orjson.dumps(obj, option=option, **kwargs).decode()
            return text
        return json.dumps(obj, **kwargs)


def _orjson(engine: str) -> Any:
    if engine != 'orjson':
        raise ValueError(f"engine of JSON should be 'json' or 'orjson', but got {engine!r}")
    try:
        return importlib.import_module('orjson')
    except ImportError as error:
        raise ImportError("engine='orjson' needs orjson: pip install 'mmparts-fileio[orjson]'") from error
