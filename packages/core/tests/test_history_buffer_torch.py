"""Histories of real tensors; core does not need torch, so these run where another part has brought it."""
from __future__ import annotations

import copy
import io
import math
from typing import Any

import pytest

from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.logging.history_buffer import MOST_PENDING

torch = pytest.importorskip('torch')


def test_tensors_are_read_in_one_transfer(monkeypatch: pytest.MonkeyPatch):
    reads: list[str] = []
    for name in ('item', 'tolist', '__float__', 'cpu'):
        original = getattr(torch.Tensor, name)

        def noted(self: Any, *args: Any, name: str = name, original: Any = original) -> Any:
            reads.append(name)
            return original(self, *args)

        monkeypatch.setattr(torch.Tensor, name, noted)
    history = HistoryBuffer()
    for value in range(100):
        history.update(torch.tensor(float(value), requires_grad=True))
    assert reads == []
    assert history.mean() == 49.5
    assert reads == ['tolist']


def test_scalar_of_any_device_is_not_read_before_somebody_asks():
    """The device `meta` has no values at all: whoever reads one fails."""
    hub = MessageHub('hub')
    for _ in range(100):
        hub.update_scalar('loss', torch.zeros(1, device='meta'))
    with pytest.raises((NotImplementedError, RuntimeError), match='meta'):
        hub.get_scalar('loss').mean()


def test_value_is_that_of_the_update():
    history = HistoryBuffer()
    total = torch.zeros(())
    for _ in range(3):
        total += 1
        history.update(total)
    assert history.data[0].tolist() == [1, 2, 3]


def test_waiting_value_holds_neither_the_graph_nor_its_base():
    base = torch.ones(1000, requires_grad=True)
    history = HistoryBuffer()
    history.update((base * 2)[3])
    waiting = history._pending[0]
    assert not waiting.requires_grad
    assert waiting.untyped_storage().nbytes() == waiting.element_size()


class Unread(torch.Tensor):
    """A tensor whose value nobody may ask for."""

    allowed = False

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.__name__ in ('item', 'tolist', '__bool__', '__float__', 'numpy') and not cls.allowed:
            raise AssertionError(f'{function.__name__} waits for the device')
        return super().__torch_function__(function, types, args, kwargs or {})


def test_many_values_wait_on_the_device_without_being_read(monkeypatch: pytest.MonkeyPatch):
    history = HistoryBuffer(max_length=4 * MOST_PENDING)
    for value in range(10 * MOST_PENDING + 3):
        history.update(torch.tensor(float(value)).as_subclass(Unread))
        assert len(history._pending) < MOST_PENDING
    assert sum(map(len, history._packed)) <= history.max_length + 2 * MOST_PENDING
    monkeypatch.setattr(Unread, 'allowed', True)
    first = 6 * MOST_PENDING + 3
    assert history.data[0].tolist() == list(range(first, 10 * MOST_PENDING + 3))
    assert history.data[1].tolist() == [1] * 4 * MOST_PENDING


def test_statistics_of_many_values_are_those_of_few():
    history = HistoryBuffer(range(3000), [1, 2] * 1500)
    assert history.mean(1000) == pytest.approx(history.mean(1001), rel=1e-3)
    assert history.mean() == pytest.approx(sum(v * (1 + v % 2) for v in range(3000)) / 4500)
    history.update(float('nan'))
    assert math.isnan(history.max(5))
    assert math.isnan(history.min(5))
    assert math.isnan(history.mean(5))


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16', 'float32', 'float64', 'int64', 'bool'])
def test_types_of_tensors(dtype: str):
    history = HistoryBuffer()
    history.update(torch.tensor(1, dtype=getattr(torch, dtype)))
    history.update(torch.tensor(0.25))
    history.update(7)
    assert history.data[0].tolist() == [1, 0.25, 7]


def test_tensor_with_dimensions_is_a_type_error():
    for tensor in (torch.zeros(2), torch.zeros(1)):
        with pytest.raises(TypeError, match='log_val must be a number'):
            HistoryBuffer().update(tensor)


def test_starts_with_tensors():
    assert HistoryBuffer(torch.ones(2, 2), torch.ones(2, 2)).data[0].tolist() == [1, 1, 1, 1]


def test_hub_takes_one_element_of_any_shape():
    hub = MessageHub('hub')
    hub.update_scalar('loss', torch.tensor([[0.5]]))
    hub.update_scalars({'loss': torch.tensor(1.5), 'acc': {'value': torch.ones(1), 'count': 4}})
    assert hub.get_scalar('loss').mean() == 1
    assert hub.get_scalar('acc').data[1].tolist() == [4]
    with pytest.raises(AssertionError, match="the scalar 'loss' must be a number"):
        hub.update_scalar('loss', torch.ones(2))


def test_state_is_loaded_without_running_code():
    hub = MessageHub('hub')
    hub.update_scalar('loss', torch.tensor(0.5), count=2)
    hub.update_info('meta', {'classes': ('a', 'b'), 'mean': torch.ones(2)})
    file = io.BytesIO()
    torch.save({'message_hub': hub.state_dict()}, file)
    file.seek(0)
    with torch.serialization.safe_globals([HistoryBuffer]):
        loaded = torch.load(file, weights_only=True)['message_hub']
    new = MessageHub('new')
    new.load_state_dict(loaded)
    assert new.get_scalar('loss').current() == 0.5
    assert new.get_info('meta')['classes'] == ('a', 'b')


def test_hub_with_waiting_tensors_is_copied():
    hub = MessageHub('hub')
    hub.update_scalar('loss', torch.tensor(0.5))
    assert copy.deepcopy(hub).get_scalar('loss').current() == 0.5
