"""What an inferencer is given: one input, many, a folder, or a stream of them."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from mmengine.fileio import get_file_backend


def files_in(folder: str | Path) -> list[str] | None:
    """List the files in a folder by name, without those below its folders; None for what is no folder.

    Args:
        folder: Path, or URI of a storage backend.
    """
    backend = get_file_backend(folder)
    isdir = getattr(backend, 'isdir', None)
    try:
        if isdir is None or not isdir(folder):
            return None
        names = sorted(backend.list_dir_or_file(folder, list_dir=False))
    except NotImplementedError:  # a single page of the web
        return None
    return [str(backend.join_path(folder, name)) for name in names]


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Cut a sequence or stream into lists, the last of which may be shorter.

    Args:
        items: The items; they are read as lists are asked for.
        size: Length of a list.

    Raises:
        ValueError: `size` is below 1.
    """
    if not isinstance(size, int) or size < 1:
        raise ValueError(f'a batch should have at least 1 input, but batch_size is {size!r}')
    source = iter(items)
    return iter(lambda: list(islice(source, size)), [])


class Remembered:
    """A stream that keeps what has been read of it.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: Iterable[Any]) -> None:
        self._stream = iter(stream)
        self.items: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        for item in self._stream:
            self.items.append(item)
            yield item
