"""Files of object stores and of whatever else fsspec knows: s3://, gs://, az://, hf:// and more."""
from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any

from mmengine.fileio.backends.base import (
    BaseStorageBackend,
    Suffix,
    UnsupportedOperationError,
    check_listing,
    check_range,
)
from mmengine.fileio.paths import StrPath, parse_uri_prefix

#: prefix of a URI -> extra of this distribution that brings the filesystem
EXTRAS = {'s3': 's3', 's3a': 's3', 'gs': 'gcs', 'gcs': 'gcs', 'az': 'azure', 'abfs': 'azure', 'abfss': 'azure',
          'adl': 'azure', 'hf': 'hf'}

_LOCAL_PREFIXES = {'file', 'local'}  # `LocalBackend` writes atomically, fsspec does not
_READ_AHEAD = {'ftp', 'hf'}  # their filesystems transfer megabytes for a range of bytes, unless they are told not to
_PIECE = 8 << 20


class FsspecBackend(BaseStorageBackend):
    """Files of any filesystem of fsspec, which the prefix of the path chooses.

    Args:
        timeout: Seconds that a store may stay silent, while connecting and between two pieces of data.
        retries: How often the store's client tries a request again, with growing pauses.
        **storage_options: Options of the filesystem, `endpoint_url`, `key` and `secret` of S3 for example. They go
            before what `timeout` and `retries` mean for it.
    """

    def __init__(self, timeout: float = 30.0, retries: int = 3, **storage_options: Any) -> None:
        if retries < 0:
            raise ValueError(f'retries should be 0 or more, but got {retries!r}')
        self.timeout = timeout
        self.retries = retries
        self.storage_options = storage_options

    def get(self, filepath: StrPath) -> bytes:
        """Read a file as bytes."""
        with self._naming('get', filepath) as (fs, path):
            content: bytes = fs.cat_file(path)
            return content

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Read a file as text."""
        return self.get(filepath).decode(encoding)

    def get_range(self, filepath: StrPath, start: int, stop: int | None = None) -> bytes:
        """Read the bytes from `start` up to `stop`; only these are transferred."""
        check_range(start, stop)
        with self._naming('get_range', filepath) as (fs, path):
            size = fs.info(path)['size']  # stores refuse a range behind the end, each with an error of its own
            if start >= (size if stop is None else min(stop, size)):
                return b''
            exact = {'cache_type': 'none'} if parse_uri_prefix(os.fspath(filepath)) in _READ_AHEAD else {}
            content: bytes = fs.cat_file(path, start=start, end=stop, **exact)
            return content

    def stream(self, filepath: StrPath) -> AbstractContextManager[IO[bytes]]:
        """Open a file to read it in pieces; `seek` works."""
        with self._naming('stream', filepath) as (fs, path):
            opened: AbstractContextManager[IO[bytes]] = fs.open(path, 'rb', block_size=_PIECE)
            return opened

    def put(self, obj: bytes, filepath: StrPath) -> None:
        """Write bytes to a file."""
        with self._naming('put', filepath) as (fs, path):
            _make_parent(fs, path)
            fs.pipe_file(path, bytes(obj))

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether there is a file or folder of this name."""
        return self._kind('exists', filepath) is not None

    def isdir(self, filepath: StrPath) -> bool:
        """Tell whether there is a folder of this name."""
        return self._kind('isdir', filepath) == 'directory'

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether there is a file of this name."""
        return self._kind('isfile', filepath) == 'file'

    def _kind(self, operation: str, filepath: StrPath) -> str | None:
        # Not fs.exists() and its like: they take every error, a refused access or a silent store too, for a no.
        with self._naming(operation, filepath) as (fs, path):
            try:
                kind: str = fs.info(path)['type']
            except FileNotFoundError:
                return None
            return kind

    def remove(self, filepath: StrPath) -> None:
        """Remove a file."""
        kind = self._kind('remove', filepath)
        if kind is None:
            raise FileNotFoundError(f'{os.fspath(filepath)!r} does not exist')
        if kind == 'directory':
            raise IsADirectoryError(f'{os.fspath(filepath)!r} is a folder: use rmtree')
        with self._naming('remove', filepath) as (fs, path):
            fs.rm_file(path)

    def rmtree(self, dir_path: StrPath) -> None:
        """Remove a folder with all that is in it."""
        with self._naming('rmtree', dir_path) as (fs, path):
            fs.rm(path, recursive=True)

    def copyfile(self, src: StrPath, dst: StrPath) -> str:
        """Copy a file within the storage, which does it itself, and return the new path."""
        target = self._file_target(src, dst)
        if os.fspath(src) == target:
            raise shutil.SameFileError(f'{os.fspath(src)!r} and {target!r} are the same file')
        with self._naming('copyfile', src) as (fs, path):
            new = fs._strip_protocol(target)
            _make_parent(fs, new)
            try:
                fs.cp_file(path, new)
            except NotImplementedError:  # FTP and its like cannot copy, but read and write
                fs.pipe_file(new, fs.cat_file(path))
        return target

    def copyfile_from_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a local file to the storage in pieces and return its new path; into `dst` if that is a folder."""
        target = self._file_target(src, dst)
        with self._naming('copyfile_from_local', target) as (fs, path):
            _make_parent(fs, path)
            fs.put_file(os.fspath(src), path)
        return target

    def list_dir_or_file(self,
                         dir_path: StrPath,
                         list_dir: bool = True,
                         list_file: bool = True,
                         suffix: Suffix = None,
                         recursive: bool = False) -> Iterator[str]:
        """List the names in a folder, sorted and relative to it; hidden ones too, which stores do not know.

        The listing is asked of the store when it is iterated; a folder that is not there is a FileNotFoundError.
        """
        check_listing(list_dir, suffix, '`list_dir` should be False when `suffix` is not None')
        return self._scan(dir_path, list_dir, list_file, suffix, recursive)

    def _scan(self, dir_path: StrPath, list_dir: bool, list_file: bool, suffix: Suffix,
              recursive: bool) -> Iterator[str]:
        with self._naming('list_dir_or_file', dir_path) as (fs, path):
            found = fs.find(path, withdirs=True, detail=True) if recursive else _children(fs, path)
            if not found and not fs.isdir(path):
                raise FileNotFoundError(f'{os.fspath(dir_path)!r} is no folder of the store')
        names: dict[str, bool] = {}
        for full, info in found.items():
            relative = full[len(path.rstrip('/')):].strip('/')
            if relative:  # not the folder's own mark
                names[relative] = info['type'] == 'directory' or full.endswith('/')
        if recursive:  # some stores list only the folders that have a mark
            for name in list(names):
                for end in (index for index, letter in enumerate(name) if letter == '/'):
                    names.setdefault(name[:end], True)
        for name in sorted(names, key=lambda name: name.split('/')):
            if names[name]:
                if list_dir:
                    yield name
            elif list_file and (suffix is None or name.endswith(suffix)):
                yield name

    def generate_presigned_url(self, url: str, client_method: str = 'get_object', expires_in: int = 3600) -> str:
        """Make a URL that gives access to one object for some seconds."""
        with self._naming('generate_presigned_url', url) as (fs, path):
            options = {} if client_method == 'get_object' else {'client_method': client_method}
            signed: str = fs.sign(path, expiration=expires_in, **options)
            return signed

    def _download(self, filepath: StrPath, file: IO[bytes]) -> None:
        with self._naming('get', filepath), self.stream(filepath) as source:
            shutil.copyfileobj(source, file, _PIECE)
            size = getattr(source, 'size', None)
            if isinstance(size, int) and file.tell() != size:
                raise ConnectionError(f'{os.fspath(filepath)!r} ended after {file.tell()} of {size} bytes')

    def _filesystem(self, filepath: StrPath) -> tuple[Any, str]:
        """Give the filesystem and the path in it; asked anew each time, since no filesystem outlives a fork."""
        uri = os.fspath(filepath)
        prefix = parse_uri_prefix(uri)
        if prefix in _LOCAL_PREFIXES or not prefix:
            raise ValueError(f'{self.name} reads paths with a prefix such as s3://, but got {uri!r}; '
                             "a local path goes without, to the backend 'local'")
        fsspec = _import_fsspec(prefix)
        try:
            options = {**_limits(prefix, self.timeout, self.retries), **self.storage_options}
            fs, path = fsspec.core.url_to_fs(uri, **options)
        except ImportError as error:
            raise ImportError(_missing(prefix)) from error
        if prefix in ('s3', 's3a'):  # its own tries multiply those of the client below it; one more for a broken answer
            fs.retries = min(self.retries + 1, 2)
        return fs, path

    @contextmanager
    def _naming(self, operation: str, filepath: StrPath) -> Iterator[tuple[Any, str]]:
        """Let errors of a filesystem's client be OSErrors that name the file and what was to be done."""
        uri = os.fspath(filepath)
        try:
            yield self._filesystem(filepath)
        except NotImplementedError:
            raise UnsupportedOperationError(self.name, operation, place=f' for {parse_uri_prefix(uri)}://') from None
        except OSError as error:
            if uri in str(error):
                raise
            raise _kind_of(error)(f'{operation} of {uri!r} failed: {type(error).__name__}: {error}') from error
        except (ImportError, TypeError, ValueError):
            raise
        except Exception as error:  # each client has a tree of exceptions of its own
            raise _kind_of(error)(f'{operation} of {uri!r} failed: {type(error).__name__}: {error}') from error


def is_known_to_fsspec(prefix: str) -> bool:
    """Tell whether fsspec, if it is installed, has a filesystem for the prefix."""
    if prefix in EXTRAS:
        return True
    if not prefix or prefix in _LOCAL_PREFIXES:
        return False
    try:
        fsspec = importlib.import_module('fsspec')
    except ImportError:
        return False
    return prefix in fsspec.available_protocols()


def _children(fs: Any, path: str) -> dict[str, dict[str, Any]]:
    return {info['name']: info for info in fs.ls(path, detail=True)}


def _make_parent(fs: Any, path: str) -> None:
    """Make the folder of a file where the storage has real folders; an object store's bucket is not made by the way."""
    parent = fs._parent(path)
    if parent and '/' in parent.strip('/'):
        fs.makedirs(parent, exist_ok=True)


def _limits(prefix: str, timeout: float, retries: int) -> dict[str, Any]:
    """Say `timeout` and `retries` in the words of a filesystem; those of others are their own."""
    if prefix in ('s3', 's3a'):
        limits = {'connect_timeout': timeout, 'read_timeout': timeout,
                  'retries': {'total_max_attempts': retries + 1, 'mode': 'standard'}}
        # A listing that is kept would hide what others wrote since.
        return {'config_kwargs': limits, 'use_listings_cache': False}
    if prefix in ('gs', 'gcs'):
        aiohttp = importlib.import_module('aiohttp')  # gcsfs has it; a plain number would limit the whole transfer
        silent = aiohttp.ClientTimeout(total=None, sock_connect=timeout, sock_read=timeout)
        return {'requests_timeout': silent, 'use_listings_cache': False}
    if prefix in ('az', 'abfs', 'abfss'):
        return {'connection_timeout': timeout, 'read_timeout': timeout, 'use_listings_cache': False}
    if prefix == 'ftp':
        return {'timeout': timeout, 'use_listings_cache': False}
    return {}


def _kind_of(error: BaseException) -> type[OSError]:
    name = type(error).__name__
    if isinstance(error, FileNotFoundError | PermissionError | TimeoutError | ConnectionError | FileExistsError |
                  IsADirectoryError | NotADirectoryError):
        return type(error)
    if 'Credentials' in name or 'Forbidden' in name:
        return PermissionError
    if 'Timeout' in name:
        return TimeoutError
    return ConnectionError if 'Connect' in name else OSError


def _import_fsspec(prefix: str) -> Any:
    try:
        return importlib.import_module('fsspec')
    except ImportError as error:
        raise ImportError(_missing(prefix)) from error


def _missing(prefix: str) -> str:
    extra = EXTRAS.get(prefix)
    if extra is not None:
        return f"paths of {prefix}:// need a filesystem of fsspec: pip install 'mmparts-fileio[{extra}]'"
    return (f"paths of {prefix}:// need fsspec, pip install 'mmparts-fileio[fsspec]', "
            'and the package of their filesystem')
