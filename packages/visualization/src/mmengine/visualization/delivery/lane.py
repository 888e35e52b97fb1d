"""The calls of one backend: in the order in which they were made, one at a time, on a thread of the backend's own."""
from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.visualization.delivery.ducks import is_started, is_transient, limit_of, method_of, supports
from mmengine.visualization.delivery.health import UNSTARTED, Health
from mmengine.visualization.delivery.snapshot import read
from mmengine.visualization.delivery.steps import NUMBERS
from mmengine.visualization.values import ScalarRow

#: How much may wait for a backend: calls, and bytes of arrays in them.
MAX_CALLS = 10_000
MAX_BYTES = 256 << 20
#: Seconds that a run waits in all for a backend that is too slow, before what does not fit is left out.
PATIENCE = 30.0
#: How often a call that failed for a reason that may pass is tried again, and the first pause, doubled each time.
RETRIES = 3
RETRY_PAUSE = 1.0
#: Seconds from one look at the queue to the next, and after how many looks at nothing the thread sleeps.
LOOK = 0.05
LOOKS = 40
#: Calls whose numbers are sent together, if the backend can.
MAX_BATCH = 500
NOTHING: Mapping[str, Any] = {}


class Call:
    """A method to be called with what was given, copied; `done` is set if somebody waits, `after` called at the end."""

    __slots__ = ('after', 'args', 'done', 'kwargs', 'method', 'pending', 'result', 'size', 'time')

    def __init__(self, method: str, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] = NOTHING, size: int = 0,
                 pending: bool = False) -> None:
        self.method = method
        self.args = args
        self.kwargs = kwargs
        self.size = size
        self.pending = pending
        self.time = time.time()
        self.done: threading.Event | None = None
        self.after: Callable[[], None] | None = None
        self.result: Any = None

    def awaited(self) -> Call:
        """Let somebody wait for this call."""
        self.done = threading.Event()
        return self

    def arguments(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        """Give the arguments, with what is still on a device read."""
        return read(self.args, self.kwargs) if self.pending else (self.args, self.kwargs)

    def finish(self) -> None:
        """Tell whoever waits that this call is over, or will not be made."""
        if self.after is not None:
            self.after()
        if self.done is not None:
            self.done.set()


class Lane:
    """Where calls wait for a backend.

    A start that fails is tried again with pauses that get longer, while records wait. A call that fails for a reason
    that may pass is tried again a few times. A call that does not return is reported when its limit is over; then
    records wait as long as there is room for them. What is lost is counted and said at the end.

    The thread looks at the queue every few hundredths of a second, so that a record costs whoever adds it no switch of
    threads; it sleeps while nothing comes.

    Args:
        backend: The backend.
        health: Its record.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, backend: Any, health: Health, clock: Callable[[], float] = time.monotonic) -> None:
        self.backend = backend
        self.health = health
        self._clock = clock
        self._patience = PATIENCE
        self._off = False
        #: Whether a close did not wait any longer for a call that is still going on.
        self.given_up = False
        self._renew()

    def _renew(self) -> None:
        self._lock = threading.RLock()  # a signal handler may come here while its own thread is inside
        self._queue: deque[Call] = deque()
        self._bytes = 0
        self._worker: threading.Thread | None = None
        #: Whether there is a thread that calls the backend.
        self.is_open = False
        self._busy: tuple[str, float] | None = None  # what is being done, and until when it should be
        self._wake = threading.Event()
        self._asleep = False
        self._hurry = threading.Event()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._queue)

    def overdue(self) -> str | None:
        """Name the method that the backend should have returned from long ago, and report it."""
        busy = self._busy
        if busy is None or self._clock() < busy[1]:
            return None
        method = busy[0]
        self.health.say(f'{method} overdue', f'has not returned from `{method}` within '
                        f'{limit_of(self.backend, method):g} s. The run and the other backends go on; its records wait '
                        'as long as there is room for them.')
        return method

    def put(self, call: Call) -> bool:
        """Let a call wait for its turn; False if there is no room for it."""
        busy = self._busy
        if (self._off or self.given_up or len(self._queue) >= MAX_CALLS or self._bytes >= MAX_BYTES
                or (busy is not None and busy[1] < self._clock())) and not self._has_room_for(call):
            if call.method not in UNSTARTED:
                self.health.lose(call.method)
            call.finish()
            return False
        if call.size:
            with self._lock:
                self._bytes += call.size
        self._queue.append(call)
        if self._worker is None:
            self._begin()
        if self._asleep or call.done is not None:
            self._wake.set()
        return True

    def _begin(self) -> None:
        with self._lock:
            if self._worker is None and self._queue:
                self._worker = threading.Thread(target=self._work, name='records', daemon=True)
                self.is_open = True
                self._worker.start()

    def _has_room_for(self, call: Call) -> bool:
        if self._off:
            self.health.say('fork', 'belongs to the process that this one was forked from, and records nothing here.')
            return False
        late = self.overdue()
        if self.given_up:
            return False
        if self._is_full() and call.method not in UNSTARTED and not self._wait_for_room(late):
            self.health.say('full', f'is left behind: {self.waiting} calls wait for it, which is the most that may. '
                                    'What comes now is left out, and counted.')
            return False
        return True

    def _is_full(self) -> bool:
        return len(self._queue) >= MAX_CALLS or self._bytes >= MAX_BYTES

    def _wait_for_room(self, late: str | None) -> bool:
        """Hold up the run for a backend that is slow; not for one that is stuck or waits to be started again."""
        if late is not None or self.health.pause('start') or self._patience <= 0:
            return False
        self.health.say('slow', f'does not keep up: the run waits for it, {self._patience:.0f} s in all at most.')
        begin = self._clock()
        self._wake.set()
        while self._is_full() and self._clock() - begin < self._patience and self.overdue() is None:
            time.sleep(0.005)
        self._patience -= self._clock() - begin
        return not self._is_full()

    def ask(self, call: Call, limit: float) -> Any:
        """Wait until all before and then the call itself is done, and give what it returned; None if it is late."""
        call.awaited()
        if self.put(call) and call.done is not None and self.overdue() is None and not call.done.wait(limit):
            self.overdue()
        return call.result

    def drain(self, limit: float) -> bool:
        """Wait until everything that waits now is done; False if that takes longer than `limit`."""
        return not self.is_open or self.ask(Call(''), limit) is True

    def hurry(self) -> None:
        """Wait for nothing any more: what cannot be done at once is lost."""
        self._hurry.set()

    def forked(self) -> None:
        """Start over in the child of a fork, where the thread is not and the tracker's connection is not ours."""
        self._off = self._off or self._worker is not None
        self._renew()

    # On the thread

    def _work(self) -> None:
        while True:
            call = self._next()
            try:
                self._do(call)
            except BaseException as error:  # of our own making; the thread has to go on
                self.health.failed(call.method or 'get_backend', error)
            self._busy = None
            if call.size:
                with self._lock:
                    self._bytes -= call.size
            ended = call.method == 'close' and self._ends()
            call.finish()
            if ended:
                self._begin()  # if something came in the very last moment
                return

    def _next(self) -> Call:
        """Wait for a call: looking every now and then, and sleeping after a while in which none came."""
        idle = 0
        while not self._queue:
            self._asleep = idle >= LOOKS
            if not self._queue:
                self._wake.wait(None if self._asleep else LOOK)
            self._wake.clear()
            idle += 1
        self._asleep = False
        return self._queue.popleft()

    def _ends(self) -> bool:
        with self._lock:
            if self._queue:
                return False
            self._worker = None
            self.is_open = False
            self.given_up = False
            self._hurry.clear()
            return True

    def _begins(self, method: str) -> None:
        self._busy = (method, self._clock() + limit_of(self.backend, method))

    def _do(self, call: Call) -> None:
        if not call.method:  # only to know that everything before is done
            call.result = True
            return
        if call.method not in UNSTARTED and not self._start():
            self.health.lose(call.method)
            return
        self._begins(call.method)
        if call.method in NUMBERS and supports(self.backend, 'scalar_batch'):
            self._do_batch(call)
            return
        function = method_of(self.backend, call.method)
        if function is not None:
            call.result = self._try(call.method, function, *call.arguments())

    def _start(self) -> bool:
        start = getattr(self.backend, 'start', None)
        if start is None:  # a class of its own that starts whenever it likes
            return True
        while not is_started(self.backend):
            pause = self.health.pause('start')
            if pause:
                self._busy = None
                self._hurry.wait(pause)
                if self._hurry.is_set() and self.health.pause('start'):
                    return False
                continue
            self._begins('start')
            try:
                start()
            except BaseException as error:
                self.health.failed('start', error)
            else:
                self.health.succeeded('start')
                break
        return True

    def _try(self, method: str, function: Callable[..., Any], args: tuple[Any, ...],
             kwargs: Mapping[str, Any]) -> Any:
        if method not in UNSTARTED and self.health.pause(method):
            self.health.lose(method)
            return None
        for again in range(RETRIES + 1):
            try:
                result = function(*args, **kwargs)
            except BaseException as caught:
                error: BaseException = caught
            else:
                self.health.succeeded(method)
                return result
            transient = method not in UNSTARTED and again < RETRIES and is_transient(self.backend, error)
            if not transient or self._hurry.wait(RETRY_PAUSE * 2 ** again):
                break
            self._begins(method)
        self.health.failed(method, error)
        if method not in UNSTARTED:
            self.health.lose(method)
        return None

    def _do_batch(self, call: Call) -> None:
        """Send the numbers of this call and of those of the same kind right behind it."""
        rows = [_row(call)]
        while self._queue and len(rows) < MAX_BATCH:
            following = self._queue[0]
            if following.method not in NUMBERS:
                break
            self._queue.popleft()
            rows.append(_row(following))
        before = self.health.lost('add_scalar_batch')
        self._try('add_scalar_batch', self.backend.add_scalar_batch, (rows,), {})
        if self.health.lost('add_scalar_batch') > before:
            self.health.lose('add_scalar_batch', len(rows) - 1)


def _row(call: Call) -> ScalarRow:
    args, _ = call.arguments()
    if call.method == 'add_scalar':
        name, value, step = args
        return ScalarRow(step, {name: value}, call.time)
    return ScalarRow(args[1], args[0], call.time)
