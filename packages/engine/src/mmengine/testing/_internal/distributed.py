"""A test case each of whose tests runs in several processes at once."""
from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import multiprocessing
import os
import sys
import tempfile
import traceback
import unittest
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

_FAILED = 10
_SKIPPED = 72


class MultiProcessTestCase(unittest.TestCase):
    """Runs each test in `world_size` new processes; the test fails if it fails in one of them.

    A subclass calls `self._spawn_processes()` at the end of its `setUp`, which runs in the parent only. In the test,
    `self.rank` says which process it is in; `self.file_name` is the path of a file that does not exist yet, for
    `init_process_group(init_method=f'file://{self.file_name}')`.
    """

    MAIN_PROCESS_RANK = -1
    #: Seconds until a test that hangs has failed.
    timeout: float = 300.

    def __init__(self, method_name: str = 'runTest') -> None:
        super().__init__(method_name)
        self.rank = self.MAIN_PROCESS_RANK
        self.file_name = ''
        self.processes: list[Any] = []
        self._pipes: list[Connection] = []
        test = getattr(self, method_name, None)
        if test is not None:
            setattr(self, method_name, self._join_or_run(test))

    @property
    def world_size(self) -> int:
        """Number of processes."""
        return 2

    def _join_or_run(self, test: Callable[[], Any]) -> Callable[[], Any]:
        @functools.wraps(test)
        def run() -> Any:
            return self._join_processes() if self.rank == self.MAIN_PROCESS_RANK else test()
        return run

    def tearDown(self) -> None:
        """End what is still running."""
        super().tearDown()
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join()
        for pipe in self._pipes:
            pipe.close()
        if self.file_name and os.path.exists(self.file_name):
            os.remove(self.file_name)

    def _spawn_processes(self) -> None:
        """Start the processes, each of which runs the test."""
        context = multiprocessing.get_context('spawn')
        with tempfile.NamedTemporaryFile(delete=False) as file:
            self.file_name = file.name
        os.remove(self.file_name)
        where = (type(self).__module__, inspect.getfile(type(self)), type(self).__qualname__)
        for rank in range(self.world_size):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_run_in_child, name=f'process {rank}',
                                      args=(where, self._testMethodName, rank, self.file_name, sender))
            process.start()
            sender.close()
            self.processes.append(process)
            self._pipes.append(receiver)

    def run_test(self, test_name: str, parent_pipe: Connection) -> None:
        """Run the test in one of the processes; overridden to prepare it.

        Args:
            test_name: Name of the test.
            parent_pipe: Where to send the text of a failure.
        """
        try:
            getattr(self, test_name)()
        except unittest.SkipTest as skip:
            parent_pipe.send(str(skip))
            sys.exit(_SKIPPED)
        except Exception:
            parent_pipe.send(traceback.format_exc())
            sys.exit(_FAILED)
        finally:
            parent_pipe.close()

    def _join_processes(self) -> None:
        for process in self.processes:
            process.join(self.timeout)
        codes = [process.exitcode for process in self.processes]
        texts = [self._text_from(pipe) for pipe in self._pipes]
        if _SKIPPED in codes:
            self.skipTest(texts[codes.index(_SKIPPED)])
        bad = [f'process {rank} {_what(code)}\n{text}'
               for rank, (code, text) in enumerate(zip(codes, texts, strict=True)) if code != 0]
        if bad:
            self.fail('\n'.join(bad))

    @staticmethod
    def _text_from(pipe: Connection) -> str:
        try:
            return str(pipe.recv()) if pipe.poll() else ''
        except EOFError:
            return ''


def _what(code: int | None) -> str:
    if code is None:
        return 'did not end in time'
    return 'failed:' if code == _FAILED else f'ended with the exit code {code}'


def _find_class(module_name: str, path: str, qualname: str) -> Any:
    """Find a class in a new process, which may not be able to import its module by name, as pytest did by path."""
    try:
        module = importlib.import_module(module_name)
    except ImportError:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise
        module = sys.modules[module_name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return functools.reduce(getattr, qualname.split('.'), module)


def _run_in_child(where: tuple[str, str, str], test_name: str, rank: int, file_name: str, pipe: Connection) -> None:
    case = _find_class(*where)(test_name)
    case.rank = rank
    case.file_name = file_name
    case.run_test(test_name, pipe)
