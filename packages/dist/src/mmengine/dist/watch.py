"""Who is missing when an operation of all processes fails: each says now and then that it lives, and where it is."""
from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch.distributed as torch_dist

from mmengine.dist.info import get_default_group

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_LONGEST_PERIOD = 1.0
_PERIODS = 40  # in a timeout
_MOST_RESERVED = timedelta(seconds=6)
_PATIENCE = 60.0  # seconds until a process says that it waits, and for whom; then twice as long, and so on
_STORE_TIMEOUT = timedelta(seconds=10)

OUTSIDE, INSIDE, FAILED, ENDED = 'outside', 'inside', 'failed', 'ended'


@dataclass
class Sign:
    """What a process says about itself: how often it did, and the last operation that it came to."""

    beat: int = 0
    phase: str = OUTSIDE
    group: str = ''
    number: int = 0
    operation: str = ''

    def to_text(self) -> str:
        """Give it as text."""
        return '\t'.join([str(self.beat), self.phase, self.group, str(self.number), self.operation])

    @classmethod
    def from_text(cls, text: str) -> Sign:
        """Read what `to_text` gave."""
        beat, phase, group, number, operation = text.split('\t')
        return cls(int(beat), phase, group, int(number), operation)


@dataclass
class Watch:
    """The signs of all processes, in a store that all of them reach.

    A thread writes the sign of this process; operations only note where they are, which costs no message. The signs of
    the others are read when an operation has failed, and not before.
    """

    store: Any
    rank: int
    world_size: int
    period: float
    group: ProcessGroup
    sign: Sign = field(default_factory=Sign)
    counts: dict[str, int] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None
    verdict: str = ''
    limit: timedelta | None = None
    waits_in: ProcessGroup | None = None
    since: float = 0.0
    remark_at: float = 0.0

    def start(self) -> None:
        """Begin to give signs."""
        self.write()
        self.thread = threading.Thread(target=self._run, name='mmengine-watch', daemon=True)
        self.thread.start()
        atexit.register(self.end)

    def _run(self) -> None:
        while not self.stopped.wait(self.period) and get_default_group() is self.group:
            try:
                self.write()
                if not self.verdict and self.store.check(['verdict']):
                    self.verdict = self.store.get('verdict').decode()
                if self.sign.phase == INSIDE and time.monotonic() >= self.remark_at:
                    self.remark()
            except RuntimeError:  # the store is gone: the process that keeps it has ended
                return

    def write(self) -> None:
        """Give a sign."""
        with self.lock:
            self.sign.beat += 1
            self.store.set(f'sign/{self.rank}', self.sign.to_text())

    def enter(self, operation: str, group: ProcessGroup | None) -> None:
        """Note that this process comes to an operation; all of it is local."""
        self.waits_in = group if group is not None else self.group
        name = 'all' if self.waits_in is self.group else self.waits_in.group_name
        number = self.counts[name] = self.counts.get(name, 0) + 1
        self.since = time.monotonic()
        self.remark_at = self.since + _PATIENCE
        self.sign = Sign(self.sign.beat, INSIDE, name, number, operation)

    def others(self) -> list[int]:
        """Give the other processes of the operation that this one is in."""
        return [rank for rank in torch_dist.get_process_group_ranks(self.waits_in or self.group) if rank != self.rank]

    def remark(self) -> None:
        """Say that this process waits, and for whom: silence looks like a hang. Of several that wait the first says it."""
        waited = time.monotonic() - self.since
        self.remark_at = time.monotonic() + waited
        own, signs = self.sign, self.read(self.others())
        absent = [rank for rank in self.others() if not _came(signs.get(rank), own)]
        if absent and not any(rank < self.rank for rank in signs if rank not in absent):
            names = ', '.join(f'process {rank}' + (f' (last in {signs[rank].operation})' if signs.get(rank) and
                                                   signs[rank].operation else '') for rank in absent)
            print(f'mmengine: process {self.rank} has waited {waited:.0f} s in {own.operation} for {names}',
                  file=sys.stderr, flush=True)

    def end(self) -> None:
        """Say goodbye; a thread that talks to the store must not outlive the interpreter."""
        if self.stopped.is_set():
            return
        self.stopped.set()
        if self.sign.phase != FAILED and get_default_group() is self.group:
            self.sign.phase = ENDED
            self.say()
        if self.thread is not None:
            self.thread.join(timeout=2)

    def say(self) -> None:
        """Give a sign at once, if the store is still there."""
        try:
            self.write()
        except RuntimeError:
            self.stopped.set()

    def find(self, ranks: list[int], own: Sign) -> str:
        """Say who is missing in an operation, and tell the others, who may notice only when this process ends."""
        if self.verdict:
            return self.verdict
        self.say()
        said = self.report(ranks, own)
        if said and not self.stopped.is_set():
            try:
                self.store.set('verdict', said)
            except RuntimeError:
                return said
            self.stopped.wait(2 * self.period)  # the others read it; the store may end with this process
        return said

    def read(self, ranks: Iterable[int]) -> dict[int, Sign]:
        """Give the signs of processes, as far as they gave any."""
        present = [rank for rank in ranks if self.store.check([f'sign/{rank}'])]
        return {rank: Sign.from_text(self.store.get(f'sign/{rank}').decode()) for rank in present}

    def report(self, ranks: list[int], own: Sign | None) -> str:
        """Say in words which processes are missing in an operation, or which ended where `own` is None."""
        found: list[str] = []

        def look() -> None:
            first = self.read(ranks)
            time.sleep(2.5 * self.period)
            second = self.read(ranks)
            found.extend(filter(None, (_about(rank, first.get(rank), second.get(rank), own) for rank in ranks)))
            found.append('')

        thread = threading.Thread(target=_quietly, args=(look, ), daemon=True)
        thread.start()
        thread.join(2.5 * self.period + 5)
        if not found:  # the store says nothing, in time or at all
            return self.verdict or 'process 0, or the launcher, which keeps what the processes share, ended or hangs'
        return '; '.join(found[:-1])


def _quietly(look: Any) -> None:
    try:
        look()
    except RuntimeError:
        return


def _about(rank: int, first: Sign | None, second: Sign | None, own: Sign | None) -> str:
    """Say what is wrong with a process, nothing if it is where it should be."""
    if second is None:
        return f'process {rank} never gave a sign of life'
    if second.phase == FAILED:  # it was there, and failed for the same reason as this one
        return ''
    last = f'; its last operation was {second.operation} (number {second.number})' if second.operation else ''
    if second.phase == ENDED:
        return f'process {rank} has ended{last}'
    if first is None or first.beat == second.beat:
        return f'process {rank} gives no sign of life: it was killed, is stopped or lost its network{last}'
    if own is None or _came(second, own):
        return ''
    if second.phase == INSIDE:
        return f'process {rank} is in {second.operation} (number {second.number}) instead'
    return f'process {rank} lives but did not come{last}'


def _came(sign: Sign | None, own: Sign) -> bool:
    """Tell whether a process is, or was, in an operation of this one."""
    return (sign is not None and sign.group == own.group and sign.number >= own.number
            and sign.operation == own.operation)


_current: Watch | None = None


def time_of_the_backend(timeout: timedelta) -> timedelta:
    """Give how long the backend may wait, so that the error that names who is missing comes within a timeout."""
    return timeout - min(timeout / 3, _MOST_RESERVED)


def limit_of_groups() -> timedelta | None:
    """Give how long further groups wait: as long as the one of all processes, None where that was not said."""
    watch = _of_this_group()
    return None if watch is None or watch.limit is None else time_of_the_backend(watch.limit)


def start_watch(timeout: timedelta | None) -> None:
    """Begin to watch the processes of the group that was just started through the environment.

    Args:
        timeout: How long operations wait; signs are given often enough to tell within it who is missing.
    """
    global _current
    group = get_default_group()
    if group is None or group.size() == 1:
        return
    seconds = _LONGEST_PERIOD if timeout is None else min(_LONGEST_PERIOD, timeout.total_seconds() / _PERIODS)
    stores: Any = torch_dist  # their names are there, but not declared
    try:  # a connection of its own: that of the group may be waiting in an operation
        store = stores.TCPStore(os.environ['MASTER_ADDR'], int(os.environ['MASTER_PORT']), is_master=False,
                                    timeout=_STORE_TIMEOUT, wait_for_workers=False)
        # Only a store of torchrun's own outlives ranks; the nodes do not count their restarts alike.
        is_kept = os.environ.get('TORCHELASTIC_USE_AGENT_STORE') == 'True'
        attempt = os.environ.get('TORCHELASTIC_RESTART_COUNT', '0') if is_kept else '0'
        _current = Watch(stores.PrefixStore(f'mmengine.dist.watch/{attempt}', store), group.rank(), group.size(),
                         seconds, group, limit=timeout)
        _current.start()
    except (RuntimeError, KeyError, ValueError):  # no such store; then errors name nobody
        _current = None


def who_is_missing() -> str:
    """Say which processes ended or give no sign of life, in words; nothing where all live or nobody knows.

    For errors of operations that are not of this package, those of DistributedDataParallel for example.
    """
    watch = _of_this_group()
    return '' if watch is None else watch.report([r for r in range(watch.world_size) if r != watch.rank], None)


def _of_this_group() -> Watch | None:
    return _current if _current is not None and _current.group is get_default_group() else None


class watched:  # noqa: N801  # used like a function
    """Note that this process is in an operation of a group, and let an error of it name the processes that are missing."""

    __slots__ = ('_group', '_operation', '_watch')

    def __init__(self, operation: str, group: ProcessGroup | None = None) -> None:
        self._operation = operation
        self._group = group
        self._watch = _of_this_group()

    def __enter__(self) -> None:
        """Note it."""
        if self._watch is not None:
            self._watch.enter(self._operation, self._group)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        """Note that it is over; raise an error of the same kind with the names in it."""
        watch = self._watch
        if watch is None:
            return
        if not isinstance(error, RuntimeError):
            watch.sign.phase = OUTSIDE
            return
        waited = time.monotonic() - watch.since
        own = Sign(0, INSIDE, watch.sign.group, watch.sign.number, watch.sign.operation)
        watch.sign.phase = FAILED
        said = watch.find(watch.others(), own)
        if said:
            raise type(error)(f'{self._operation} failed in process {watch.rank} after {waited:.1f} s, for {said}. '
                              f'The backend says: {error}') from error
