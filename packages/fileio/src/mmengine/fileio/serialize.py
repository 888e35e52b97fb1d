"""Objects to files and back, in the format that the file's suffix says."""
from __future__ import annotations

import warnings
from io import BytesIO, StringIO
from pathlib import Path
from typing import IO, Any

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.dispatch import shared_backend
from mmengine.fileio.file_client import FileClient
from mmengine.fileio.handlers.base import BaseFileHandler
from mmengine.fileio.handlers.registry_utils import file_handlers
from mmengine.fileio.whole_text import open_text
from mmengine.utils.suggest import did_you_mean


def load(file: str | Path | IO[Any],
         file_format: str | None = None,
         file_client_args: dict[str, Any] | None = None,
         backend_args: dict[str, Any] | None = None,
         **kwargs: Any) -> Any:
    """Read an object from a JSON, YAML or pickle file, or one of a registered format.

    A pickle runs what its author put there: load only pickles that you trust.

    Args:
        file: A path, a URI or an open file.
        file_format: The format; by default the suffix of the file name.
        file_client_args: The older form of `backend_args`.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.
        **kwargs: Arguments of the format's handler.

    Returns:
        The object.
    """
    handler = _handler_of(file, file_format)
    if isinstance(file, (str, Path)):
        backend = old_or_new_backend(file, file_client_args, backend_args)
        if handler.str_like:
            return handler.load_from_fileobj(open_text(backend.get_text(file)), **kwargs)
        return handler.load_from_fileobj(BytesIO(backend.get(file)), **kwargs)
    if hasattr(file, 'read'):
        return handler.load_from_fileobj(file, **kwargs)
    raise TypeError(f'file should be a path or an open file, but got {file!r} of type {type(file).__name__}')


def dump(obj: Any,
         file: str | Path | IO[Any] | None = None,
         file_format: str | None = None,
         file_client_args: dict[str, Any] | None = None,
         backend_args: dict[str, Any] | None = None,
         **kwargs: Any) -> str | bytes | None:
    """Write an object to a JSON, YAML or pickle file, or one of a registered format.

    Args:
        obj: The object.
        file: A path, a URI or an open file; without it the text (or the bytes) is returned.
        file_format: The format; by default the suffix of the file name.
        file_client_args: The older form of `backend_args`.
        backend_args: Arguments of the backend, and its name as `backend` where the prefix does not choose it.
        **kwargs: Arguments of the format's handler.

    Returns:
        The text or bytes, where no file was given.
    """
    if file is None and file_format is None:
        raise ValueError('file_format must be specified since file is None')
    handler = _handler_of(file, file_format)
    if file is None:
        return handler.dump_to_str(obj, **kwargs)
    if isinstance(file, (str, Path)):
        backend = old_or_new_backend(file, file_client_args, backend_args)
        if handler.str_like:
            text = StringIO()
            handler.dump_to_fileobj(obj, text, **kwargs)
            backend.put_text(text.getvalue(), file)
        else:
            content = BytesIO()
            handler.dump_to_fileobj(obj, content, **kwargs)
            backend.put(content.getvalue(), file)
    elif hasattr(file, 'write'):
        handler.dump_to_fileobj(obj, file, **kwargs)
    else:
        raise TypeError(f'file should be a path or an open file, but got {file!r} of type {type(file).__name__}')
    return None


def old_or_new_backend(file: str | Path,
                       file_client_args: dict[str, Any] | None,
                       backend_args: dict[str, Any] | None,
                       stacklevel: int = 3) -> BaseStorageBackend | FileClient:
    """Give what reads and writes a file, whichever of the two arguments describes it."""
    if file_client_args is None:
        return shared_backend(file, backend_args)
    warnings.warn('file_client_args is the older form of backend_args: use backend_args', DeprecationWarning,
                  stacklevel)
    if backend_args is not None:
        raise ValueError('"file_client_args" and "backend_args" cannot be set at the same time')
    return FileClient.infer_client(file_client_args, file)


def _handler_of(file: object, file_format: str | None) -> BaseFileHandler:
    if file_format is None and isinstance(file, (str, Path)):
        file_format = str(file).rpartition('.')[2]
    if file_format in file_handlers:
        return file_handlers[file_format]
    if file_format is not None and file_format.lower() in file_handlers:
        return file_handlers[file_format.lower()]
    where = f' of {str(file)!r}' if isinstance(file, (str, Path)) else ''
    hint = did_you_mean(file_format, file_handlers) if file_format else ' Give file_format'
    raise TypeError(f'Unsupported format {file_format!r}{where}.{hint} '
                    f'Supported are {sorted(file_handlers)}; add one with register_handler')
