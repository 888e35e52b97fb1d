"""The older interface to storage backends, kept for code that is written against it."""
from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mmengine.fileio.backends.base import BaseStorageBackend, Suffix
from mmengine.fileio.backends.http_backend import HTTPBackend as HTTPBackend
from mmengine.fileio.backends.lmdb_backend import LmdbBackend as LmdbBackend
from mmengine.fileio.backends.local_backend import LocalBackend
from mmengine.fileio.backends.memcached_backend import MemcachedBackend as MemcachedBackend
from mmengine.fileio.backends.petrel_backend import PetrelBackend as PetrelBackend
from mmengine.fileio.backends.registry_utils import check_backend_type, prefix_list
from mmengine.fileio.paths import StrPath, parse_uri_prefix
from mmengine.utils.suggest import did_you_mean

_Backend = TypeVar('_Backend', bound=type[BaseStorageBackend])


class HardDiskBackend(LocalBackend):
    """The older name of `LocalBackend`."""


class FileClient:
    """A storage backend chosen by name or prefix; new code calls the functions of `mmengine.fileio`.

    Clients of equal arguments are one object.

    Args:
        backend: 'disk' (the default), 'memcached', 'lmdb', 'petrel', 'http' or a registered name.
        prefix: A registered prefix, for instance 's3', used where no backend is named.
        **kwargs: Arguments of the backend.
    """

    client: BaseStorageBackend
    _backends: dict[str, type[BaseStorageBackend]] = {
        'disk': HardDiskBackend,
        'memcached': MemcachedBackend,
        'lmdb': LmdbBackend,
        'petrel': PetrelBackend,
        'http': HTTPBackend,
    }
    _prefix_to_backends: dict[str, type[BaseStorageBackend]] = {
        's3': PetrelBackend,
        'petrel': PetrelBackend,
        'http': HTTPBackend,
        'https': HTTPBackend,
    }
    _instances: dict[str, FileClient] = {}

    def __new__(cls, backend: str | None = None, prefix: str | None = None, **kwargs: Any) -> FileClient:
        """Give the client of these arguments."""
        if backend is None and prefix is None:
            backend = 'disk'
        chosen = cls._choose(backend, prefix)
        key = f'{backend}:{prefix}' + ''.join(f':{name}:{value}' for name, value in kwargs.items())
        if key not in cls._instances:
            client = super().__new__(cls)
            client.client = chosen(**kwargs)
            cls._instances[key] = client
        return cls._instances[key]

    @classmethod
    def _choose(cls, backend: str | None, prefix: str | None) -> type[BaseStorageBackend]:
        what, wanted, known = (('backend', backend, cls._backends) if backend is not None else
                               ('prefix', prefix, cls._prefix_to_backends))
        if wanted not in known:
            raise ValueError(f'{what} {wanted!r} is not supported.{did_you_mean(str(wanted), known)} '
                             f'Currently supported ones are {sorted(known)}')
        return known[wanted]

    @property
    def name(self) -> str:
        """The name of the backend's class."""
        return self.client.name

    @property
    def allow_symlink(self) -> bool:
        """Whether the storage knows symbolic links."""
        return self.client.allow_symlink

    @staticmethod
    def parse_uri_prefix(uri: str | Path) -> str | None:
        """Give the scheme of a URI, None for a plain path; of `cluster:s3://bucket/key` it is `s3`."""
        return parse_uri_prefix(uri) or None

    @classmethod
    def infer_client(cls, file_client_args: dict[str, Any] | None = None, uri: str | Path | None = None) -> FileClient:
        """Give the client of explicit arguments, or else of the prefix of a URI."""
        if file_client_args is not None:
            return cls(**file_client_args)
        if uri is None:
            raise AssertionError('infer_client needs file_client_args or a uri, but got neither')
        return cls(prefix=cls.parse_uri_prefix(uri))

    @classmethod
    def register_backend(cls,
                         name: str,
                         backend: type[BaseStorageBackend] | None = None,
                         force: bool = False,
                         prefixes: str | Sequence[str] | None = None) -> Callable[[_Backend], _Backend] | None:
        """Register a storage backend, by a call or as a decorator; arguments as of `fileio.register_backend`."""
        if backend is not None:
            cls._register(name, backend, force, prefixes)
            return None

        def register(backend_cls: _Backend) -> _Backend:
            cls._register(name, backend_cls, force, prefixes)
            return backend_cls

        return register

    @classmethod
    def _register(cls, name: str, backend: type[BaseStorageBackend], force: bool,
                  prefixes: str | Sequence[str] | None) -> None:
        check_backend_type(name, backend)
        new_prefixes = prefix_list(prefixes)
        if not force:
            if name in cls._backends:
                raise KeyError(f'{name} is already registered as a storage backend, add "force=True" to replace it')
            for prefix in new_prefixes:
                if prefix in cls._prefix_to_backends:
                    raise KeyError(f'{prefix} is already registered as a prefix, add "force=True" to replace it')
        cls._backends[name] = backend
        cls._prefix_to_backends.update(dict.fromkeys(new_prefixes, backend))
        # Clients of the old backend must not be given again.
        for key in list(cls._instances):
            known_backend, known_prefix = key.split(':')[:2]
            if known_backend == name or known_prefix in new_prefixes:
                del cls._instances[key]

    def get(self, filepath: StrPath) -> bytes:
        """Read a file as bytes."""
        return self.client.get(filepath)

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Read a file as text."""
        return self.client.get_text(filepath, encoding)

    def put(self, obj: bytes, filepath: StrPath) -> None:
        """Write bytes to a file."""
        self.client.put(obj, filepath)

    def put_text(self, obj: str, filepath: StrPath) -> None:
        """Write text to a file."""
        self.client.put_text(obj, filepath)

    def remove(self, filepath: StrPath) -> None:
        """Remove a file."""
        self.client.remove(filepath)

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether there is a file or folder of this name."""
        return self.client.exists(filepath)

    def isdir(self, filepath: StrPath) -> bool:
        """Tell whether there is a folder of this name."""
        return self.client.isdir(filepath)

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether there is a file of this name."""
        return self.client.isfile(filepath)

    def join_path(self, filepath: StrPath, *filepaths: StrPath) -> str:
        """Join the components of a path in the way of the backend."""
        return self.client.join_path(filepath, *filepaths)

    @contextmanager
    def get_local_path(self, filepath: StrPath) -> Generator[StrPath, None, None]:
        """Give a local path with the file's content for as long as the block lasts."""
        with self.client.get_local_path(str(filepath)) as local:
            yield local

    def list_dir_or_file(self,
                         dir_path: StrPath,
                         list_dir: bool = True,
                         list_file: bool = True,
                         suffix: Suffix = None,
                         recursive: bool = False) -> Iterator[str]:
        """List the names in a folder, relative to it."""
        return self.client.list_dir_or_file(dir_path, list_dir, list_file, suffix, recursive)
