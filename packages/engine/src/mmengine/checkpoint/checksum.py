"""A checksum of the whole file, kept as the comment that ends every zip archive.

What `torch.save` writes is a zip archive. Its comment belongs to the file, so that the checksum survives renaming and
copying and needs no second file; every reader of checkpoints, torch's own included, passes over it.
"""
from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from typing import IO, Any

_MARK = b'mmengine:crc32='
_COMMENT = len(_MARK) + 8
#: The record that ends an archive: its signature, 16 bytes of content, and the length of the comment behind it.
_END, _SIGNATURE = 22, b'PK\x05\x06'
_PIECE = 1 << 22


class SummedFile(io.RawIOBase):
    """Passes on what is written to it, and sums it up on the way.

    It also keeps the reason of a failed write: torch reports a full disk as an internal error.

    Args:
        file: The binary file to write to.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = 0
        self._tail = b''
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Tell that this is a file to write."""
        return True

    def write(self, data: Any) -> int:
        """Write and sum up."""
        try:
            written = int(self._file.write(data))
        except OSError as error:
            self.failure = error
            raise
        self._sum = zlib.crc32(data, self._sum)
        self._tail = (self._tail + bytes(memoryview(data).cast('B')[-_END:]))[-_END:]
        return written

    def seal(self) -> None:
        """Put the checksum behind an archive that has no comment yet; anything else stays as it is."""
        if len(self._tail) == _END and self._tail.startswith(_SIGNATURE) and self._tail.endswith(b'\0\0'):
            self._file.seek(-2, os.SEEK_END)
            self._file.write(_COMMENT.to_bytes(2, 'little') + _MARK + b'%08x' % self._sum)


class DamagedError(ValueError):
    """A file is not what its checksum says."""


def verify(file: IO[bytes]) -> bool:
    """Compare a file with its checksum.

    Args:
        file: An open binary file that can seek; it is at its start afterwards.

    Returns:
        Whether there is a checksum.

    Raises:
        DamagedError: The file is not what it was when it was written.
    """
    size = file.seek(0, os.SEEK_END)
    found = file.seek(-min(size, _END + _COMMENT), os.SEEK_END)
    tail = file.read()
    file.seek(0)
    end = tail.rfind(_SIGNATURE)
    if end < 0 or len(tail) - end < _END:
        return False  # no archive, or none with a comment of ours
    comment = tail[end + _END:]
    if int.from_bytes(tail[end + _END - 2:end + _END], 'little') != len(comment):
        raise DamagedError(f'it has {size} bytes, which is not what its last record says')
    if not comment.startswith(_MARK):
        return False
    actual, expected = b'%08x' % _sum_of(file.read, found + end + _END - 2), comment.removeprefix(_MARK)
    file.seek(0)
    if actual != expected:
        raise DamagedError(f'its checksum was {expected.decode("latin-1")}, and is {actual.decode()}')
    return True


def _sum_of(read: Callable[[int], bytes], length: int) -> int:
    total = 0
    while length:
        piece = read(min(length, _PIECE))
        if not piece:
            break
        total, length = zlib.crc32(piece, total), length - len(piece)
    return zlib.crc32(b'\0\0', total)  # where the length of the comment is now
