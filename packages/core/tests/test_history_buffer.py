"""Histories of scalars: what they keep, sum up, defer and pickle."""
from __future__ import annotations

import copy
import math
import pickle
import pickletools
from typing import Any

import numpy as np
import pytest

from mmengine.logging import HistoryBuffer
from mmengine.logging.history_buffer import MOST_PENDING


class Scalar:
    """What a history asks of a tensor; counts how often its value was read, which on a device means to wait for it."""

    ndim = 0
    dtype, device = 'float', 'device'
    reads = 0

    def __init__(self, value: float) -> None:
        self.value = value

    def detach(self) -> Scalar:
        return self

    def clone(self) -> Scalar:
        return Scalar(self.value)

    def __float__(self) -> float:
        Scalar.reads += 1
        return float(self.value)


@pytest.fixture(autouse=True)
def no_reads() -> None:
    Scalar.reads = 0


def filled(*values: float) -> HistoryBuffer:
    history = HistoryBuffer()
    for value in values:
        history.update(value)
    return history


def test_starts_empty():
    history = HistoryBuffer()
    values, counts = history.data
    assert values.shape == counts.shape == (0,)
    for ask in (history.current, history.mean, history.min, history.max):
        with pytest.raises(ValueError, match=r'the history is empty: call update\(\) first'):
            ask()


@pytest.mark.parametrize('make', [list, tuple, np.array])
def test_starts_with_what_is_given(make: Any):
    history = HistoryBuffer(make([1, 2, 3]), make([1, 1, 2]))
    assert history.data[0].tolist() == [1, 2, 3]
    assert history.data[1].tolist() == [1, 1, 2]


def test_nested_values_are_flattened():
    for nested in ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])):
        assert HistoryBuffer(nested, nested).data[0].tolist() == [1, 2, 3, 4]


def test_lengths_must_agree():
    with pytest.raises(AssertionError, match='must have the same length, got 2 and 1'):
        HistoryBuffer([1, 2], [1])


@pytest.mark.parametrize('length', [0, -1, 2.5])
def test_max_length_must_be_positive(length: Any):
    with pytest.raises(ValueError, match='max_length must be a positive integer'):
        HistoryBuffer(max_length=length)


def test_keeps_the_last_values():
    history = HistoryBuffer(range(5), range(5), max_length=3)
    assert history.data[0].tolist() == [2, 3, 4]
    for value in range(5, 2000):
        history.update(value, count=value)
        assert history.data[0].tolist() == history.data[1].tolist() == [value - 2, value - 1, value]
    assert len(history._values) < 1000


@pytest.mark.parametrize('value', [2, 2.0, True, np.float32(2), np.int64(2), np.array(2.0)])
def test_scalars_of_all_kinds(value: Any):
    history = filled(value)
    assert history.current() == float(value)
    assert type(history.current()) is float


@pytest.mark.parametrize('value', ['2', None, [2], np.array([2.0]), np.array([1, 2]), {'value': 2}])
def test_anything_else_is_a_type_error(value: Any):
    history = HistoryBuffer()
    with pytest.raises(TypeError, match='log_val must be a number'):
        history.update(value)
    assert history.data[0].size == 0


def test_wrong_count_leaves_the_history_whole():
    history = filled(1)
    with pytest.raises((TypeError, ValueError)):
        history.update(2, count='many')  # type: ignore[arg-type]  # what the test is about
    assert [part.tolist() for part in history.data] == [[1], [1]]


def test_statistics():
    history = HistoryBuffer([3, 1, 4, 1], [1, 2, 3, 4])
    assert (history.min(), history.max(), history.current()) == (1, 4, 1)
    assert history.mean() == (3 + 2 + 12 + 4) / 10
    assert (history.min(2), history.max(2), history.mean(2)) == (1, 4, (12 + 4) / 7)
    assert history.max(1) == 1
    assert history.mean(100) == history.mean()
    assert history.mean(np.int64(2)) == history.mean(2)
    assert type(history.mean()) is type(history.max()) is type(history.min()) is float


def test_nan_is_seen():
    history = filled(1, math.nan, 2)
    assert all(math.isnan(value) for value in (history.min(), history.max(), history.mean()))
    assert history.max(1) == 2


def test_mean_of_no_samples_is_nan():
    assert math.isnan(HistoryBuffer([1], [0]).mean())


@pytest.mark.parametrize('window', [0, -1])
def test_window_must_be_positive(window: int):
    with pytest.raises(ValueError, match='window_size must be a positive integer or None'):
        filled(1).mean(window)
    with pytest.raises(TypeError):
        filled(1).mean('all')  # type: ignore[arg-type]  # what the test is about


def test_statistics_by_name():
    history = filled(1, 2, 3)
    assert history.statistics('mean') == 2
    assert history.statistics('min', 2) == 2
    assert history.statistics('max', window_size=1) == 3
    with pytest.raises(KeyError, match=r"'maen' is not a statistic of HistoryBuffer.*Did you mean 'mean'"):
        history.statistics('maen')


def test_statistics_of_one_s_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HistoryBuffer, '_statistics_methods', dict(HistoryBuffer._statistics_methods))

    for offset in (0, 1):  # a cell of a notebook may run again: the last definition holds
        @HistoryBuffer.register_statistics
        def spread(history: HistoryBuffer, scale: float = 1, offset: float = offset) -> float:
            return (history.max() - history.min()) * scale + offset

        assert filled(1, 4).statistics('spread', scale=2) == 6 + offset


def test_histories_as_existing_code_reads_them():
    history = filled(1, 2)
    assert (history._log_history == np.array([1, 2])).all()
    assert (history._count_history == np.array([1, 1])).all()


def test_tensors_are_not_read_before_somebody_asks():
    history = HistoryBuffer()
    for value in range(100):
        history.update(Scalar(value))
    assert Scalar.reads == 0
    assert history.mean(10) == 94.5
    assert Scalar.reads == 100
    assert history.max() == 99
    assert Scalar.reads == 100


def test_few_tensors_wait_at_a_time():
    history = HistoryBuffer()
    for value in range(10 * MOST_PENDING):
        history.update(Scalar(value))
        assert len(history._pending) < MOST_PENDING
    assert history.data[0].tolist() == list(range(10 * MOST_PENDING))


def test_numbers_and_tensors_keep_their_order():
    history = HistoryBuffer()
    for value in (1, Scalar(2), 3.5, Scalar(4)):
        history.update(value, count=2)
    assert [part.tolist() for part in history.data] == [[1, 2, 3.5, 4], [2, 2, 2, 2]]


def test_tensor_that_changes_later_counts_as_it_was():
    running = Scalar(1)
    history = HistoryBuffer()
    for _ in range(3):
        history.update(running)
        running.value += 1
    assert history.data[0].tolist() == [1, 2, 3]


def test_waiting_tensors_are_cut_to_the_length():
    history = HistoryBuffer(max_length=2)
    for value in range(5):
        history.update(Scalar(value))
    assert history.data[0].tolist() == [3, 4]


@pytest.mark.parametrize('protocol', range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_holds_plain_numbers_only(protocol: int):
    history = HistoryBuffer([1, 2.5], [1, 0.5], max_length=7)
    history.update(np.float32(3))
    history.update(Scalar(4))
    data = pickle.dumps(history, protocol)
    strings: list[str] = []
    found = set()
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == 'GLOBAL':
            found.add(argument.replace(' ', '.'))
        elif opcode.name == 'STACK_GLOBAL':
            found.add('.'.join(strings[-2:]))
        elif isinstance(argument, str):
            strings.append(argument)
    assert found == {'mmengine.logging.history_buffer.HistoryBuffer'}
    loaded = pickle.loads(data)
    assert [part.tolist() for part in loaded.data] == [[1, 2.5, 3, 4], [1, 0.5, 1, 1]]
    assert loaded.max_length == 7
    assert loaded.mean() == history.mean()


def test_pickle_restores_the_statistics(monkeypatch: pytest.MonkeyPatch):
    data = pickle.dumps(filled(1))
    monkeypatch.setattr(HistoryBuffer, '_statistics_methods', {})
    pickle.loads(data)
    assert set(HistoryBuffer._statistics_methods) == {'min', 'max', 'mean', 'current'}


@pytest.mark.parametrize('length', [{'max_length': 2}, {'_max_length': 2}])
@pytest.mark.parametrize('methods', [{}, {'statistics_methods': {'min': HistoryBuffer.min}},
                                     {'_statistics_methods': {'min': HistoryBuffer.min}}])
def test_state_with_arrays_as_older_checkpoints_have_it(length: dict[str, int], methods: dict[str, Any]):
    loaded = HistoryBuffer.__new__(HistoryBuffer)
    loaded.__setstate__({'_log_history': np.array([1.0, 2.0, 3.0]), '_count_history': np.array([1, 2, 3]), **length,
                         **methods})
    assert [part.tolist() for part in loaded.data] == [[2, 3], [2, 3]]
    loaded.update(4)
    assert loaded.current() == 4


def test_copies_are_independent():
    history = filled(1)
    history.update(Scalar(2))
    for copied in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        copied.update(3)
        assert copied.data[0].tolist() == [1, 2, 3]
    assert history.data[0].tolist() == [1, 2]


def test_subclass_is_copied_as_one():
    class Mine(HistoryBuffer):
        pass

    mine = Mine([1], [1])
    mine.note = 'kept'  # type: ignore[attr-defined]  # what the test is about
    copied = copy.deepcopy(mine)
    assert type(copied) is Mine
    assert copied.note == 'kept'  # type: ignore[attr-defined]  # as above
