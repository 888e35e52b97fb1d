"""A pause of Python's collector of cycles while trees are made, which have none."""
from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Let the collector rest within the block: it would go over all that a config's syntax tree consists of, each time.

    What is garbage is collected as ever after it. Who has turned it off finds it off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
