"""A loop over tasks, in one process or several, under rich's progress bar."""
from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import closing, contextmanager
from importlib.util import find_spec
from itertools import repeat
from typing import TYPE_CHECKING, Any

from mmengine.utils.progressbar import ProgressBar, init_pool

if TYPE_CHECKING:
    from rich.progress import Progress


class _Unpacking:
    """Call a function with the items of a tuple as its arguments, or with one task; can be sent to other processes."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    def __call__(self, task: Any) -> Any:
        return self.func(*task) if isinstance(task, tuple) else self.func(task)


def track_progress_rich(func: Callable[..., Any], tasks: Iterable[Any] = (), task_num: int | None = None,
                        nproc: int = 1, chunksize: int = 1, description: str = 'Process',
                        color: str = 'blue') -> list[Any]:
    """Call a function with every task under a progress bar, and list the results in the order of the tasks.

    A terminal and a notebook show the bar as it fills, a log has its last state. A notebook needs ipywidgets for rich's
    bar and has the one of `ProgressBar` without.

    Args:
        func: Is called with each task; a tuple is unpacked into arguments.
        tasks: The tasks. If there are none, `func` is called `task_num` times without arguments.
        task_num: Number of tasks; needed where `tasks` cannot tell, for the bar to have an end.
        nproc: Number of processes; 1 works in this one.
        chunksize: How many tasks a process gets at a time.
        description: Text before the bar.
        color: Colour of the bar.
    """
    if not callable(func):
        raise TypeError(f'func must be callable, got {func!r}')
    if nproc < 1:
        raise ValueError(f'nproc must be at least 1, got {nproc}')
    items, count = _with_count(tasks, task_num)
    results = []
    with _bar(description, color, count) as advance, closing(
            _results(_Unpacking(func), items, nproc, chunksize)) as done:
        for result in done:
            results.append(result)
            advance()
    return results


def _with_count(tasks: Any, task_num: int | None) -> tuple[Iterable[Any], int | None]:
    if not isinstance(tasks, Iterable):
        raise TypeError(f'tasks must be iterable, got an object of type {type(tasks).__name__}')
    if not isinstance(tasks, Sized):
        return tasks, task_num
    if len(tasks) == 0:
        if task_num is None:
            raise ValueError('there are no tasks: set task_num to call func so many times without arguments')
        return repeat((), task_num), task_num
    if task_num is not None and task_num != len(tasks):
        raise ValueError(f'task_num is {task_num}, but there are {len(tasks)} tasks')
    return tasks, len(tasks)


def _results(worker: _Unpacking, items: Iterable[Any], nproc: int, chunksize: int) -> Generator[Any, None, None]:
    if nproc == 1:
        yield from map(worker, items)
        return
    with init_pool(nproc) as pool:
        yield from pool.imap(worker, items, chunksize)
        pool.close()
        pool.join()


@contextmanager
def _bar(description: str, color: str, count: int | None) -> Iterator[Callable[[], None]]:
    from rich import get_console  # as below
    if get_console().is_jupyter and find_spec('ipywidgets') is None:  # rich shows nothing there
        print(description)
        yield ProgressBar(count or 0).update
        print()
        return
    with _progress(color) as progress:
        shown = progress.add_task(description, total=count)
        yield lambda: progress.advance(shown)


def _progress(color: str) -> Progress:
    from rich.progress import (  # takes longer to import than all of mmengine.utils
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    return Progress(TextColumn('{task.description}'), BarColumn(complete_style=color), MofNCompleteColumn(),
                    TimeElapsedColumn(), TimeRemainingColumn())
