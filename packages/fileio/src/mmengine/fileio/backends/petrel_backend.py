"""Files of the object store Petrel (Ceph), through its own client or through S3."""
from __future__ import annotations

import importlib
import io
import os
import re
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any

from mmengine.fileio.backends.base import BaseStorageBackend, Suffix, UnsupportedOperationError, check_listing
from mmengine.fileio.backends.petrel_on_s3 import PetrelOnS3
from mmengine.fileio.paths import StrPath


class PetrelBackend(BaseStorageBackend):
    """Files of the object store Petrel (Ceph), through its own client `petrel_client`, or else of any S3 store.

    Without that client the paths go to the S3 filesystem of fsspec, with the same mapping of paths; `FsspecBackend`
    takes the same paths of S3 without it.

    Args:
        path_mapping: Beginnings of paths and what stands for them in the store, as in
            `{'data/coco': 's3://bucket/coco'}`.
        enable_mc: Whether the store's cache is used.
        conf_path: The client's configuration file; by default the client's own choice.
        **storage_options: Options of the S3 filesystem, `endpoint_url` for example; only without the client.
    """

    def __init__(self,
                 path_mapping: dict[str, str] | None = None,
                 enable_mc: bool = True,
                 conf_path: str | None = None,
                 **storage_options: Any) -> None:
        if path_mapping is not None and not isinstance(path_mapping, dict):
            raise AssertionError(f'path_mapping should be a dict or None, but got {path_mapping!r}')
        self._client: Any = _make_client(conf_path, enable_mc, storage_options)
        self.path_mapping = path_mapping

    def get(self, filepath: StrPath) -> bytes:
        """Read a file as bytes."""
        value: bytes = self._client.Get(self._path(filepath))
        return value

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Read a file as text."""
        return str(self.get(filepath), encoding=encoding)

    def put(self, obj: bytes | io.BytesIO, filepath: StrPath) -> None:
        """Write bytes to a file."""
        self._client.put(self._path(filepath), obj)

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether there is a file or folder of this name."""
        contains, isdir = self._method('exists', 'contains'), self._method('exists', 'isdir')
        path = self._path(filepath)
        return bool(contains(path) or isdir(path))

    def isdir(self, filepath: StrPath) -> bool:
        """Tell whether there is a folder of this name."""
        return bool(self._method('isdir', 'isdir')(self._path(filepath)))

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether there is a file of this name."""
        return bool(self._method('isfile', 'contains')(self._path(filepath)))

    def remove(self, filepath: StrPath) -> None:
        """Remove a file."""
        delete = self._method('remove', 'delete')
        if not self.exists(filepath):
            raise FileNotFoundError(f'filepath {os.fspath(filepath)!r} does not exist')
        if self.isdir(filepath):
            raise IsADirectoryError(f'{os.fspath(filepath)!r} is a folder: use rmtree')
        delete(self._path(filepath))

    def join_path(self, filepath: StrPath, *filepaths: StrPath) -> str:
        """Join the components of a path with slashes, after the mapping of paths."""
        return super().join_path(*(self._normal_path(path) for path in (filepath, *filepaths)))

    def generate_presigned_url(self, url: str, client_method: str = 'get_object', expires_in: int = 3600) -> str:
        """Make a URL that gives access to one object for some seconds."""
        signed: str = self._method('generate_presigned_url', 'generate_presigned_url')(url, client_method, expires_in)
        return signed

    def list_dir_or_file(self,
                         dir_path: StrPath,
                         list_dir: bool = True,
                         list_file: bool = True,
                         suffix: Suffix = None,
                         recursive: bool = False) -> Iterator[str]:
        """List the names in a folder, relative to it; arguments as of `LocalBackend.list_dir_or_file`."""
        self._method('list_dir_or_file', 'list')
        check_listing(list_dir, suffix, '`list_dir` should be False when `suffix` is not None')
        folder = self._path(dir_path)
        if isinstance(self._client, PetrelOnS3):  # one listing of the store, not one for each folder
            backend, path = self._client.store(folder)
            return backend.list_dir_or_file(path, list_dir, list_file, suffix, recursive)
        return self._scan(folder if folder.endswith('/') else f'{folder}/', '', list_dir, list_file, suffix, recursive)

    def _scan(self, folder: str, prefix: str, list_dir: bool, list_file: bool, suffix: Suffix,
              recursive: bool) -> Generator[str, None, None]:
        for name in self._client.list(folder):
            relative = prefix + name
            if name.endswith('/'):
                if list_dir:
                    yield relative[:-1]
                if recursive:
                    yield from self._scan(folder + name, relative, list_dir, list_file, suffix, recursive)
            elif list_file and (suffix is None or name.endswith(suffix)):
                yield relative

    def get_range(self, filepath: StrPath, start: int, stop: int | None = None) -> bytes:
        """Read the bytes from `start` up to `stop`; through S3 only these are transferred."""
        if isinstance(self._client, PetrelOnS3):
            backend, path = self._client.store(self._path(filepath))
            return backend.get_range(path, start, stop)
        return super().get_range(filepath, start, stop)

    def stream(self, filepath: StrPath) -> AbstractContextManager[IO[bytes]]:
        """Open a file to read it in pieces."""
        if isinstance(self._client, PetrelOnS3):
            backend, path = self._client.store(self._path(filepath))
            return backend.stream(path)
        return super().stream(filepath)

    def copyfile_from_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a local file to the storage and return its new path; through S3 in pieces."""
        if isinstance(self._client, PetrelOnS3):
            target = self._file_target(src, dst)
            backend, path = self._client.store(self._replace_prefix(target))
            backend.copyfile_from_local(src, path)
            return target
        return super().copyfile_from_local(src, dst)

    def _download(self, filepath: StrPath, file: IO[bytes]) -> None:
        if not self.isfile(filepath):
            raise FileNotFoundError(f'{os.fspath(filepath)!r} is no file of the store')
        if isinstance(self._client, PetrelOnS3):
            backend, path = self._client.store(self._path(filepath))
            backend._download(path, file)
            return
        super()._download(filepath, file)

    def _normal_path(self, filepath: StrPath) -> str:
        return self._format_path(self._map_path(filepath))

    def _path(self, filepath: StrPath) -> str:
        return self._replace_prefix(self._normal_path(filepath))

    def _map_path(self, filepath: StrPath) -> str:
        path = os.fspath(filepath)
        for begin, replacement in (self.path_mapping or {}).items():
            path = path.replace(begin, replacement, 1)
        return path

    @staticmethod
    def _format_path(filepath: str) -> str:
        return re.sub(r'\\+', '/', filepath)

    @staticmethod
    def _replace_prefix(filepath: str) -> str:
        return filepath.replace('petrel://', 's3://')

    def _method(self, operation: str, name: str) -> Any:
        """Give a method of the client that an operation needs; older clients lack some."""
        method = getattr(self._client, name, None)
        if not callable(method):
            raise UnsupportedOperationError(self.name, operation, f'petrel_client.client.Client.{name}')
        return method


def _make_client(conf_path: str | None, enable_mc: bool, storage_options: dict[str, Any]) -> Any:
    module = _client_module()
    if module is None:
        try:
            importlib.import_module('s3fs')
        except ImportError as error:
            raise ImportError("PetrelBackend needs the package 'petrel_client' of the object store, or the S3 "
                              "filesystem instead: pip install 'mmparts-fileio[s3]'") from error
        return PetrelOnS3(conf_path, storage_options)
    if storage_options:
        raise TypeError(f'PetrelBackend takes {sorted(storage_options)} only where petrel_client is not installed; '
                        "use backend='fsspec'")
    return module.Client(conf_path=conf_path, enable_mc=enable_mc)


def _client_module() -> Any | None:
    try:
        return importlib.import_module('petrel_client.client')
    except ModuleNotFoundError:
        try:
            return importlib.import_module('petrel_client').client
        except (ModuleNotFoundError, AttributeError):
            return None
