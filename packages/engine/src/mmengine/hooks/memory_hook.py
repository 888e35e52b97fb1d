"""How much memory a run takes, to see a leak before it ends the run."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.hooks.hook import DATA_BATCH as DATA_BATCH
from mmengine.hooks.hook import Hook
from mmengine.registry import HOOKS

_MB = 1024 ** 2


@HOOKS.register_module()
class MemoryProfilerHook(Hook):
    """Logs every so many iterations what memory the node has left, and what this process and its workers hold.

    What is shared among the processes is counted once, where the system tells (proportional set size, on Linux).
    In a training the numbers are recorded as well, in MB: `memory/process`, `memory/workers`, `memory/available` and
    `memory/swap_used`.

    Args:
        interval: Log every so many iterations.

    Raises:
        ImportError: psutil is not installed.
        ValueError: The interval is not positive.
    """

    priority = 'LOWEST'

    def __init__(self, interval: int = 50) -> None:
        if not isinstance(interval, int) or interval < 1:
            raise ValueError(f'interval should be a positive integer, but got {interval!r}')
        try:
            import psutil
        except ImportError as error:
            raise ImportError('MemoryProfilerHook needs psutil: pip install "mmparts-engine[memory]"') from error
        self.interval = interval
        self._psutil = psutil
        self._process = psutil.Process()

    def _after_iter(self, runner: Any, batch_idx: int, data_batch: DATA_BATCH = None,
                    outputs: Sequence[Any] | dict[str, Any] | None = None, mode: str = 'train') -> None:
        is_due = self.every_n_train_iters(runner, self.interval) if mode == 'train' else \
            self.every_n_inner_iters(batch_idx, self.interval)
        if not is_due:
            return
        used = self.measure()
        runner.logger.info(
            'Memory: ' + ', '.join(f'{name} {value:.0f} MB' for name, value in used.items())
            + f', {self._psutil.virtual_memory().percent:.0f} % of the node in use')
        if mode == 'train':
            runner.visualizer.add_scalars({f'memory/{name.replace(" ", "_")}': value for name, value in used.items()},
                                          step=runner.iter + 1)

    def measure(self) -> dict[str, float]:
        """Give the memory in MB: `process`, `workers` (all its children), `available` and `swap used` of the node."""
        workers = 0.0
        for child in self._process.children(recursive=True):
            try:
                workers += _held(child)
            except (self._psutil.NoSuchProcess, self._psutil.AccessDenied):  # it has just ended
                continue
        return {'process': _held(self._process) / _MB, 'workers': workers / _MB,
                'available': self._psutil.virtual_memory().available / _MB,
                'swap used': self._psutil.swap_memory().used / _MB}


def _held(process: Any) -> float:
    """Give the bytes that a process holds: its share of what is shared, where the system tells."""
    info = process.memory_full_info()
    return float(getattr(info, 'pss', info.rss))
