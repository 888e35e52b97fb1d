"""Files of the web, read over HTTP and HTTPS."""
from __future__ import annotations

import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO, Any, TypeVar

from mmengine.fileio.backends.base import BaseStorageBackend
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

    def _download(self, filepath: StrPath, file: IO[bytes]) -> None:

        def save(response: http.client.HTTPResponse) -> None:
            file.seek(0)
            file.truncate()  # an earlier try may have left a part
            shutil.copyfileobj(response, file, 1 << 20)
            _check_length(response, file.tell())

        self._read(filepath, save)

    def _read(self, filepath: StrPath, consume: Callable[[http.client.HTTPResponse], _Result]) -> _Result:
        url = os.fspath(filepath)
        if not url.startswith(('http://', 'https://')):
            raise ValueError(f'{self.name} reads http:// and https:// only, but got {url!r}')
        pause = self.backoff
        for remaining in range(self.retries, -1, -1):
            try:
                with urllib.request.urlopen(url, timeout=self.timeout) as response:
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
