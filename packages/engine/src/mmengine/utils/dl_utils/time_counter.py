"""A stopwatch for functions and blocks, which averages over calls."""
from __future__ import annotations

import functools
import time
from collections.abc import Callable
from logging import Logger
from typing import Any, TypeVar

import torch

from mmengine.dist import master_only
from mmengine.logging import print_log

Function = TypeVar('Function', bound=Callable[..., Any])


class TimeCounter:
    """Measures how long a function or block takes on average, and prints it now and then.

    As a context, which is entered again and again, it needs a `tag`; the same tag means the same counter.

    Args:
        log_interval: Every how many calls the average is printed.
        warmup_interval: How many calls are left out at first.
        with_sync: Whether the accelerator is waited for, so that its time counts.
        tag: Name in the message, by default that of the function.
        logger: Where messages go, as in `print_log`.

    Raises:
        AssertionError: `warmup_interval` is below 1, or a context has no tag.

    Examples:
        >>> from mmengine.utils.dl_utils import TimeCounter
        >>> @TimeCounter(log_interval=10, warmup_interval=5)
        ... def work():
        ...     return 1
        >>> work()
        1
    """

    instance_dict: dict[str, TimeCounter] = {}

    log_interval: int
    warmup_interval: int
    with_sync: bool
    tag: str | None
    logger: Logger | str | None
    _count: int
    _elapsed: float
    _start: float

    def __new__(cls, log_interval: int = 1, warmup_interval: int = 1, with_sync: bool = True, tag: str | None = None,
                logger: Logger | str | None = None) -> TimeCounter:
        """Make a counter, or find the one of the tag."""
        if warmup_interval < 1:
            raise AssertionError(f'warmup_interval should be at least 1, but got {warmup_interval}')
        if tag is not None and tag in cls.instance_dict:
            return cls.instance_dict[tag]
        counter = super().__new__(cls)
        counter.log_interval = log_interval
        counter.warmup_interval = warmup_interval
        counter.with_sync = with_sync
        counter.tag = tag
        counter.logger = logger
        counter._count = 0
        counter._elapsed = 0.
        if tag is not None:
            cls.instance_dict[tag] = counter
        return counter

    def __call__(self, fn: Function) -> Function:
        """Decorate a function."""
        if self.tag is None:
            self.tag = fn.__name__

        @functools.wraps(fn)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self:
                return fn(*args, **kwargs)

        return timed  # type: ignore[return-value]  # of the same signature

    def __enter__(self) -> TimeCounter:
        if self.tag is None:
            raise AssertionError('In order to clearly distinguish printing information in different contexts, '
                                 'please specify the tag parameter')
        self._start = self._now()
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if exc_type is not None:
            return
        self._count += 1
        elapsed = self._now() - self._start
        if self._count >= self.warmup_interval:
            self._elapsed += elapsed
            if self._count % self.log_interval == 0:
                self.print_time(elapsed)

    def _now(self) -> float:
        if self.with_sync and torch.accelerator.is_available():
            torch.accelerator.synchronize()
        return time.perf_counter()

    @master_only
    def print_time(self, elapsed: float | int) -> None:
        """Print the average.

        Args:
            elapsed: Seconds of the last call; the average is over all calls since the warm-up.
        """
        if self._count < self.warmup_interval:
            return
        average = self._elapsed / (self._count - self.warmup_interval + 1)
        print_log(f'[{self.tag}]-time per run averaged in the past {self._count} runs: {average * 1000:.1f} ms',
                  self.logger)
