"""The one place through which every call to a backend goes, so that a tracker may fail and the training may not."""
from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from mmengine.visualization.delivery import exits
from mmengine.visualization.delivery.ducks import is_started, limit_of, method_of, setting
from mmengine.visualization.delivery.health import UNSTARTED, Health
from mmengine.visualization.delivery.lane import Call, Lane
from mmengine.visualization.delivery.snapshot import PLAIN, Snapshot, read
from mmengine.visualization.delivery.stage import Stage
from mmengine.visualization.delivery.steps import NUMBERS, Axis, Given, Position, step_of
from mmengine.visualization.redact import secrets_in

OnError = Literal['warn', 'raise']

#: Methods that are given what cannot be copied and may be changed afterwards: a model, a figure. The caller waits.
AWAITED = frozenset({'add_graph', 'add_figure', 'identify', 'flush'})


class _Way:
    """How calls reach one backend."""

    def __init__(self, name: str, backend: Any, clock: Callable[[], float]) -> None:
        self.backend = backend
        self.health = Health(name, secrets_in(getattr(backend, '__dict__', {})), clock)
        self.lane = Lane(backend, self.health, clock)
        self.queued = bool(setting(backend, 'queued'))
        self.axis = Axis(setting(backend, 'step_order'), bool(setting(backend, 'steps_as_given')))


class Dispatcher:
    """Call a method of every backend; what one raises is reported and does not reach the others or the caller.

    A backend that is `queued` gets snapshots of the records on a thread of its own, see `Lane`; another is called at
    once. The first failure of a backend is reported with its name, and any further one that is different. A method
    which failed three times in a row is set aside, and tried again after a pause that gets longer; a start that failed
    stands for all methods. So a tracker that is gone costs little, and a wrong picture does not cost the scalars.

    Args:
        backends: The backends by name.
        on_error: 'raise' makes every call at once and hands the first failure on, for tests.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, backends: dict[str, Any] | None = None, on_error: OnError = 'warn',
                 clock: Callable[[], float] = time.monotonic) -> None:
        if on_error not in ('warn', 'raise'):
            raise ValueError(f"on_error should be 'warn' or 'raise', but got {on_error!r}")
        self.backends: dict[str, Any] = {} if backends is None else backends
        self.on_error = on_error
        self.position: Position | None = None
        self._clock = clock
        self._ways: dict[str, _Way] = {}
        self._stage = Stage()
        self._is_watched = False

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), '_ways': {}, '_stage': Stage(), '_is_watched': False}

    # Records

    def call(self, method: str, *args: Any, **kwargs: Any) -> None:
        """Call `method` of every backend."""
        snapshot: Snapshot | None = None
        for name, backend in tuple(self.backends.items()):
            way = self._ways.get(name)  # here and below no more calls than need be: numbers are many
            if way is None or way.backend is not backend:
                way = self._way(name)
            if self._is_direct(way):
                self._at_once(way, method, args, kwargs)
                continue
            if snapshot is None:
                snapshot = Snapshot(args, kwargs) if method in NUMBERS else self._snapshot(method, args, kwargs)
            self._queue(way, method, snapshot)

    def _is_direct(self, way: _Way) -> bool:
        return self.on_error == 'raise' or not (way.queued or way.lane.is_open)

    def _way(self, name: str) -> _Way:
        way = self._ways.get(name)
        backend = self.backends[name]
        if way is None or way.backend is not backend:
            way = self._ways[name] = _Way(name, backend, self._clock)
        return way

    def _snapshot(self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Snapshot:
        if method == 'add_config':
            with contextlib.suppress(Exception):  # of what cannot be copied; a config changes little once recorded
                args = (copy.deepcopy(args[0]), *args[1:])
        return Snapshot(args, kwargs)

    def _placed(self, way: _Way, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Given]:
        """Put a record where it belongs on this backend's axis of steps."""
        if self.position is None and way.axis.rule == 'any':
            return [(args, kwargs)]
        calls = way.axis.place(self.position, method, args, kwargs)
        if self.position is None and not (len(calls) == 1 and calls[0][0] is args and calls[0][1] is kwargs):
            given = step_of(method, args, kwargs)
            for placed in (step_of(method, *call) for call in calls):
                if placed != given:
                    way.health.say('steps', 'would refuse or drop a step that is not larger than one before; '
                                            f'`{method}` goes to {placed} instead of {given}, and so will others.')
        return calls

    def _queue(self, way: _Way, method: str, snapshot: Snapshot) -> None:
        if method in NUMBERS and self.position is None and way.axis.keeps(method, snapshot.args):
            way.lane.put(self._as_call(method, snapshot.args, snapshot.kwargs, snapshot))
            return
        for args, kwargs in self._placed(way, method, snapshot.args, snapshot.kwargs):
            call = self._as_call(method, args, kwargs, snapshot)
            if method in NUMBERS:
                way.lane.put(call)
                continue
            if method == 'add_artifact':
                self._stage.take(call, way.backend)
            if call.done is None and method not in AWAITED:
                way.lane.put(call)
            else:
                way.lane.ask(call, limit_of(way.backend, method))

    def _as_call(self, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], snapshot: Snapshot) -> Call:
        if not self._is_watched:
            self._is_watched = True
            exits.watch(self)
        if method == 'add_scalars':
            args = (dict(args[0]), *args[1:])  # its own, since backends may change it
        return Call(method, args, kwargs, snapshot.size, snapshot.pending)

    def _at_once(self, way: _Way, method: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        backend = way.backend
        function = getattr(backend, method, None) if method in NUMBERS else method_of(backend, method)
        if function is None:  # a class of its own that implements only a part
            return None
        if not is_started(backend) and method not in UNSTARTED and hasattr(backend, 'start'):
            self._guarded(way, 'start', backend.start, (), {})
            if not is_started(backend):
                way.health.lose(method)
                return None
        if kwargs or not PLAIN.issuperset(map(type, args)):
            args, kwargs = read(args, kwargs)
        axis = way.axis
        if axis.rule == 'any' and (axis.as_given or self.position is None):  # nothing moves
            return self._guarded(way, method, function, args, kwargs)
        result = None
        for placed, options in self._placed(way, method, args, kwargs):
            result = self._guarded(way, method, function, placed, options)
        return result

    def _guarded(self, way: _Way, method: str, function: Callable[..., Any], args: tuple[Any, ...],
                 kwargs: Mapping[str, Any]) -> Any:
        health = way.health
        if health.failures and health.pause(method):
            health.lose(method)
            return None
        try:
            result = function(*args, **kwargs)
        except (Exception, SystemExit) as error:
            if self.on_error == 'raise':
                raise
            health.failed(method, error)
            health.lose(method)
            return None
        if health.failures:
            health.succeeded(method)
        return result

    # Questions and the end

    def ask(self, name: str, attribute: str) -> Any:
        """Read an attribute of a backend; None if it has none, or could not tell."""
        way = self._way(name)
        way.lane.drain(limit_of(way.backend, attribute))
        return self._guarded(way, attribute, lambda: getattr(way.backend, attribute, None), (), {})

    def drain(self, name: str) -> None:
        """Wait until a backend has what was recorded so far, as long as a call may take."""
        way = self._ways.get(name)
        if way is not None:
            way.lane.drain(limit_of(way.backend, ''))

    def is_aside(self, name: str, method: str = 'start') -> bool:
        """Tell whether a method of a backend, or with 'start' the backend as a whole, is set aside at present."""
        return self._way(name).health.pause(method) > 0

    def close(self, status: str, timeout: float | None = None) -> None:
        """End the run at every backend, of all at the same time.

        Args:
            status: 'success', 'failed' or 'aborted'.
            timeout: Seconds to wait for those that have much to send, instead of their own `close_limit`.
        """
        waiting: list[tuple[_Way, Call, float, float]] = []
        for name in tuple(self.backends):
            way = self._way(name)
            if self._is_direct(way):
                self._at_once(way, 'close', (), {'status': status})
                continue
            call = self._as_call('close', (), {'status': status}, Snapshot((), {})).awaited()
            way.lane.hurry()
            if way.lane.put(call):
                limit = limit_of(way.backend, 'close') if timeout is None else timeout
                waiting.append((way, call, limit, self._clock() + limit))
        for way, call, limit, until in waiting:
            # One that is stuck has had its time; a little more, in case it has just come back.
            self._await_end(way, call, limit / 10 if way.lane.overdue() else max(until - self._clock(), 0.0))
        for way in self._ways.values():
            way.health.report_lost()
            way.axis.forget()
        self._stage.clear()
        self._is_watched = False
        exits.unwatch(self)

    def _await_end(self, way: _Way, call: Call, limit: float) -> None:
        if call.done is not None and not call.done.wait(limit):
            way.lane.given_up = True
            way.health.say('close overdue', f'was given up: it did not end in time, and {way.lane.waiting} calls wait.')

    def forked(self) -> None:
        """Start over in the child of a fork."""
        self._is_watched = False
        for way in self._ways.values():
            way.lane.forked()

    @property
    def is_open(self) -> bool:
        """Whether a backend has a thread that could have something left to do."""
        return any(way.lane.is_open and not way.lane.given_up for way in self._ways.values())
