"""A progress bar in plain text, and loops that show one."""
from __future__ import annotations

import multiprocessing
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, TextIO

from mmengine.utils.timer import Timer

if TYPE_CHECKING:
    from multiprocessing.pool import Pool

#: Tasks, or an iterable and how many it gives.
Tasks = Iterable[Any] | tuple[Iterable[Any], int]


class ProgressBar:
    """A bar that fills, or a count where the end is not known.

    Args:
        task_num: Number of tasks; 0 if it is not known.
        bar_width: Width of the bar, where the terminal has room for it.
        start: Whether to show the bar at once.
        file: Where to write, standard output by default.
    """

    def __init__(self, task_num: int = 0, bar_width: int = 50, start: bool = True, file: TextIO | None = None) -> None:
        self.task_num = task_num
        self.bar_width = bar_width
        self.completed = 0
        self.file = sys.stdout if file is None else file
        self.timer = Timer(start=False)
        if start:
            self.start()

    @property
    def terminal_width(self) -> int:
        """Number of columns of the terminal."""
        return shutil.get_terminal_size().columns

    def start(self) -> None:
        """Show the empty bar and start the clock."""
        if self.task_num > 0:
            self._write(f'[{" " * self.bar_width}] 0/{self.task_num}, elapsed: 0s, ETA:')
        else:
            self._write('completed: 0, elapsed: 0s')
        self.timer = Timer()

    def update(self, num_tasks: int = 1) -> None:
        """Count tasks as done and show it."""
        if num_tasks <= 0:
            raise AssertionError(f'num_tasks must be positive, got {num_tasks}')
        self.completed += num_tasks
        elapsed = self.timer.since_start()
        speed = self.completed / elapsed if elapsed else float('inf')
        seconds = int(elapsed + 0.5)
        if self.task_num <= 0:
            self._write(f'completed: {self.completed}, elapsed: {seconds}s, {speed:.1f} tasks/s')
            return
        done = self.completed / self.task_num
        remaining = int(elapsed * (1 - done) / done + 0.5)
        text = (f' {self.completed}/{self.task_num}, {speed:.1f} task/s, elapsed: {seconds}s, '
                f'ETA: {remaining:5}s')
        self._write(f'\r[{self._bar(done, len(text) + 3)}]{text}')

    def _bar(self, done: float, other_columns: int) -> str:
        columns = self.terminal_width
        width = max(2, min(self.bar_width, columns - other_columns, int(columns * 0.6)))
        return ('>' * int(width * done)).ljust(width)

    def _write(self, text: str) -> None:
        self.file.write(text)
        self.file.flush()


def _with_count(tasks: Tasks) -> tuple[Iterable[Any], int]:
    """Split what the tracking functions take into the tasks and their number."""
    if isinstance(tasks, tuple) and len(tasks) == 2 and isinstance(tasks[0], Iterable) and isinstance(tasks[1], int):
        return tasks[0], tasks[1]
    if isinstance(tasks, Iterable) and isinstance(tasks, Sized):
        return tasks, len(tasks)
    raise TypeError(f'tasks must be a sequence or a tuple (iterable, number of tasks), '
                    f'got an object of type {type(tasks).__name__}')


def track_progress(func: Callable[..., Any], tasks: Tasks, bar_width: int = 50, file: TextIO | None = None,
                   **kwargs: Any) -> list[Any]:
    """Call a function with one task after the other, under a progress bar, and list the results.

    Args:
        func: Is called with each task.
        tasks: The tasks, or an iterable and how many it gives.
        bar_width: Width of the bar.
        file: Where to write the bar, standard output by default.
        **kwargs: For `func`.
    """
    return [func(task, **kwargs) for task in track_iter_progress(tasks, bar_width, file)]


def track_iter_progress(tasks: Tasks, bar_width: int = 50, file: TextIO | None = None) -> Iterator[Any]:
    """Iterate over tasks under a progress bar.

    Args:
        tasks: The tasks, or an iterable and how many it gives.
        bar_width: Width of the bar.
        file: Where to write the bar, standard output by default.
    """
    items, count = _with_count(tasks)
    bar = ProgressBar(count, bar_width, file=file)
    for item in items:
        yield item
        bar.update()
    bar.file.write('\n')


def init_pool(process_num: int, initializer: Callable[..., Any] | None = None,
              initargs: tuple[Any, ...] | None = None) -> Pool:
    """Start a pool of processes.

    Args:
        process_num: Number of processes.
        initializer: Is called in each of them first.
        initargs: Arguments of `initializer`.
    """
    if initargs is not None and not isinstance(initargs, tuple):
        raise TypeError(f'initargs must be a tuple, got {initargs!r}')
    return multiprocessing.Pool(process_num, initializer, initargs or ())


def track_parallel_progress(func: Callable[[Any], Any], tasks: Tasks, nproc: int,
                            initializer: Callable[..., Any] | None = None, initargs: tuple[Any, ...] | None = None,
                            bar_width: int = 50, chunksize: int = 1, skip_first: bool = False,
                            keep_order: bool = True, file: TextIO | None = None) -> list[Any]:
    """Call a function with every task in several processes, under a progress bar, and list the results.

    Args:
        func: Is called with each task; other processes must be able to import it.
        tasks: The tasks, or an iterable and how many it gives.
        nproc: Number of processes.
        initializer: Is called in each process first.
        initargs: Arguments of `initializer`.
        bar_width: Width of the bar.
        chunksize: How many tasks a process gets at a time.
        skip_first: Whether the first round of tasks is left out of the bar, so that slow starts do not distort the
            speed.
        keep_order: Whether the results have the order of the tasks.
        file: Where to write the bar, standard output by default.
    """
    items, count = _with_count(tasks)
    skipped = min(nproc * chunksize, count) if skip_first else 0
    bar = ProgressBar(count - skipped, bar_width, start=not skip_first, file=file)
    results = []
    with init_pool(nproc, initializer, initargs) as pool:
        for result in (pool.imap if keep_order else pool.imap_unordered)(func, items, chunksize):
            results.append(result)
            if len(results) > skipped:
                bar.update()
            elif len(results) == skipped:
                bar.start()
        pool.close()
        pool.join()
    bar.file.write('\n')
    return results
