import pytest

from mmengine.visualization.delivery.dispatch import Dispatcher
from mmengine.visualization.delivery.health import FIRST_PAUSE, FIRST_START_PAUSE


class Backend:
    """Fails as long as it is told to, and counts what it is asked."""

    queued = False

    def __init__(self, failing=()):
        self.failing = set(failing)
        self.calls = []
        self._env_initialized = False

    def _do(self, method, *args):
        self.calls.append((method, *args))
        if method in self.failing:
            raise ConnectionError('no route to host')

    def start(self):
        self._do('start')
        self._env_initialized = True

    def add_scalar(self, name, value, step=0):
        self._do('add_scalar', name)

    def add_image(self, name, image, step=0):
        self._do('add_image', name)

    def close(self):
        self._do('close')


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def lines(capsys, *words):
    return [line for line in capsys.readouterr().out.splitlines() if all(word in line for word in words)]


def test_one_that_fails_does_not_starve_the_others(capsys):
    bad, good = Backend({'add_scalar'}), Backend()
    dispatcher = Dispatcher({'bad': bad, 'good': good})
    for step in range(2):
        dispatcher.call('add_scalar', 'loss', 1.0, step)
    assert good.calls == [('start',), ('add_scalar', 'loss'), ('add_scalar', 'loss')]
    assert len(lines(capsys, "'bad'", 'add_scalar', 'ConnectionError: no route to host')) == 1


def test_a_method_is_set_aside_after_three_failures_and_tried_again_later(capsys):
    backend, clock = Backend({'add_image'}), Clock()
    dispatcher = Dispatcher({'bad': backend}, clock=clock)
    for _ in range(5):
        dispatcher.call('add_image', 'img', None)
        dispatcher.call('add_scalar', 'loss', 1.0)
    assert backend.calls.count(('add_image', 'img')) == 3
    assert backend.calls.count(('add_scalar', 'loss')) == 5
    assert dispatcher.is_aside('bad', 'add_image')
    assert not dispatcher.is_aside('bad')
    assert len(lines(capsys, "'bad'", 'set aside')) == 1
    clock.now += FIRST_PAUSE
    dispatcher.call('add_image', 'img', None)
    assert backend.calls.count(('add_image', 'img')) == 4
    clock.now += FIRST_PAUSE  # the second pause is longer
    dispatcher.call('add_image', 'img', None)
    assert backend.calls.count(('add_image', 'img')) == 4
    clock.now += FIRST_PAUSE
    backend.failing.clear()
    for _ in range(3):
        dispatcher.call('add_image', 'img', None)
    assert backend.calls.count(('add_image', 'img')) == 7


def test_a_start_that_fails_stands_for_all_methods(capsys):
    backend, clock = Backend({'start'}), Clock()
    dispatcher = Dispatcher({'bad': backend}, clock=clock)
    for _ in range(4):
        dispatcher.call('add_scalar', 'loss', 1.0)
        dispatcher.call('add_image', 'img', None)
    assert backend.calls == [('start',)]
    assert dispatcher.is_aside('bad')
    clock.now += FIRST_START_PAUSE
    backend.failing.clear()
    dispatcher.call('add_scalar', 'loss', 1.0)
    assert backend.calls == [('start',), ('start',), ('add_scalar', 'loss')]
    dispatcher.close('success')
    first, last = lines(capsys, "'bad'", 'WARNING')
    assert 'no route to host' in first
    assert 'did not get everything: 4 x add_image, 4 x add_scalar' in last


def test_failures_in_a_row_are_counted_anew_after_a_success():
    backend = Backend()
    dispatcher = Dispatcher({'b': backend})
    for _ in range(5):
        backend.failing = {'add_scalar'}
        dispatcher.call('add_scalar', 'a', 1)
        dispatcher.call('add_scalar', 'a', 1)
        backend.failing = set()
        dispatcher.call('add_scalar', 'a', 1)
    assert backend.calls.count(('add_scalar', 'a')) == 15


def test_another_failure_is_reported_too(capsys):
    class Moody(Backend):
        def add_scalar(self, name, value, step=0):
            raise ValueError(value)

    dispatcher = Dispatcher({'moody': Moody()})
    for value in ('first', 'first', 'second'):
        dispatcher.call('add_scalar', 'a', value)
    out = capsys.readouterr().out
    assert out.count('ValueError: first). The run') == 1
    assert out.count('ValueError: second). The run') == 1


def test_an_old_close_gets_no_status_and_is_called_though_all_else_failed():
    backend = Backend({'start', 'add_scalar'})
    dispatcher = Dispatcher({'b': backend})
    for _ in range(4):
        dispatcher.call('add_scalar', 'a', 1)
    dispatcher.call('close', status='failed')
    assert backend.calls[-1] == ('close',)


def test_a_failing_close_is_reported(capsys):
    dispatcher = Dispatcher({'b': Backend({'close'})})
    dispatcher.call('close', status='success')
    assert lines(capsys, "'b'", '`close`', 'no route to host')


def test_a_method_that_a_class_of_its_own_does_not_have_is_left_out():
    backend = Backend()
    Dispatcher({'b': backend}, on_error='raise').call('add_table', 'a', [], [])
    assert backend.calls == []


def test_a_question_that_fails_has_no_answer(capsys):
    class Silent(Backend):
        @property
        def run(self):
            raise ConnectionError('no route to host')

    dispatcher = Dispatcher({'silent': Silent(), 'other': Backend()})
    assert dispatcher.ask('silent', 'run') is None
    assert dispatcher.ask('other', 'run') is None
    assert len(lines(capsys, "'silent'", '`run`')) == 1


def test_an_interrupt_is_no_failure_of_the_backend():
    class Slow(Backend):
        def add_scalar(self, name, value, step=0):
            raise KeyboardInterrupt  # which came while it was busy

    with pytest.raises(KeyboardInterrupt):
        Dispatcher({'b': Slow()}).call('add_scalar', 'a', 1)


def test_raise_hands_it_on():
    with pytest.raises(ConnectionError):
        Dispatcher({'b': Backend({'add_scalar'})}, on_error='raise').call('add_scalar', 'a', 1)
    with pytest.raises(ValueError, match="'warn' or 'raise'"):
        Dispatcher(on_error='ignore')
