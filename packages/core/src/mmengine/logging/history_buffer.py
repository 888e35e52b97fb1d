"""The history of one scalar: cheap to extend, and summed up when somebody asks."""
from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from mmengine.utils.suggest import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

F = TypeVar('F', bound=Callable[..., Any])

_EMPTY = 'the history is empty: call update() first'

#: So many tensors may wait on their device before they are read in one go.
MOST_PENDING = 256


class HistoryBuffer:
    """The last values of a scalar, each with the number of samples that it stands for.

    `update` takes constant time, and never waits for a device: a tensor is kept until a statistic is asked for. What
    is pickled are plain numbers.

    Args:
        log_history: Values to start with; nested ones are flattened.
        count_history: Their counts.
        max_length: How many values to keep.
    """

    #: Name -> statistic, which `statistics` looks up.
    _statistics_methods: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init__(self, log_history: Any = (), count_history: Any = (), max_length: int = 1000000) -> None:
        if not isinstance(max_length, int) or max_length < 1:
            raise ValueError(f'max_length must be a positive integer, got {max_length!r}')
        self._fill(_flat(log_history), _flat(count_history), max_length)

    def _fill(self, values: list[float], counts: list[float], max_length: int) -> None:
        if len(values) != len(counts):
            raise AssertionError(f'log_history and count_history must have the same length, '
                                 f'got {len(values)} and {len(counts)}')
        self.max_length = max_length
        self._values = array('d', values[-max_length:])
        self._counts = array('d', counts[-max_length:])
        self._pending: list[tuple[Any, float]] = []  # what came after the values, if a tensor is among it
        self._set_default_statistics()

    @classmethod
    def _set_default_statistics(cls) -> None:
        for method in (HistoryBuffer.min, HistoryBuffer.max, HistoryBuffer.mean, HistoryBuffer.current):
            cls._statistics_methods.setdefault(method.__name__, method)

    def update(self, log_val: Any, count: float = 1) -> None:
        """Add a value.

        Args:
            log_val: A number, an array without dimensions or a tensor without dimensions.
            count: The number of samples that it stands for, its weight in `mean`.

        Raises:
            TypeError: It is not a scalar.
        """
        if not isinstance(log_val, (int, float)) and getattr(log_val, 'ndim', None) != 0:
            raise TypeError(f'log_val must be a number, or an array or tensor without dimensions, got {log_val!r} '
                            f'of type {type(log_val).__name__}')
        weight = float(count)
        if hasattr(log_val, 'detach'):
            # The copy is made on the device and in its time; the original may change before anybody reads it.
            self._pending.append((log_val.detach().clone(), weight))
            if len(self._pending) >= MOST_PENDING:
                self._settle()
            return
        value = float(log_val)
        if self._pending:
            self._pending.append((value, weight))
        else:
            self._values.append(value)
            self._counts.append(weight)
            self._trim()

    def _settle(self) -> None:
        """Read the tensors that wait."""
        if self._pending:
            values, counts = zip(*self._pending, strict=True)
            self._values.extend(_read(values))
            self._counts.extend(counts)
            self._pending.clear()
            self._trim()

    def _trim(self) -> None:
        # In large steps, so that the cost for each value stays constant.
        if len(self._values) > self.max_length + self.max_length // 4 + MOST_PENDING:
            del self._values[:-self.max_length]
            del self._counts[:-self.max_length]

    def _last(self, window_size: int | None = None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        import numpy as np  # here, as whoever only logs text does not need it
        window = self.max_length if window_size is None else min(index(window_size), self.max_length)
        if window < 1:
            raise ValueError(f'window_size must be a positive integer or None, got {window_size!r}')
        self._settle()
        if not self._values:
            return np.zeros(0), np.zeros(0)
        # Sliced, which copies, before numpy gets it: an array that lends its memory cannot grow.
        return np.frombuffer(self._values[-window:]), np.frombuffer(self._counts[-window:])

    def _last_of_some(self, window_size: int | None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        if not self._values and not self._pending:
            raise ValueError(_EMPTY)
        return self._last(window_size)

    @property
    def data(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The values and their counts."""
        return self._last()

    @property
    def _log_history(self) -> npt.NDArray[np.float64]:
        return self._last()[0]

    @property
    def _count_history(self) -> npt.NDArray[np.float64]:
        return self._last()[1]

    def mean(self, window_size: int | None = None) -> float:
        """Get the mean of the last `window_size` values, or of all, weighted by their counts."""
        values, counts = self._last_of_some(window_size)
        total = float(counts.sum())
        return float(values @ counts) / total if total else float('nan')

    def max(self, window_size: int | None = None) -> float:
        """Get the largest of the last `window_size` values, or of all."""
        return float(self._last_of_some(window_size)[0].max())

    def min(self, window_size: int | None = None) -> float:
        """Get the smallest of the last `window_size` values, or of all."""
        return float(self._last_of_some(window_size)[0].min())

    def current(self) -> float:
        """Get the last value."""
        self._settle()
        if not self._values:
            raise ValueError(_EMPTY)
        return self._values[-1]

    @classmethod
    def register_statistics(cls, method: F) -> F:
        """Add a statistic, a function of a history, under its own name; a decorator.

        The function that comes last has the name, so a cell of a notebook may run again.
        """
        cls._statistics_methods[method.__name__] = method
        return method

    def statistics(self, method_name: str, *arg: Any, **kwargs: Any) -> Any:
        """Get a statistic by its name.

        Args:
            method_name: `mean`, `min`, `max`, `current` or the name of a registered function.
            *arg: For the statistic.
            **kwargs: For the statistic.
        """
        known = self._statistics_methods
        if method_name not in known:
            raise KeyError(f'{method_name!r} is not a statistic of HistoryBuffer, there are {sorted(known)}: '
                           f'add it with register_statistics.{did_you_mean(method_name, known)}')
        return known[method_name](self, *arg, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """Give plain numbers in plain lists, which a reader that runs no code can load."""
        values, counts = self._last()
        plain = [int(count) if count.is_integer() else count for count in counts.tolist()]
        return {'_log_history': values.tolist(), '_count_history': plain, 'max_length': self.max_length}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take such a state, or one with arrays, as older checkpoints have it."""
        max_length = state.get('max_length', state.get('_max_length', 1000000))
        self._fill(_flat(state['_log_history']), _flat(state['_count_history']), max_length)

    def __deepcopy__(self, memo: dict[int, Any]) -> HistoryBuffer:
        self._settle()
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__, _values=self._values[:], _counts=self._counts[:], _pending=[])
        return copied


HistoryBuffer._set_default_statistics()


def _flat(numbers: Any) -> list[float]:
    """List the numbers of an array, a tensor or nested sequences."""
    if hasattr(numbers, 'reshape'):
        flat: list[float] = numbers.reshape(-1).tolist()
        return flat
    return [number for item in numbers for number in (_flat(item) if isinstance(item, Iterable) else [item])]


def _read(values: tuple[Any, ...]) -> list[float]:
    """Read tensors, and numbers among them; tensors of one device and type in a single transfer."""
    tensors = [value for value in values if not isinstance(value, float)]
    torch = sys.modules.get(type(tensors[0]).__module__.partition('.')[0])
    if len({(tensor.dtype, tensor.device) for tensor in tensors}) > 1 or not hasattr(torch, 'stack'):
        return [float(value) for value in values]
    read = iter(torch.stack(tensors).tolist())  # type: ignore[union-attr]  # asked for above
    return [value if isinstance(value, float) else next(read) for value in values]
