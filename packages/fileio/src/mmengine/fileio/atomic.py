"""Files that are there as a whole or not at all."""
from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from typing import IO, Any

from mmengine.fileio.paths import StrPath

# Raised by a write, a flush or an fsync, where the system does not say which file it is about.
_DEVICE_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS}


@contextlib.contextmanager
def atomic_write(path: StrPath,
                 mode: str = 'wb',
                 *,
                 encoding: str | None = None,
                 newline: str | None = None,
                 sync_name: bool = True) -> Iterator[IO[Any]]:
    """Open a file that takes its final name only when it is complete and on the disk.

    The data go to a hidden temporary file in the same folder. When the block ends, the file is flushed and synced and
    replaces `path` in one step. When anything fails, an interrupt included, the temporary file is removed and
    what was at `path` before is as it was. A link is followed; what is no regular file (a device, a pipe) is
    written directly, since there is nothing to replace.

    Args:
        path: The file to write. Its folder has to exist.
        mode: 'wb' or 'w'.
        encoding: Encoding of a text file.
        newline: Line ends of a text file, as in `open`.
        sync_name: Whether the name is brought to the disk as well. Without it a power cut soon after may leave what
            was there before, as a whole, and many small files take half of the time.

    Yields:
        The open file.
    """
    if mode not in ('wb', 'w'):
        raise ValueError(f"mode of atomic_write should be 'wb' or 'w', but got {mode!r}")
    target = os.path.realpath(path)
    permissions = _permissions(target)
    if permissions is not None and not stat.S_ISREG(permissions):
        with open(path, mode, encoding=encoding, newline=newline) as file:
            yield file
        return
    if permissions is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, 'The file is write-protected', os.fspath(path))
    temporary = _temporary_name(target)
    try:
        with _naming(path, temporary):
            with open(temporary, mode.replace('w', 'x'), encoding=encoding, newline=newline) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if permissions is not None:
                os.chmod(temporary, stat.S_IMODE(permissions))
            os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if sync_name:
        sync_folder(os.path.dirname(target))


def sync_folder(folder: StrPath) -> None:
    """Bring the names in a folder to the disk, where the system can do that."""
    if os.name == 'nt':  # a folder cannot be opened there
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems have no such thing
            raise
    finally:
        os.close(descriptor)


def _permissions(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _temporary_name(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f'.{name[:40]}.{secrets.token_hex(6)}.tmp')  # short: names end at 255 bytes


@contextlib.contextmanager
def _naming(path: StrPath, temporary: str) -> Iterator[None]:
    """Let an OSError speak of the file that was asked for, not of the temporary one or of none."""
    try:
        yield
    except OSError as error:
        unnamed = error.filename is None and error.errno in _DEVICE_ERRORS
        if unnamed or error.filename == temporary:
            raise OSError(error.errno, f'{error.strerror} while writing', os.fspath(path)) from error
        raise
