"""A text as an open file, without the four bytes for each character that StringIO takes."""
from __future__ import annotations

import io
from typing import IO, cast


def open_text(text: str) -> IO[str]:
    """Give a text as an open file."""
    return cast('IO[str]', WholeText(text))  # it is one, which typeshed does not say of classes of TextIOBase


class WholeText(io.TextIOBase):
    """A text as an open file: `read()` gives the text itself; who reads it in pieces gets a StringIO.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._is_read = False
        self._pieces: io.StringIO | None = None

    def read(self, size: int | None = -1, /) -> str:
        """Read so many characters, or all that are left."""
        if self._pieces is None and (size is None or size < 0):
            text, self._is_read = '' if self._is_read else self._text, True
            return text
        return self._file().read(size)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed wants what TextIO has not
        """Read a line."""
        return self._file().readline(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place in the text."""
        return self._file().seek(offset, whence)

    def tell(self) -> int:
        """Give the place in the text."""
        if self._pieces is None:
            return len(self._text) if self._is_read else 0
        return self._pieces.tell()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from any place."""
        return True

    def _file(self) -> io.StringIO:
        if self._pieces is None:
            self._pieces = io.StringIO(self._text)
            self._pieces.seek(0, io.SEEK_END if self._is_read else io.SEEK_SET)
        return self._pieces
