"""Files of this machine."""
from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import IO

from mmengine.fileio.atomic import atomic_write
from mmengine.fileio.backends.base import BaseStorageBackend, Suffix, check_listing, check_range
from mmengine.fileio.paths import StrPath, ensure_parent

_PIECE = 1 << 26


class LocalBackend(BaseStorageBackend):
    """Files of this machine; what is written is complete or not there."""

    _allow_symlink = True

    def get(self, filepath: StrPath) -> bytes:
        """Read a file as bytes."""
        with open(filepath, 'rb') as file:
            return file.read()

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Read a file as text."""
        with open(filepath, encoding=encoding) as file:
            return file.read()

    def get_range(self, filepath: StrPath, start: int, stop: int | None = None) -> bytes:
        """Read the bytes from `start` up to `stop`."""
        check_range(start, stop)
        with open(filepath, 'rb') as file:
            file.seek(start)
            return file.read(-1 if stop is None else stop - start)

    def stream(self, filepath: StrPath) -> AbstractContextManager[IO[bytes]]:
        """Open a file to read it in pieces."""
        return open(filepath, 'rb')

    def put(self, obj: bytes, filepath: StrPath) -> None:
        """Write bytes to a file, and make its folder."""
        ensure_parent(filepath)
        with atomic_write(filepath, sync_name=False) as file:
            file.write(obj)

    def put_text(self, obj: str, filepath: StrPath, encoding: str = 'utf-8') -> None:
        """Write text to a file, and make its folder."""
        ensure_parent(filepath)
        with atomic_write(filepath, 'w', encoding=encoding, sync_name=False) as file:
            file.write(obj)

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether there is a file or folder of this name."""
        return os.path.exists(filepath)

    def isdir(self, filepath: StrPath) -> bool:
        """Tell whether there is a folder of this name."""
        return os.path.isdir(filepath)

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether there is a file of this name."""
        return os.path.isfile(filepath)

    def join_path(self, filepath: StrPath, *filepaths: StrPath) -> str:
        """Join the components of a path as the system does."""
        return os.path.join(filepath, *filepaths)

    def get_local_path(self, filepath: StrPath) -> AbstractContextManager[StrPath]:
        """Give the path itself: the file is local already."""
        return nullcontext(filepath)

    def copyfile(self, src: StrPath, dst: StrPath) -> str:
        """Copy a file with its permissions and return the new path; into `dst` if that is a folder."""
        if os.path.isdir(dst):
            dst = os.path.join(dst, os.path.basename(src))
        if os.path.exists(dst) and os.path.samefile(src, dst):
            raise shutil.SameFileError(f'{os.fspath(src)!r} and {os.fspath(dst)!r} are the same file')
        with open(src, 'rb') as source, atomic_write(dst, sync_name=False) as target:
            _copy_content(source, target)
        shutil.copymode(src, dst)
        return os.fspath(dst)

    def copytree(self, src: StrPath, dst: StrPath) -> str:
        """Copy a folder to a new one and return the new path."""
        return os.fspath(shutil.copytree(src, dst))

    def copyfile_from_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a file, as `copyfile` does."""
        return self.copyfile(src, dst)

    def copytree_from_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a folder, as `copytree` does."""
        return self.copytree(src, dst)

    def copyfile_to_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a file, as `copyfile` does."""
        return self.copyfile(src, dst)

    def copytree_to_local(self, src: StrPath, dst: StrPath) -> str:
        """Copy a folder, as `copytree` does."""
        return self.copytree(src, dst)

    def remove(self, filepath: StrPath) -> None:
        """Remove a file; a folder is refused on every system alike."""
        if os.path.isdir(filepath) and not os.path.islink(filepath):
            raise IsADirectoryError(f'{os.fspath(filepath)!r} is a folder: use rmtree')
        os.remove(filepath)

    def rmtree(self, dir_path: StrPath) -> None:
        """Remove a folder with all that is in it."""
        shutil.rmtree(dir_path)

    def copy_if_symlink_fails(self, src: StrPath, dst: StrPath) -> bool:
        """Link `dst` to `src`, or copy a file or folder where the link fails; tell whether it is a link."""
        try:
            os.symlink(src, dst)
        except Exception:  # whatever keeps the system from linking, the copy says it better
            if os.path.isdir(src):
                self.copytree(src, dst)
            else:
                self.copyfile(src, dst)
            return False
        return True

    def list_dir_or_file(self,
                         dir_path: StrPath,
                         list_dir: bool = True,
                         list_file: bool = True,
                         suffix: Suffix = None,
                         recursive: bool = False) -> Iterator[str]:
        """List the names in a folder, sorted and relative to it, without hidden files.

        Args:
            dir_path: The folder.
            list_dir: Whether folders are listed.
            list_file: Whether files are listed.
            suffix: Only files that end so; needs `list_dir=False`.
            recursive: Whether the folders in the folder are listed as well.

        Returns:
            An iterator of relative paths. The arguments are checked by the call itself.
        """
        check_listing(list_dir, suffix, '`suffix` should be None when `list_dir` is True')
        return _scan(os.fspath(dir_path), '', list_dir, list_file, suffix, recursive, ())


def _copy_content(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy what is in a file, within the system where that can be done."""
    sent = 0
    if hasattr(os, 'sendfile'):
        try:
            while count := os.sendfile(target.fileno(), source.fileno(), sent, _PIECE):
                sent += count
        except OSError as error:
            if sent or error.errno not in (errno.ENOTSOCK, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
                raise
    if not sent:  # this system, or this kind of file, has none of it
        shutil.copyfileobj(source, target, 1 << 20)


def _scan(folder: str, prefix: str, list_dir: bool, list_file: bool, suffix: Suffix, recursive: bool,
          above: tuple[str, ...]) -> Generator[str, None, None]:
    real = os.path.realpath(folder)
    if real in above:  # a link back to a folder above
        return
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        relative = prefix + entry.name
        if entry.is_dir():
            if list_dir:
                yield relative
            if recursive:
                yield from _scan(entry.path, relative + os.sep, list_dir, list_file, suffix, recursive, (*above, real))
        elif list_file and _is_listed(entry, suffix):
            yield relative


def _is_listed(entry: os.DirEntry[str], suffix: Suffix) -> bool:
    if entry.name.startswith('.') or (suffix is not None and not entry.name.endswith(suffix)):
        return False
    return entry.is_file()
