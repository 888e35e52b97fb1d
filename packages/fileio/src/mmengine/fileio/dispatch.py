"""The backend for a path, a URI or explicit arguments."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmengine.fileio.backends.base import BaseStorageBackend
from mmengine.fileio.backends.fsspec_backend import FsspecBackend, is_known_to_fsspec
from mmengine.fileio.backends.registry_utils import backends, prefix_to_backends
from mmengine.fileio.paths import parse_uri_prefix
from mmengine.utils.suggest import did_you_mean

#: `prefix:arguments` -> the backend that is used again for the same prefix and arguments
backend_instances: dict[str, BaseStorageBackend] = {}


class UnknownBackendError(KeyError, ValueError):
    """No backend is registered for the prefix or the name."""

    def __str__(self) -> str:
        return str(self.args[0])


def get_file_backend(uri: str | Path | None = None,
                     *,
                     backend_args: dict[str, Any] | None = None,
                     enable_singleton: bool = False) -> BaseStorageBackend:
    """Give the backend for a path or URI.

    Args:
        uri: A path or URI, whose prefix chooses the backend: `s3` in `s3://bucket/key`, none for a local file.
        backend_args: Arguments of the backend. `backend` in it names the backend, whatever the URI says.
        enable_singleton: Whether the same instance is given for the same prefix and arguments.

    Returns:
        The backend.
    """
    args = dict(backend_args or {})
    if uri is None and 'backend' not in args:
        raise ValueError("uri should not be None when backend_args has no 'backend'")
    prefix = '' if uri is None else parse_uri_prefix(uri)
    if not enable_singleton:
        return _create(prefix, args)
    key = f'{prefix}:{json.dumps(args, default=repr) if args else "{}"}'
    if key not in backend_instances:
        backend_instances[key] = _create(prefix, args)
    return backend_instances[key]


def shared_backend(uri: str | Path, backend_args: dict[str, Any] | None) -> BaseStorageBackend:
    """Give the backend that all functions of `io` share for a path or URI."""
    return get_file_backend(uri, backend_args=backend_args, enable_singleton=True)


def _create(prefix: str, args: dict[str, Any]) -> BaseStorageBackend:
    name = args.pop('backend', None)
    if name is None:
        if prefix not in prefix_to_backends and is_known_to_fsspec(prefix):
            return FsspecBackend(**args)
        if prefix not in prefix_to_backends:
            hint = did_you_mean(prefix, prefix_to_backends)
            raise UnknownBackendError(
                f'no storage backend is registered for the prefix {prefix!r}.{hint} '
                f'Registered are {sorted(prefix_to_backends)}; add one with register_backend(name, cls, prefixes=...)')
        return prefix_to_backends[prefix](**args)
    if name not in backends:
        raise UnknownBackendError(f'no storage backend is named {name!r}.{did_you_mean(str(name), backends)} '
                                  f'Registered are {sorted(backends)}; add one with register_backend')
    return backends[name](**args)
