"""Values of an LMDB database, read by their keys."""
from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

from mmengine.fileio.backends.base import BaseStorageBackend, Suffix, check_listing
from mmengine.fileio.paths import StrPath


class _Database:
    """An open database, closed when the last backend that uses it is gone."""

    def __init__(self, db_path: str, options: dict[str, Any]) -> None:
        self.pid = os.getpid()
        self.lock = options['lock']
        self.environment: Any = _import_lmdb().open(db_path, **options)

    def __del__(self) -> None:
        if 'environment' in vars(self):
            self.close()

    def close(self) -> None:
        """Close it, unless it is locked and came by a fork: closing would take the parent's lock away."""
        if self.pid == os.getpid() or not self.lock:
            self.environment.close()


# path -> open database: LMDB opens each file once in a process, and not again while it has one of before a fork
_databases: WeakValueDictionary[str, _Database] = WeakValueDictionary()


def _open(db_path: str, options: dict[str, Any]) -> _Database:
    path = os.path.realpath(db_path)
    database = _databases.get(path)
    if database is not None and database.pid != os.getpid():
        database.close()
        database = None
    if database is None:
        database = _databases[path] = _Database(db_path, options)
    return database


class LmdbBackend(BaseStorageBackend):
    """Values of an LMDB database, read by their keys.

    The database is opened at the first read of each process: an open one must not be used across a fork, and cannot
    be pickled.

    Args:
        db_path: The folder (or, with `subdir=False`, the file) of the database.
        readonly: Whether it is opened for reading only.
        lock: Whether it is locked against writers.
        readahead: Whether the system reads ahead; slower for reads at random.
        **kwargs: Further arguments of `lmdb.open`.
    """

    def __init__(self,
                 db_path: StrPath,
                 readonly: bool = True,
                 lock: bool = False,
                 readahead: bool = False,
                 **kwargs: Any) -> None:
        self.db_path = os.fspath(db_path)
        self._options = dict(readonly=readonly, lock=lock, readahead=readahead, **kwargs)
        _import_lmdb()  # its absence is said here, and not at the first read
        self._client: _Database | None = None

    def get(self, filepath: StrPath) -> bytes:
        """Read the value of a key as bytes."""
        with self._environment().begin(write=False) as transaction:
            value: bytes | None = transaction.get(os.fspath(filepath).encode())
        if value is None:
            raise FileNotFoundError(f'the LMDB database {self.db_path!r} has no key {os.fspath(filepath)!r}')
        return value

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Raise NotImplementedError: values are bytes here."""
        self._refuse('get_text')

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether there is a key of this name, or keys below it."""
        return self.isfile(filepath) or self.isdir(filepath)

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether there is a key of this name."""
        with self._environment().begin(write=False) as transaction:
            return transaction.get(os.fspath(filepath).encode()) is not None

    def isdir(self, filepath: StrPath) -> bool:
        """Tell whether there are keys that begin with this name and a slash."""
        return next(self._keys_below(filepath), None) is not None

    def list_dir_or_file(self,
                         dir_path: StrPath,
                         list_dir: bool = True,
                         list_file: bool = True,
                         suffix: Suffix = None,
                         recursive: bool = False) -> Iterator[str]:
        """List the keys below a name, relative to it and in their order, as paths with slashes; `''` lists all."""
        check_listing(list_dir, suffix, '`list_dir` should be False when `suffix` is not None')
        return self._scan(dir_path, list_dir, list_file, suffix, recursive)

    def _scan(self, dir_path: StrPath, list_dir: bool, list_file: bool, suffix: Suffix,
              recursive: bool) -> Iterator[str]:
        folders: set[str] = set()
        for key in self._keys_below(dir_path):
            *above, name = key.split('/')
            for depth in range(1, len(above) + 1 if recursive else min(len(above), 1) + 1):
                folder = '/'.join(above[:depth])
                if list_dir and folder not in folders:
                    yield folder
                folders.add(folder)
            if list_file and (recursive or not above) and (suffix is None or name.endswith(suffix)):
                yield key

    def _keys_below(self, dir_path: StrPath) -> Iterator[str]:
        folder = os.fspath(dir_path).rstrip('/')
        start = f'{folder}/'.encode() if folder else b''
        with self._environment().begin(write=False) as transaction, transaction.cursor() as cursor:
            found = cursor.set_range(start) if start else cursor.first()
            while found and cursor.key().startswith(start):
                yield cursor.key()[len(start):].decode()
                found = cursor.next()

    def _environment(self) -> Any:
        if self._client is None or self._client.pid != os.getpid():
            self._client = _open(self.db_path, self._options)
        return self._client.environment

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), '_client': None}


def _import_lmdb() -> Any:
    try:
        return importlib.import_module('lmdb')
    except ImportError as error:
        raise ImportError("LmdbBackend needs the package 'lmdb': pip install 'mmparts-fileio[lmdb]'") from error
