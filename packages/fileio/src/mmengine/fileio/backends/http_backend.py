"""Files of the web, read over HTTP and HTTPS."""
from __future__ import annotations

import http.client
import io
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from typing import IO, Any, TypeVar

from mmengine.fileio.backends.base import BaseStorageBackend, check_range
from mmengine.fileio.paths import StrPath

_Result = TypeVar('_Result')

#: Answers after which the same question may succeed a little later.
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class HTTPBackend(BaseStorageBackend):
    """Files of the web, read over HTTP and HTTPS.

    Args:
        timeout: Seconds that the server may stay silent, while connecting and between two pieces of data.
        retries: How often a read is tried again after a lost connection, a silent server or an answer such as 503.
        backoff: Seconds before the first further try; each next pause is twice as long.
    """

    def __init__(self, timeout: float = 30.0, retries: int = 3, backoff: float = 0.5) -> None:
        self.timeout = timeout
        self.retries = retries
        self.backoff = backoff

    def get(self, filepath: StrPath) -> bytes:
        """Read a file as bytes."""
        return self._read(filepath, _whole)

    def get_text(self, filepath: StrPath, encoding: str = 'utf-8') -> str:
        """Read a file as text."""
        return self.get(filepath).decode(encoding)

    def get_range(self, filepath: StrPath, start: int, stop: int | None = None) -> bytes:
        """Read the bytes from `start` up to `stop`; only these are transferred where the server can do that."""
        check_range(start, stop)
        if start == stop:
            return b''

        def part(response: http.client.HTTPResponse) -> bytes:
            content = response.read()
            return content if response.status == 206 else content[start:stop]

        try:
            return self._read(filepath, part, {'Range': f'bytes={start}-{"" if stop is None else stop - 1}'})
        except OSError as error:
            if isinstance(error.__cause__, urllib.error.HTTPError) and error.__cause__.code == 416:
                return b''  # behind the end, where a local file has nothing either
            raise

    @contextmanager
    def stream(self, filepath: StrPath) -> Generator[IO[bytes], None, None]:
        """Open a file to read it in pieces; a connection that is lost after the first one is an error."""
        with self._read(filepath, _itself, close=False) as response:
            yield io.BufferedReader(_Checked(response, os.fspath(filepath)), 1 << 20)

    def exists(self, filepath: StrPath) -> bool:
        """Tell whether the server has a file of this name."""
        try:
            self._read(filepath, _whole, method='HEAD')
        except FileNotFoundError:
            return False
        return True

    def isfile(self, filepath: StrPath) -> bool:
        """Tell whether the server has a file of this name."""
        return self.exists(filepath)

    def _download(self, filepath: StrPath, file: IO[bytes]) -> None:

        def save(response: http.client.HTTPResponse) -> None:
            file.seek(0)
            file.truncate()  # an earlier try may have left a part
            shutil.copyfileobj(response, file, 1 << 20)
            _check_length(response, file.tell())

        self._read(filepath, save)

    def _read(self, filepath: StrPath, consume: Callable[[http.client.HTTPResponse], _Result],
              headers: dict[str, str] | None = None, method: str = 'GET', close: bool = True) -> _Result:
        url = os.fspath(filepath)
        if not url.startswith(('http://', 'https://')):
            raise ValueError(f'{self.name} reads http:// and https:// only, but got {url!r}')
        request = urllib.request.Request(url, headers=headers or {}, method=method)
        pause = self.backoff
        for remaining in range(self.retries, -1, -1):
            try:
                response = urllib.request.urlopen(request, timeout=self.timeout)
                with response if close else nullcontext():
                    return consume(response)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, urllib.error.HTTPError):
                    error.close()  # it holds the connection
                if not remaining or not _may_pass(error):
                    raise _named(error, url, self.retries - remaining + 1) from error
            time.sleep(pause)
            pause *= 2
        raise ValueError(f'retries should be 0 or more, but got {self.retries!r}')


def _whole(response: http.client.HTTPResponse) -> bytes:
    return response.read()


def _itself(response: http.client.HTTPResponse) -> http.client.HTTPResponse:
    return response


class _Checked(io.RawIOBase):
    """An answer that is read in pieces, and says so when it ends before its time."""

    def __init__(self, response: http.client.HTTPResponse, url: str) -> None:
        super().__init__()
        self._response = response
        self._url = url
        self._received = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next piece into a buffer."""
        try:
            count = self._response.readinto(buffer)
            self._received += count
            if count == 0 and len(buffer):
                _check_length(self._response, self._received)
            return count
        except (OSError, http.client.HTTPException) as error:
            raise _named(error, self._url, 1) from error


def _check_length(response: http.client.HTTPResponse, received: int) -> None:
    expected = response.headers.get('Content-Length')
    if expected is not None and received != int(expected):
        raise http.client.IncompleteRead(b'', int(expected) - received)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code in _TRANSIENT
    reason: Any = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, (ConnectionError, TimeoutError, http.client.HTTPException))


def _named(error: Exception, url: str, tries: int) -> OSError:
    """Say which URL failed and how, and keep the kind of the error."""
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (404, 410):
            return FileNotFoundError(f'{url!r} does not exist on the server: {error.code} {error.reason}')
        if error.code in (401, 403):
            return PermissionError(f'the server refuses to give {url!r}: {error.code} {error.reason}')
    reason: Any = error.reason if isinstance(error, urllib.error.URLError) else error
    kind: type[OSError] = TimeoutError if isinstance(reason, TimeoutError) else ConnectionError
    if isinstance(reason, OSError) and not isinstance(reason, (ConnectionError, TimeoutError)) and reason.errno:
        kind = OSError
    return kind(f'reading {url!r} failed after {tries} {"try" if tries == 1 else "tries"}: '
                f'{type(reason).__name__}: {reason}')
