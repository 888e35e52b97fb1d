"""Progress bars and the stop watch, on a clock that the tests set."""
from __future__ import annotations

import io
import operator
from collections.abc import Iterator
from typing import Any

import pytest

from mmengine.utils import (
    ProgressBar,
    Timer,
    TimerError,
    check_time,
    track_iter_progress,
    track_parallel_progress,
    track_progress,
    track_progress_rich,
)
from mmengine.utils.progressbar import init_pool

# Python 3.12 warns of a fork wherever a library, numpy's linear algebra say, has started threads.
forks = pytest.mark.filterwarnings('ignore:.*multi-threaded.*:DeprecationWarning')


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr('mmengine.utils.timer.monotonic', clock)
    return clock


def test_timer(clock: Clock):
    timer = Timer()
    assert timer.is_running
    clock.now += 2
    assert timer.since_start() == 2
    clock.now += 3
    assert timer.since_last_check() == 3
    assert timer.since_start() == 5
    timer.start()  # runs on
    assert timer.since_start() == 5


def test_timer_that_was_not_started():
    timer = Timer(start=False)
    assert not timer.is_running
    for ask in (timer.since_start, timer.since_last_check):
        with pytest.raises(TimerError, match='not running'):
            ask()


def test_timer_as_context(clock: Clock, capsys: pytest.CaptureFixture[str]):
    with Timer():
        clock.now += 1.5
    with Timer(print_tmpl='took {:.1f}s') as timer:
        clock.now += 2
    assert capsys.readouterr().out == '1.500\ntook 2.0s\n'
    assert not timer.is_running


def test_check_time(clock: Clock):
    assert check_time('of this test') == 0
    clock.now += 2
    assert check_time('of this test') == 2
    assert check_time('of this test') == 0


def test_count_without_an_end(clock: Clock):
    out = io.StringIO()
    bar = ProgressBar(file=out)
    assert out.getvalue() == 'completed: 0, elapsed: 0s'
    out.truncate(out.seek(0))
    clock.now += 1
    bar.update()
    assert out.getvalue() == 'completed: 1, elapsed: 1s, 1.0 tasks/s'


def test_bar_that_fills(clock: Clock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv('COLUMNS', '80')
    out = io.StringIO()
    bar = ProgressBar(10, bar_width=20, file=out)
    assert out.getvalue() == f'[{" " * 20}] 0/10, elapsed: 0s, ETA:'
    out.truncate(out.seek(0))
    clock.now += 1
    bar.update()
    assert out.getvalue() == f'\r[>>{" " * 18}] 1/10, 1.0 task/s, elapsed: 1s, ETA:     9s'
    out.truncate(out.seek(0))
    clock.now += 1
    bar.update(9)
    assert out.getvalue() == f'\r[{">" * 20}] 10/10, 5.0 task/s, elapsed: 2s, ETA:     0s'


@pytest.mark.parametrize(('columns', 'length'), [(30, 48), (60, 60), (80, 66)])
def test_bar_adapts_to_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch, columns: int, length: int):
    monkeypatch.setenv('COLUMNS', str(columns))
    out = io.StringIO()
    bar = ProgressBar(10, bar_width=20, file=out)
    out.truncate(out.seek(0))
    clock.now += 1
    bar.update()
    assert bar.terminal_width == columns
    assert len(out.getvalue()) == length


def test_bar_started_later(clock: Clock):
    out = io.StringIO()
    bar = ProgressBar(10, start=False, file=out)
    assert out.getvalue() == ''
    with pytest.raises(TimerError):
        bar.update()
    with pytest.raises(AssertionError, match='num_tasks must be positive, got 0'):
        bar.update(0)
    bar.start()
    assert out.getvalue().endswith('0/10, elapsed: 0s, ETA:')


def test_bar_writes_to_the_present_standard_output(capsys: pytest.CaptureFixture[str]):
    ProgressBar()
    assert capsys.readouterr().out == 'completed: 0, elapsed: 0s'


def double(x: int, times: int = 2) -> int:
    return x * times


@pytest.mark.parametrize('tasks', [[1, 2, 3], (iter([1, 2, 3]), 3), (1, 2, 3), range(1, 4)])
def test_track_progress(tasks: Any):
    out = io.StringIO()
    assert track_progress(double, tasks, bar_width=3, file=out) == [2, 4, 6]
    assert out.getvalue().startswith('[   ] 0/3, elapsed: 0s, ETA:\r[>  ] 1/3,')
    assert out.getvalue().endswith('\n')
    assert track_progress(double, [1], file=out, times=3) == [3]


def test_track_progress_needs_a_count():
    for tasks in (1, iter([1, 2])):
        with pytest.raises(TypeError, match='tasks must be a sequence or a tuple'):
            track_progress(double, tasks)  # type: ignore[arg-type]  # what the test is about


def test_track_iter_progress():
    out = io.StringIO()
    assert [double(x) for x in track_iter_progress([1, 2], bar_width=2, file=out)] == [2, 4]
    assert '2/2' in out.getvalue()


@forks
@pytest.mark.parametrize('options', [{}, {'keep_order': False}, {'chunksize': 2}, {'skip_first': True},
                                     {'skip_first': True, 'chunksize': 3}, {'initializer': abs, 'initargs': (1,)}])
def test_track_parallel_progress(options: dict[str, Any]):
    out = io.StringIO()
    results = track_parallel_progress(operator.neg, [1, 2, 3, 4], 2, bar_width=4, file=out, **options)
    assert sorted(results) == [-4, -3, -2, -1]
    if options.get('keep_order', True):
        assert results == [-1, -2, -3, -4]
    assert out.getvalue().endswith('\n')


@forks
def test_init_pool():
    with init_pool(1, initializer=abs, initargs=(1,)) as pool:
        assert pool.map(operator.neg, [1]) == [-1]
        pool.close()
        pool.join()
    with pytest.raises(TypeError, match='initargs must be a tuple, got 1'):
        init_pool(1, abs, 1)  # type: ignore[arg-type]  # what the test is about


def numbers() -> Iterator[int]:
    yield from (1, 2, 3)


@pytest.mark.parametrize(('tasks', 'task_num'), [([1, 2, 3], None), ([1, 2, 3], 3), (numbers(), None), (numbers(), 3)])
def test_track_progress_rich(tasks: Any, task_num: int | None, capsys: pytest.CaptureFixture[str]):
    assert track_progress_rich(double, tasks, task_num, description='Doubling') == [2, 4, 6]
    assert 'Doubling' in capsys.readouterr().out


def test_track_progress_rich_unpacks_tuples_and_calls_without_tasks():
    assert track_progress_rich(double, [(1, 3), (2, 4)]) == [3, 8]
    assert track_progress_rich(lambda: 'x', task_num=3) == ['x', 'x', 'x']


@forks
def test_track_progress_rich_in_several_processes():
    assert track_progress_rich(operator.add, [(i, 1) for i in range(7)], nproc=2, chunksize=2) == list(range(1, 8))


@forks
@pytest.mark.parametrize('nproc', [1, 2])
def test_track_progress_rich_hands_on_what_the_function_raises(nproc: int):
    with pytest.raises(ZeroDivisionError):
        track_progress_rich(operator.truediv, [(1, 1), (1, 0)], nproc=nproc)


@pytest.mark.parametrize(('arguments', 'error', 'text'), [
    ({'func': 1, 'tasks': [1]}, TypeError, 'func must be callable, got 1'),
    ({'func': double, 'tasks': 1}, TypeError, 'tasks must be iterable, got an object of type int'),
    ({'func': double, 'tasks': [1, 2], 'task_num': 3}, ValueError, 'task_num is 3, but there are 2 tasks'),
    ({'func': double, 'tasks': [1, 2], 'nproc': 0}, ValueError, 'nproc must be at least 1, got 0'),
    ({'func': double}, ValueError, 'there are no tasks: set task_num'),
])
def test_track_progress_rich_checks_its_arguments(arguments: dict[str, Any], error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        track_progress_rich(**arguments)
