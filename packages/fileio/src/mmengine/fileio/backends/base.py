"""What a storage backend is, and what every backend can do once it can do a little."""
from __future__ import annotations

import functools
import io
import os
import shutil
import tempfile
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Concatenate, NoReturn, ParamSpec, TypeVar

from mmengine.fileio.atomic import atomic_write
from mmengine.fileio.paths import StrPath, contained, ensure_parent, require_inside

Suffix = str | tuple[str, ...] | None

_P = ParamSpec('_P')
_Result = TypeVar('_Result')


class UnsupportedOperationError(NotImplementedError):
    """A backend cannot do what it was asked for.

    Args:
        backend: Name of the backend's class.
        operation: What was asked for.
        lacking: What it would need for that and does not have.
        place: Where it cannot do it, for a backend of several places.
    """

    def __init__(self, backend: str, operation: str, lacking: str = '', place: str = '') -> None:
        super().__init__(f'{backend} does not support the operation {operation!r}{place}'
                         + (f': it has no {lacking!r}' if lacking else ''))
        self.operation = operation


def _composed(method: Callable[Concatenate[BaseStorageBackend, _P], _Result],
              ) -> Callable[Concatenate[BaseStorageBackend, _P], _Result]:
    """Let an operation that is made of others be the one that the error names."""

    @functools.wraps(method)
    def named(self: BaseStorageBackend, /, *args: _P.args, **kwargs: _P.kwargs) -> _Result:
        try:
            return method(self, *args, **kwargs)
        except UnsupportedOperationError as error:
            raise UnsupportedOperationError(self.name, method.__name__, error.operation) from error

    return named


class BaseStorageBackend(metaclass=ABCMeta):
    """A place where files are.

    A backend has to implement `get` and `get_text`. What it implements besides of `put`, `exists`, `isdir`, `isfile`,
    `remove` and `list_dir_or_file` brings the operations that are made of them: local copies, trees,
    removal of trees. What it cannot do raises a NotImplementedError that names the backend and the operation.
    """

    #: Whether the storage knows symbolic links.
    _allow_symlink = False

    @property
    def allow_symlink(self) -> bool:
        """Whether the storage knows symbolic links."""
        return self._allow_symlink

    @property
    def name(self) -> str:
        """The name of the backend's class."""
        return self.__class__.__name__

    def _refuse(self, operation: str) -> NoReturn:
        raise UnsupportedOperationError(self.name, operation)

    @abstractmethod
    def get(self, filepath: StrPath) -> bytes:
        """Read a file as bytes."""

    @abstractmethod
    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Read a file as text."""

    def get_range(self, filepath: StrPath, start: int, stop: int | None = None) -> bytes:
        """Read the bytes from `start` up to `stop`, both counted from 0, or to the end."""
        check_range(start, stop)
        return self.get(filepath)[start:stop]

    def stream(self, filepath: StrPath) -> AbstractContextManager[IO[bytes]]:
        """Open a file to read it in pieces, as the context manager of an open file."""
        return io.BytesIO(self.get(filepath))

    def put(self, obj: bytes, filepath: StrPath) -> None:
        """Write bytes to a file."""
        self._refuse('put')

    def put_text(self, obj: str, filepath: StrPath, encoding: str = 'utf-8') -> None:
        """Write text to a file."""
        self.put(obj.encode(encoding), filepath)

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether there is a file or folder of this name."""
        self._refuse('exists')

    def isdir(self, filepath: StrPath) -> bool:
        """Tell whether there is a folder of this name."""
        self._refuse('isdir')

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether there is a file of this name."""
        self._refuse('isfile')

    def remove(self, filepath: StrPath) -> None:
        """Remove a file."""
        self._refuse('remove')

    def list_dir_or_file(self,
                         dir_path: StrPath,
                         list_dir: bool = True,
                         list_file: bool = True,
                         suffix: Suffix = None,
                         recursive: bool = False) -> Iterator[str]:
        """List the names in a folder, relative to it."""
        self._refuse('list_dir_or_file')

    def generate_presigned_url(self, url: str, client_method: str = 'get_object', expires_in: int = 3600) -> str:
        """Make a URL that gives access to one object for some seconds."""
        self._refuse('generate_presigned_url')

    def join_path(self, filepath: StrPath, *filepaths: StrPath) -> str:
        """Join the components of a path with slashes."""
        head = os.fspath(filepath)
        head = head[:-1] if head.endswith('/') else head
        return '/'.join([head, *(os.fspath(path).lstrip('/') for path in filepaths)])

    def get_local_path(self, filepath: StrPath) -> AbstractContextManager[StrPath]:
        """Give a local file with the content, which is gone when the block ends."""
        return self._temporary_copy(filepath)

    @contextmanager
    def _temporary_copy(self, filepath: StrPath) -> Generator[StrPath, None, None]:
        # A folder and not a NamedTemporaryFile: another process can open the file in it on every system, and it
        # keeps its suffix, by which many readers choose a format.
        with tempfile.TemporaryDirectory(prefix='mmengine-') as folder:
            suffix = os.path.splitext(os.fspath(filepath).partition('?')[0])[1]
            local = os.path.join(folder, f'content{suffix if suffix.isprintable() else ""}')
            with open(local, 'wb') as file:
                self._download(filepath, file)
            yield local

    def _download(self, filepath: StrPath, file: IO[bytes]) -> None:
        """Write the content of a file of the storage to an open one; a backend that can stream does."""
        file.write(self.get(filepath))

    def _normal_path(self, filepath: StrPath) -> str:
        """Give a path in the spelling that this backend compares and returns."""
        return os.fspath(filepath)

    @_composed
    def copyfile(self, src: StrPath, dst: StrPath) -> str:
        """Copy a file within the storage and return its new path; into `dst` if that is a folder."""
        source, target = self._normal_path(src), self._file_target(src, dst)
        if source == target:
            raise shutil.SameFileError(f'{source!r} and {target!r} are the same file')
        self.put(self.get(source), target)
        return target

    @_composed
    def copytree(self, src: StrPath, dst: StrPath) -> str:
        """Copy a folder within the storage and return the new path."""
        self._require_absent(dst)
        # Listed as a whole first: the new folder may lie in the old one.
        for path in list(self.list_dir_or_file(src, list_dir=False, list_file=True, recursive=True)):
            target = self.join_path(dst, require_inside(path, dst))
            self.put(self.get(self.join_path(src, path)), target)
        return self._normal_path(dst)

    @_composed
    def copyfile_from_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a local file to the storage and return its new path; into `dst` if that is a folder."""
        target = self._file_target(src, dst)
        with open(src, 'rb') as file:
            self.put(file.read(), target)
        return target

    @_composed
    def copytree_from_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a local folder to the storage and return the new path."""
        self._require_absent(dst)
        for folder, folders, names in os.walk(src):
            folders.sort()
            for name in sorted(names):
                local = os.path.join(folder, name)
                relative = os.path.relpath(local, src).replace(os.sep, '/')
                self.copyfile_from_local(local, self.join_path(dst, relative))
        return self._normal_path(dst)

    @_composed
    def copyfile_to_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a file of the storage to a local path and return that path; into `dst` if that is a folder."""
        if os.path.isdir(dst):
            dst = contained(dst, _basename(src))
        self._save(src, dst)
        return os.fspath(dst)

    @_composed
    def copytree_to_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a folder of the storage to a local path and return that path."""
        if os.path.exists(dst):
            raise FileExistsError(f'{os.fspath(dst)!r} exists: copytree_to_local makes a new folder')
        for path in self.list_dir_or_file(src, list_dir=False, list_file=True, recursive=True):
            self._save(self.join_path(src, path), contained(dst, path))
        return os.fspath(dst)

    def _save(self, filepath: StrPath, local: StrPath) -> None:
        ensure_parent(local)
        with atomic_write(local) as file:
            self._download(filepath, file)

    @_composed
    def copy_if_symlink_fails(self, src: StrPath, dst: StrPath) -> bool:
        """Link `dst` to `src`, or copy it where links are unknown; tell whether it is a link."""
        self.copyfile(src, dst)
        return False

    @_composed
    def rmtree(self, dir_path: StrPath) -> None:
        """Remove a folder with all that is in it."""
        for path in list(self.list_dir_or_file(dir_path, list_dir=False, list_file=True, recursive=True)):
            self.remove(self.join_path(dir_path, require_inside(path, dir_path)))

    def _file_target(self, src: StrPath, dst: StrPath) -> str:
        return self.join_path(dst, _basename(src)) if self.isdir(dst) else self._normal_path(dst)

    def _require_absent(self, dst: StrPath) -> None:
        if self.exists(dst):
            raise FileExistsError(f'{os.fspath(dst)!r} exists: a tree is copied to a new folder only')


def _basename(path: StrPath) -> str:
    return os.fspath(path).replace('\\', '/').rstrip('/').rpartition('/')[2]


def check_listing(list_dir: bool, suffix: object, message: str) -> None:
    """Refuse arguments of `list_dir_or_file` that make no sense, at the call and not at the first item."""
    if list_dir and suffix is not None:
        raise TypeError(message)
    if suffix is not None and not isinstance(suffix, (str, tuple)):
        raise TypeError(f'`suffix` must be a string or tuple of strings, but got {suffix!r}')


def check_range(start: int, stop: int | None) -> None:
    """Refuse a range of bytes that is not counted from the start of a file."""
    if start < 0 or (stop is not None and stop < start):
        raise ValueError(f'a range should have 0 <= start <= stop, but got start={start!r} and stop={stop!r}')
