from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import mmengine.utils
from mmengine.registry import DefaultScope, Registry


@pytest.fixture
def dogs() -> SimpleNamespace:
    """A tree: dogs > hounds > (little, mid > tiny), dogs > samoyeds > little samoyeds; a class of each."""
    tree: dict[str, Registry] = {}
    classes: dict[str, type] = {}
    for scope, parent in (('dogs', None), ('hound', 'dogs'), ('little', 'hound'), ('mid', 'hound'), ('tiny', 'mid'),
                          ('samoyed', 'dogs'), ('smallsam', 'samoyed')):
        tree[scope] = Registry('dog', parent=tree[parent] if parent else None, scope=scope)
        classes[scope] = tree[scope].register_module()(type(scope.title(), (), {}))
    return SimpleNamespace(classes=classes, **tree)


def test_the_tree(dogs: Any) -> None:
    assert dogs.hound.children == {'little': dogs.little, 'mid': dogs.mid}
    assert dogs.tiny.parent is dogs.mid
    assert dogs.tiny.root is dogs.dogs
    assert dogs.tiny._get_root_registry() is dogs.dogs
    assert dogs.dogs._search_child('tiny') is dogs.tiny
    assert dogs.dogs._search_child('dogs') is dogs.dogs
    assert dogs.hound._search_child('samoyed') is None
    assert [node.scope for node in dogs.tiny.lineage()] == ['tiny', 'mid', 'hound', 'dogs']


def test_an_empty_child_is_found() -> None:
    root = Registry('dog', scope='dogs')
    child = Registry('dog', parent=root, scope='empty')
    assert root._search_child('empty') is child


def test_a_scope_is_taken_only_once(dogs: Any) -> None:
    with pytest.raises(AssertionError, match='scope hound exists in dog registry'):
        Registry('dog', parent=dogs.dogs, scope='hound')


@pytest.mark.parametrize(('key', 'split'), [
    ('C', (None, 'C')), ('a.C', ('a', 'C')), ('a.b.C', ('a', 'b.C')), ('', (None, ''))])
def test_split_scope_key(key: str, split: tuple[Any, str]) -> None:
    assert Registry.split_scope_key(key) == split


@pytest.mark.parametrize(('start', 'key', 'found'), [
    ('hound', 'Hound', 'hound'),                        # its own
    ('hound', 'hound.Hound', 'hound'),                  # by its own scope
    ('dogs', 'hound.Hound', 'hound'),                   # of a child
    ('dogs', 'hound.mid.tiny.Tiny', 'tiny'),            # of a grandchild's child
    ('hound', 'hound.mid.Mid', 'mid'),
    ('tiny', 'Dogs', 'dogs'),                           # of an ancestor
    ('tiny', 'dogs.Dogs', 'dogs'),
    ('tiny', 'dogs.samoyed.Samoyed', 'samoyed'),
    ('tiny', 'little.Little', 'little'),                # of an uncle
    ('tiny', 'samoyed.smallsam.Smallsam', 'smallsam'),  # of a cousin
    ('hound', 'samoyed.Samoyed', 'samoyed'),            # of a sibling
    ('dogs', 'hound.Dogs', 'dogs'),                     # what a child finds in its parents
    ('hound', 'hound.Dogs', 'dogs'),
])
def test_get(dogs: Any, start: str, key: str, found: str) -> None:
    assert getattr(dogs, start).get(key) is dogs.classes[found]
    assert key in getattr(dogs, start)


@pytest.mark.parametrize(('start', 'key'), [
    ('dogs', 'Hound'), ('hound', 'Samoyed'), ('dogs', 'samoyed.Smallsam'), ('dogs', 'dogs.nobody.Dogs'),
    ('little', 'nobody.Little'), ('dogs', 'hound.Nobody'), ('dogs', ''), ('dogs', '.'), ('dogs', '..a'),
    ('dogs', 'hound.'), ('dogs', 'no body.X'), ('dogs', 'os')])
def test_get_nothing(dogs: Any, start: str, key: str) -> None:
    assert getattr(dogs, start).get(key) is None


def test_the_own_class_comes_before_that_of_the_parent(dogs: Any) -> None:
    own = dogs.hound.register_module(name='Dogs', module=type('Dogs', (), {}))
    assert dogs.hound.get('Dogs') is own
    assert dogs.dogs.get('Dogs') is dogs.classes['dogs']
    assert dogs.little.get('Dogs') is own


def test_a_dotted_path_is_the_last_resort(dogs: Any) -> None:
    assert dogs.tiny.get('mmengine.utils') is mmengine.utils
    assert dogs.tiny.get('mmengine.utils.ManagerMixin') is mmengine.utils.ManagerMixin
    assert dogs.tiny.get('mmengine.registry.DefaultScope.get_instance') == DefaultScope.get_instance
    assert dogs.tiny.get('mmengine.unknown') is None


@pytest.mark.parametrize('key', [None, 1, ['Hound']])
def test_a_key_is_text(dogs: Any, key: Any) -> None:
    with pytest.raises(TypeError, match='must be a str'):
        dogs.dogs.get(key)


def test_the_registries_of_a_library_are_imported_when_its_scope_is_named(dogs: Any, make_package: Any) -> None:
    make_package('kennel', registry='from mmengine.registry import Registry\n'
                                    'import kennel\n'
                                    "OWN = Registry('dog', parent=kennel.PARENT, locations=['kennel.races'])\n",
                 races='from kennel.registry import OWN\n'
                       '@OWN.register_module()\n'
                       'class Poodle: ...\n')
    import kennel  # type: ignore[import-not-found]  # made by the test
    kennel.PARENT = dogs.dogs
    assert dogs.little.get('kennel.Poodle').__module__ == 'kennel.races'
    assert dogs.dogs.children['kennel'].get('Dogs') is dogs.classes['dogs']


def test_a_library_without_locations_registers_all_its_modules(make_package: Any) -> None:
    root = Registry('dog', scope='dogs')
    make_package('mmyolo', registry='from mmengine.registry import Registry\n'
                                    'import mmyolo\n'
                                    "OWN = Registry('dog', parent=mmyolo.PARENT)\n",
                 utils='def register_all_modules(init_default_scope=True):\n'
                       '    assert not init_default_scope\n'
                       '    import mmyolo.races\n',
                 races='from mmyolo.registry import OWN\n'
                       "assert OWN.get('Poodle') is None  # asks while it is being imported\n"
                       '@OWN.register_module()\n'
                       'class Poodle: ...\n')
    import mmyolo  # type: ignore[import-not-found]  # made by the test
    mmyolo.PARENT = root
    assert root.get('mmyolo.Poodle').__module__ == 'mmyolo.races'
    with DefaultScope.overwrite_default_scope('mmyolo'):
        assert type(root.build(dict(type='Poodle'))).__name__ == 'Poodle'


def test_a_broken_library_is_not_taken_for_a_missing_name(dogs: Any, make_package: Any) -> None:
    make_package('broken', registry='', init='import nowhere_to_be_found\n')
    with pytest.raises(ModuleNotFoundError, match='nowhere_to_be_found'):
        dogs.dogs.get('broken.Poodle')
    make_package('picky', registry='', init="raise AssertionError('needs mmcv<2')\n")
    with pytest.raises(AssertionError, match='needs mmcv<2'):
        dogs.dogs.get('picky.Poodle')
