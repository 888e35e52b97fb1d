"""The hub: scalars, facts, and what checkpoints have of them."""
from __future__ import annotations

import pickle
import threading
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

from mmengine.logging import HistoryBuffer, MessageHub, MMLogger


@pytest.fixture
def hub() -> MessageHub:
    return MessageHub.get_instance('hub')


def test_current_instance_is_made_when_there_is_none():
    hub = MessageHub.get_current_instance()
    assert hub.instance_name == 'mmengine'
    assert MessageHub.get_instance('mmengine') is hub


def test_starts_with_what_is_given():
    history = HistoryBuffer([1], [1])
    hub = MessageHub('hub', log_scalars={'loss': history}, runtime_info=OrderedDict(iter=3),
                     resumed_keys={'loss': True, 'iter': False})
    assert hub.get_scalar('loss') is history
    assert hub.get_info('iter') == 3
    assert set(hub.state_dict()['resumed_keys']) == {'loss'}


@pytest.mark.parametrize(('arguments', 'text'), [
    ({'log_scalars': {'loss': 1}}, r"log_scalars\['loss'\] must be a HistoryBuffer, got int"),
    ({'log_scalars': [1]}, 'log_scalars must be a dict'),
    ({'runtime_info': 1}, 'runtime_info must be a dict'),
    ({'runtime_info': {'iter': 1}, 'resumed_keys': {'iters': True}}, "resumed_keys has 'iters', which is neither"),
])
def test_inconsistent_arguments(arguments: dict[str, Any], text: str):
    with pytest.raises(AssertionError, match=text):
        MessageHub('hub', **arguments)


@pytest.mark.parametrize('value', [1, 1.0, np.float32(1), np.int64(1), np.array(1), np.array([1.0]), np.array([[1]])])
def test_update_scalar(hub: MessageHub, value: Any):
    hub.update_scalar('loss', value)
    hub.update_scalar('loss', 2, count=3)
    assert hub.get_scalar('loss') is hub.log_scalars['loss']
    assert hub.get_scalar('loss').mean() == 7 / 4


@pytest.mark.parametrize('value', ['1', None, [1], np.array([1, 2]), np.zeros(0), object()])
def test_value_that_is_no_scalar(hub: MessageHub, value: Any):
    for update in (lambda: hub.update_scalar('loss', value), lambda: hub.update_scalars({'loss': value}),
                   lambda: hub.update_scalars({'loss': {'value': value}})):
        with pytest.raises(AssertionError, match="the scalar 'loss' must be a number"):
            update()
    assert hub.state_dict()['resumed_keys'] == {}


def test_update_scalars(hub: MessageHub):
    hub.update_scalars({'loss': 1, 'acc': {'value': 0.5, 'count': 8}, 'lr': {'value': 0.1}})
    assert hub.get_scalar('acc').data[1].tolist() == [8]
    assert hub.get_scalar('lr').data[1].tolist() == [1]
    with pytest.raises(AssertionError, match=r"log_dict\['acc'\] must have the key \"value\""):
        hub.update_scalars({'acc': {'count': 8}})
    with pytest.raises(AssertionError, match='log_dict must be a dict'):
        hub.update_scalars([1])  # type: ignore[arg-type]  # what the test is about


def test_unknown_scalar_names_the_nearest(hub: MessageHub):
    hub.update_scalar('train/loss', 1)
    with pytest.raises(KeyError, match=r"'train/los' is not a scalar of the MessageHub 'hub'.*'train/loss'"):
        hub.get_scalar('train/los')


def test_facts(hub: MessageHub):
    hub.update_info('iter', 1)
    hub.update_info('iter', 2)
    hub.update_info_dict({'epoch': 3, 'best': [1]})
    assert (hub.get_info('iter'), hub.get_info('epoch')) == (2, 3)
    assert hub.get_info('nope') is None
    assert hub.get_info('nope', 7) == 7
    assert hub.get_info('best') is hub.runtime_info['best']
    assert hub.pop_info('best') == [1]
    assert hub.pop_info('best', 'gone') == 'gone'
    assert set(hub.runtime_info) == {'iter', 'epoch'}
    with pytest.raises(AssertionError, match='info_dict must be a dict'):
        hub.update_info_dict(['iter'])  # type: ignore[arg-type]  # what the test is about


def test_state_has_what_is_resumed(hub: MessageHub):
    hub.update_scalar('loss', 1)
    hub.update_scalar('time', 1, resumed=False)
    hub.update_info('iter', 1)
    hub.update_info('cfg', 'text', resumed=False)
    state = hub.state_dict()
    assert list(state) == ['log_scalars', 'runtime_info', 'resumed_keys']
    assert list(state['log_scalars']) == ['loss']
    assert state['runtime_info'] == {'iter': 1}
    assert state['resumed_keys'] == {'loss': True, 'iter': True}


def test_what_is_said_last_of_resuming_holds(hub: MessageHub):
    hub.update_info('iter', 1)
    hub.update_info('iter', 2, resumed=False)
    hub.update_scalar('loss', 1, resumed=False)
    hub.update_scalar('loss', 1)
    assert hub.state_dict()['resumed_keys'] == {'loss': True}


def test_fact_that_was_taken_out_is_not_in_the_state(hub: MessageHub):
    hub.update_info('iter', 1)
    hub.pop_info('iter')
    state = hub.state_dict()
    assert state['runtime_info'] == state['resumed_keys'] == {}
    MessageHub('other').load_state_dict(state)


def test_state_is_a_copy(hub: MessageHub):
    hub.update_scalar('loss', 1)
    hub.update_info('best', {'scores': [1]})
    state = hub.state_dict()
    hub.update_scalar('loss', 2)
    hub.get_info('best')['scores'].append(2)
    assert state['log_scalars']['loss'].data[0].tolist() == [1]
    assert state['runtime_info']['best'] == {'scores': [1]}


def test_state_is_plain(hub: MessageHub):
    Pair = namedtuple('Pair', 'a b')

    class Settings(dict[str, Any]):
        pass

    hub.update_info('score', np.float64(0.5))
    hub.update_info('meta', Settings(ordered=OrderedDict(a=np.int64(1)), pair=Pair(1, [np.float32(2)])))
    info = hub.state_dict()['runtime_info']
    assert type(info['score']) is float
    assert type(info['meta']) is type(info['meta']['ordered']) is dict
    assert type(info['meta']['ordered']['a']) is int
    assert type(info['meta']['pair']) is tuple
    assert info['meta']['pair'] == (1, [2.0])


def test_object_that_refuses_to_be_copied_is_handed_on(hub: MessageHub, capsys: pytest.CaptureFixture[str]):
    lock = threading.Lock()
    hub.update_info('lock', lock)
    hub.update_info('inside', {'lock': [lock]})
    info = hub.state_dict()['runtime_info']
    assert info['lock'] is lock
    assert info['inside']['lock'][0] is lock
    out = capsys.readouterr().out
    assert "'lock' in the MessageHub cannot be copied" in out
    assert "'inside' in the MessageHub cannot be copied" in out


@pytest.mark.parametrize('whole', [False, True])
def test_load_state(hub: MessageHub, whole: bool):
    hub.update_scalar('loss', 0.5, count=2)
    hub.update_info('iter', 7)
    other = MessageHub('other')
    other.update_info('stale', 1)
    other.load_state_dict(hub if whole else hub.state_dict())
    assert other.get_scalar('loss').data[1].tolist() == [2]
    assert other.runtime_info == {'iter': 7}
    assert other.instance_name == 'other'
    assert other.state_dict()['resumed_keys'] == {'loss': True, 'iter': True}
    other.update_scalar('loss', 1)
    assert hub.get_scalar('loss').data[0].size == 1


def test_a_history_in_plain_containers_is_taken_up():
    hub = MessageHub('hub')
    history = HistoryBuffer([1, 2], [1, 3])
    hub.load_state_dict({'log_scalars': {'loss': history.__getstate__()}, 'runtime_info': {},
                         'resumed_keys': {'loss': True}})
    assert hub.get_scalar('loss').mean() == history.mean() == 1.75


def test_load_state_skips_what_it_cannot_use(capsys: pytest.CaptureFixture[str]):
    hub = MessageHub('hub')
    MMLogger.get_instance('run')
    hub.load_state_dict({'log_scalars': {'loss': HistoryBuffer([1], [1]), 'acc': [1]}, 'runtime_info': {},
                         'resumed_keys': {'loss': True, 'acc': True}})
    out = capsys.readouterr().out
    assert "'acc' in the saved log_scalars is not a HistoryBuffer but list: skipped" in out
    assert "'acc' in the saved resumed_keys has neither a history nor a fact: skipped" in out
    assert list(hub.log_scalars) == ['loss']


def test_damaged_state_leaves_the_hub_as_it_was(hub: MessageHub):
    hub.update_info('iter', 1)
    with pytest.raises(AssertionError, match=r"\['log_scalars', 'resumed_keys'\] are missing"):
        hub.load_state_dict({'runtime_info': {}})
    assert hub.get_info('iter') == 1


def test_pickle(hub: MessageHub):
    hub.update_scalar('loss', 1)
    hub.update_info('iter', 3)
    loaded = pickle.loads(pickle.dumps(hub))
    assert loaded.instance_name == 'hub'
    assert loaded.get_scalar('loss').current() == 1
    assert loaded.state_dict()['runtime_info'] == {'iter': 3}
    assert MessageHub.get_instance('hub') is hub


def test_two_runs_side_by_side_and_one_after_the_other():
    first, second = MessageHub.get_instance('first'), MessageHub.get_instance('second')
    first.make_current()
    MessageHub.get_current_instance().update_info('iter', 1)
    second.make_current()
    MessageHub.get_current_instance().update_info('iter', 2)
    assert (first.get_info('iter'), second.get_info('iter')) == (1, 2)
    first.release()
    assert MessageHub.get_instance('first').get_info('iter') is None
