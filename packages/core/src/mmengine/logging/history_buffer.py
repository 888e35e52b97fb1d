"""The history of one scalar: cheap to extend, and summed up when somebody asks."""
from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from math import isnan, nan
from operator import attrgetter, index, mul
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from mmengine.utils.suggest import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

F = TypeVar('F', bound=Callable[..., Any])

#: So many values may wait one by one; then those on a device become one tensor there, and stay unread.
MOST_PENDING = 256
#: Statistics over more values than this are worth the detour through numpy.
_FEW = 1000
_DTYPE_AND_DEVICE = attrgetter('dtype', 'device')


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
        # Old values go in large steps, so that the cost for each new one stays constant.
        self._most = max_length + max_length // 4 + MOST_PENDING
        self._values = array('d', values[-max_length:])
        self._counts = array('d', counts[-max_length:])  # may be shorter: the values that came last count once
        # What came after the values: numbers and tensors as they came, before them full tensors of MOST_PENDING values.
        self._packed: list[Any] = []
        self._pending: list[Any] = []
        self._weights: list[float] = []  # of all that wait; none as long as each counts once
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
        weight = float(count)
        value: Any
        if isinstance(log_val, (int, float)):
            value = float(log_val)
        elif getattr(log_val, 'ndim', None) != 0:
            raise TypeError(f'log_val must be a number, or an array or tensor without dimensions, got {log_val!r} '
                            f'of type {type(log_val).__name__}')
        elif hasattr(log_val, 'detach'):
            # The copy is made on the device and in its time; the original may change before anybody reads it.
            value = (log_val.detach() if getattr(log_val, 'requires_grad', True) else log_val).clone()
        else:
            value = float(log_val)
        if isinstance(value, float) and not self._pending and not self._packed:
            if weight != 1:
                self._count_ones()
                self._counts.append(weight)
            self._values.append(value)
            if len(self._values) > self._most:
                self._settle()
            return
        if weight != 1 or self._weights:
            self._weights.extend(repeat(1.0, self._waiting() - len(self._weights)))
            self._weights.append(weight)
        self._pending.append(value)
        if len(self._pending) >= MOST_PENDING:
            self._pack()

    def update_detached(self, value: Any) -> None:
        """Add a tensor without dimensions and without gradient, of weight 1: `update` without any of its checks."""
        if self._weights:
            self._weights.append(1.0)
        self._pending.append(value.clone())
        if len(self._pending) >= MOST_PENDING:
            self._pack()

    def _waiting(self) -> int:
        return len(self._packed) * MOST_PENDING + len(self._pending)

    def appender(self) -> Callable[[float], None]:
        """Give a function that adds one plain number of weight 1, for who does so at every iteration.

        It is a method of a built-in type, without any of the checks of `update`, and ten times as fast.
        """
        self._settle()
        return self._values.append

    def _pack(self) -> None:
        """Make one tensor of those that wait, without reading them; what is no tensor of torch is read."""
        stack = _common_stack(self._pending)
        if stack is None:
            self._settle()
            return
        self._packed.append(stack(self._pending))
        self._pending.clear()
        if len(self._packed) * MOST_PENDING > self.max_length + MOST_PENDING:
            del self._packed[0], self._weights[:MOST_PENDING]

    def _settle(self) -> None:
        """Read what waits."""
        values = self._values
        if self._pending or self._packed:
            if self._weights:
                self._count_ones()
                self._counts.extend(self._weights)
                self._weights.clear()
            for packed in self._packed:
                values.extend(packed.tolist())
            values.extend(_read(self._pending))
            self._packed.clear()
            self._pending.clear()
        if len(values) > self._most:
            excess = len(values) - self.max_length
            del values[:excess]
            del self._counts[:excess]

    def _count_ones(self) -> None:
        """Write down the counts of the values that came without."""
        self._counts.extend(repeat(1.0, len(self._values) - len(self._counts)))

    def _window(self, window_size: int | None) -> int:
        window = self.max_length if window_size is None else min(index(window_size), self.max_length)
        if window < 1:
            raise ValueError(f'window_size must be a positive integer or None, got {window_size!r}')
        return window

    def _slices(self, window_size: int | None = None) -> tuple[array[float], array[float]]:
        window = self._window(window_size)
        self._settle()
        self._count_ones()
        return self._values[-window:], self._counts[-window:]

    def _last(self, window_size: int | None = None) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        import numpy as np  # here, as whoever only logs text does not need it
        # Of slices, which are copies: an array that lends its memory to numpy cannot grow.
        values, counts = self._slices(window_size)
        return np.array(values), np.array(counts)

    def _some(self, window_size: int | None) -> array[float]:
        if self._pending or self._packed:
            self._settle()
        if not self._values:
            raise ValueError('the history is empty: call update() first')
        return self._values[-self._window(window_size):]

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
        values = self._some(window_size)
        length = len(values)
        if length <= _FEW and length + len(self._counts) <= len(self._values):  # none of these has a count of its own
            return sum(values) / length
        self._count_ones()
        counts = self._counts[-length:]
        if length > _FEW:
            import numpy as np
            total = float(np.sum(counts))
            weighted = float(np.dot(values, counts))
        else:
            total = sum(counts)
            weighted = sum(map(mul, values, counts))
        return weighted / total if total else float('nan')

    def max(self, window_size: int | None = None) -> float:
        """Get the largest of the last `window_size` values, or of all; nan if one of them is."""
        values = self._some(window_size)
        return max(values) if not any(map(isnan, values)) else nan

    def min(self, window_size: int | None = None) -> float:
        """Get the smallest of the last `window_size` values, or of all; nan if one of them is."""
        values = self._some(window_size)
        return min(values) if not any(map(isnan, values)) else nan

    def current(self) -> float:
        """Get the last value."""
        return self._some(1)[0]

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

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> HistoryBuffer:
        """Make the history whose `__getstate__` gave this."""
        history = cls.__new__(cls)
        history.__setstate__(dict(state))
        return history

    def __deepcopy__(self, memo: dict[int, Any]) -> HistoryBuffer:
        self._settle()
        copied = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__, _values=self._values[:], _counts=self._counts[:], _packed=[], _pending=[],
                               _weights=[])
        return copied


HistoryBuffer._set_default_statistics()


def _flat(numbers: Any) -> list[float]:
    """List the numbers of an array, a tensor or nested sequences."""
    if hasattr(numbers, 'reshape'):
        flat: list[float] = numbers.reshape(-1).tolist()
        return flat
    return [number for item in numbers for number in (_flat(item) if isinstance(item, Iterable) else [item])]


def _common_stack(values: list[Any]) -> Callable[[list[Any]], Any] | None:
    """Give the function that makes one tensor of these; None if they are not all tensors of one device and type."""
    torch: Any = sys.modules.get('torch')  # not imported for this: without it there are no tensors
    if torch is None:
        return None
    for kind in set(map(type, values)):
        if not issubclass(kind, torch.Tensor):
            return None
    return torch.stack if len(set(map(_DTYPE_AND_DEVICE, values))) == 1 else None


def _read(values: list[Any]) -> list[float]:
    """Read tensors, and numbers among them; tensors of one device and type in a single transfer."""
    tensors = values
    if float in set(map(type, values)):
        tensors = [value for value in values if type(value) is not float]
        if not tensors:
            return values
    stack = _common_stack(tensors)
    if stack is None:
        return [float(value) for value in values]
    read = stack(tensors).tolist()
    if len(read) == len(values):
        return read  # type: ignore[no-any-return]  # of what torch stacked, which is not imported here
    remaining = iter(read)
    return [value if type(value) is float else next(remaining) for value in values]
