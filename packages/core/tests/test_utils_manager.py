"""Instances by name: making, finding, making current and forgetting them."""
from __future__ import annotations

import threading
from typing import Any

import pytest

from mmengine.utils import ManagerMeta, ManagerMixin


@pytest.fixture
def thing() -> Any:
    class Thing(ManagerMixin):
        def __init__(self, name: str, size: int = 0) -> None:
            super().__init__(name)
            self.size = size

    return Thing


def test_constructor_must_take_a_name():
    with pytest.raises(AssertionError, match=r'Nameless.__init__ must have the parameter `name`'):
        class Nameless(ManagerMixin):
            def __init__(self) -> None:
                super().__init__('x')

    with pytest.raises(AssertionError, match='`name`'):
        class Other(metaclass=ManagerMeta):
            def __init__(self, title: str) -> None: ...


def test_instance_is_made_once(thing: Any):
    one = thing.get_instance('one', size=3)
    assert one.instance_name == 'one'
    assert one.size == 3
    assert thing.get_instance('one') is one
    assert thing.check_instance_created('one')
    assert not thing.check_instance_created('two')


def test_arguments_for_an_existing_instance_are_a_warning(thing: Any):
    one = thing.get_instance('one', size=3)
    with pytest.warns(UserWarning, match=r"Thing called 'one' exists already: the arguments \['size'\] are not used"):
        again = thing.get_instance('one', size=4)
    assert again is one
    assert one.size == 3


@pytest.mark.parametrize('name', [1, None, '', b'one'])
def test_name_must_be_a_string(thing: Any, name: Any):
    with pytest.raises(AssertionError, match='name of a Thing must be a non-empty string'):
        thing.get_instance(name)
    with pytest.raises(AssertionError, match='non-empty string'):
        thing(name)


def test_current_is_the_one_made_last(thing: Any):
    with pytest.raises(RuntimeError, match=r'no instance of Thing yet: call Thing.get_instance'):
        thing.get_current_instance()
    one, two = thing.get_instance('one'), thing.get_instance('two')
    assert thing.get_instance('one') is one
    assert thing.get_current_instance() is two


def test_make_current_and_release(thing: Any):
    one, two, three = (thing.get_instance(name) for name in ('one', 'two', 'three'))
    one.make_current()
    assert thing.get_current_instance() is one
    one.release()
    assert thing.get_current_instance() is three
    assert not thing.check_instance_created('one')
    one.release()  # a second time does no harm
    assert thing.get_instance('two') is two


def test_released_name_is_free_again(thing: Any):
    old = thing.get_instance('run', size=1)
    old.release()
    new = thing.get_instance('run', size=2)
    assert new is not old
    assert new.size == 2
    old.release()  # knows that the name is another's now
    assert thing.get_current_instance() is new


def test_instance_from_the_constructor_is_known_once_it_is_current(thing: Any):
    made = thing('made')
    assert not thing.check_instance_created('made')
    made.make_current()
    assert thing.get_instance('made') is made
    assert thing.get_current_instance() is made


def test_classes_have_instances_of_their_own(thing: Any):
    class Other(ManagerMixin):
        def __init__(self, name: str) -> None:
            super().__init__(name)

    one = thing.get_instance('one')
    assert Other.get_instance('one') is not one
    assert thing.get_current_instance() is one


def test_instance_of_a_subclass_is_the_base_class_s_too(thing: Any):
    class Special(thing):  # type: ignore[misc]  # a class from a fixture
        pass

    plain = thing.get_instance('plain')
    special = Special.get_instance('special')
    assert thing.get_current_instance() is special
    assert Special.get_current_instance() is special
    assert not Special.check_instance_created('plain')
    special.release()
    assert thing.get_current_instance() is plain
    with pytest.raises(RuntimeError):
        Special.get_current_instance()


def test_subclass_never_gets_an_instance_of_its_base(thing: Any):
    class Special(thing):  # type: ignore[misc]  # a class from a fixture
        pass

    thing.get_instance('same')
    assert type(Special.get_instance('same')) is Special


def test_fresh_dictionary_may_be_assigned(thing: Any):
    """What tests of existing libraries do between two tests."""
    thing.get_instance('one')
    thing._instance_dict = {}
    assert not thing.check_instance_created('one')
    two = thing.get_instance('two')
    thing.get_instance('three')
    two.make_current()
    assert thing.get_current_instance() is two


def test_threads_get_the_same_instance(thing: Any):
    barrier = threading.Barrier(8)
    found: list[Any] = []

    def ask() -> None:
        barrier.wait()
        found.append(thing.get_instance('shared'))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_constructor_may_ask_for_another_instance(thing: Any):
    class Outer(ManagerMixin):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.inner = thing.get_instance(f'{name}.inner')

    assert Outer.get_instance('outer').inner.instance_name == 'outer.inner'
