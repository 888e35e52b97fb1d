"""Which handler reads and writes which file format."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from mmengine.fileio.handlers.base import BaseFileHandler
from mmengine.fileio.handlers.json_handler import JsonHandler
from mmengine.fileio.handlers.pickle_handler import PickleHandler
from mmengine.fileio.handlers.yaml_handler import YamlHandler

_Handler = TypeVar('_Handler', bound=type[BaseFileHandler])

#: file format (the suffix without its dot) -> handler
file_handlers: dict[str, BaseFileHandler] = {
    'json': JsonHandler(),
    'yaml': YamlHandler(),
    'yml': YamlHandler(),
    'pickle': PickleHandler(),
    'pkl': PickleHandler(),
}


def _register_handler(handler: BaseFileHandler, file_formats: str | list[str]) -> None:
    if not isinstance(handler, BaseFileHandler):
        raise TypeError(f'handler should be an instance of BaseFileHandler, but got {type(handler).__name__}')
    formats = [file_formats] if isinstance(file_formats, str) else file_formats
    if not isinstance(formats, (list, tuple)) or not all(isinstance(item, str) for item in formats):
        raise TypeError(f'file_formats should be a string or a list of strings, but got {file_formats!r}')
    file_handlers.update(dict.fromkeys(formats, handler))


def register_handler(file_formats: str | list[str], **kwargs: Any) -> Callable[[_Handler], _Handler]:
    """Register the decorated class as the handler of some file formats.

    Args:
        file_formats: One or more formats, written as the suffix without its dot.
        **kwargs: Arguments of the class.
    """

    def register(cls: _Handler) -> _Handler:
        _register_handler(cls(**kwargs), file_formats)
        return cls

    return register
