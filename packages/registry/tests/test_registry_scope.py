from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import pytest

from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope, Registry, init_default_scope


def current() -> str | None:
    scope = DefaultScope.get_current_instance()
    return None if scope is None else scope.scope_name


def test_none_at_first_and_the_last_made_after() -> None:
    assert DefaultScope.get_current_instance() is None
    first = DefaultScope.get_instance('one', scope_name='a')
    DefaultScope.get_instance('two', scope_name='b')
    assert current() == 'b'
    first.make_current()
    assert current() == 'a'
    first.release()
    assert current() == 'b'
    assert DefaultScope.check_instance_created('two')
    DefaultScope._instance_dict = OrderedDict()
    assert DefaultScope.get_current_instance() is None


def test_what_an_instance_needs() -> None:
    with pytest.raises(TypeError, match='scope_name'):
        DefaultScope.get_instance('one')
    with pytest.raises(AssertionError, match='scope_name should be a string, but got 1'):
        DefaultScope.get_instance('one', scope_name=1)
    assert DefaultScope.get_current_instance() is None


def test_overwrite() -> None:
    with DefaultScope.overwrite_default_scope('x'):
        assert current() == 'x'
    assert current() is None
    DefaultScope.get_instance('one', scope_name='a')
    with DefaultScope.overwrite_default_scope(None):
        assert current() == 'a'
    for _ in range(3):
        with DefaultScope.overwrite_default_scope('x'):
            with DefaultScope.overwrite_default_scope('y'):
                assert current() == 'y'
            assert current() == 'x'
        assert current() == 'a'
    assert list(DefaultScope._instance_dict) == ['one']


def test_overwrite_ends_with_an_error_too() -> None:
    DefaultScope.get_instance('one', scope_name='a')
    with pytest.raises(ValueError, match='oops'), DefaultScope.overwrite_default_scope('x'):
        raise ValueError('oops')
    assert current() == 'a'


def test_a_scope_made_within_a_block_is_in_force_until_its_end() -> None:
    DefaultScope.get_instance('one', scope_name='a')
    with DefaultScope.overwrite_default_scope('x'):
        with DefaultScope.overwrite_default_scope('y'):
            DefaultScope.get_instance('two', scope_name='b')
            assert current() == 'b'
        assert current() == 'x'
    assert current() == 'a'


def test_a_block_holds_for_its_own_thread() -> None:
    DefaultScope.get_instance('one', scope_name='a')
    seen: list[str | None] = []
    with DefaultScope.overwrite_default_scope('x'):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
        assert current() == 'x'
    assert seen == ['a']


@pytest.fixture
def tree() -> tuple[Registry, Registry]:
    root = Registry('cat', scope='zoo')
    return root, Registry('cat', parent=root, scope='lab')


def test_switch_scope_and_registry(tree: tuple[Registry, Registry]) -> None:
    root, lab = tree
    with root.switch_scope_and_registry(None) as registry:
        assert registry is root
    with root.switch_scope_and_registry('lab') as registry:
        assert registry is lab
        assert current() == 'lab'
        with registry.switch_scope_and_registry('zoo') as inner:
            assert inner is root
        assert current() == 'lab'
        with registry.switch_scope_and_registry(None) as inner:
            assert inner is lab
    assert current() is None


def test_an_unknown_scope_stays_with_the_registry_and_is_reported_once(tree: tuple[Registry, Registry],
                                                                      capsys: pytest.CaptureFixture[str]) -> None:
    root, _ = tree
    for _ in range(2):
        with root.switch_scope_and_registry('scope_of_nobody') as registry:
            assert registry is root
            assert current() == 'scope_of_nobody'
    output = ''.join(capsys.readouterr())
    assert output.count("there is no package 'scope_of_nobody'") == 1


def test_a_scope_that_is_known_elsewhere_needs_no_warning(tree: tuple[Registry, Registry],
                                                          capsys: pytest.CaptureFixture[str]) -> None:
    other = Registry('dog', scope='kennel')
    with other.switch_scope_and_registry('lab') as registry:
        assert registry is other
    assert 'no registries' not in ''.join(capsys.readouterr())


@pytest.mark.parametrize('scope', ['', '.', '..x', 'a b', 'os.path'])
def test_odd_scopes_do_no_harm(tree: tuple[Registry, Registry], scope: str) -> None:
    with tree[0].switch_scope_and_registry(scope) as registry:
        assert registry is tree[0]


def test_the_scope_in_force_holds_for_nested_builds(tree: tuple[Registry, Registry]) -> None:
    root, lab = tree
    seen: list[tuple[str | None, type]] = []

    @root.register_module(name='Inner')
    class ZooInner:
        def __init__(self) -> None:
            seen.append((current(), type(self)))

    @lab.register_module(name='Inner')
    class LabInner(ZooInner):
        pass

    @root.register_module()
    class Outer:
        def __init__(self, inner: dict[str, Any]) -> None:
            self.inner = root.build(inner)

    inner = dict(type='Inner')
    root.build(dict(type='Outer', inner=inner))
    root.build(dict(type='Outer', inner=inner, _scope_='lab'))
    root.build(dict(type='Outer', inner=dict(inner, _scope_='zoo'), _scope_='lab'))
    assert seen == [(None, ZooInner), ('lab', LabInner), ('zoo', ZooInner)]
    DefaultScope.get_instance('run', scope_name='lab')
    assert isinstance(root.build(inner), LabInner)
    assert isinstance(lab.build(dict(inner, _scope_='zoo')), ZooInner)
    assert inner == dict(type='Inner')
    assert current() == 'lab'


def test_the_scope_is_restored_after_a_failure(tree: tuple[Registry, Registry]) -> None:
    DefaultScope.get_instance('run', scope_name='zoo')
    with pytest.raises(KeyError, match='Nobody is not in the lab::cat registry'):
        tree[0].build(dict(type='Nobody', _scope_='lab'))
    assert current() == 'zoo'


def test_init_default_scope() -> None:
    init_default_scope('mmdet')
    assert current() == 'mmdet'
    init_default_scope('mmdet')
    assert list(DefaultScope._instance_dict) == ['mmdet']


def test_init_default_scope_warns_of_a_change() -> None:
    logger = MMLogger.get_instance('test')
    messages: list[tuple[str, str]] = []
    logger.handle = lambda record: messages.append(  # type: ignore[method-assign]  # to hear what is logged
        (record.levelname, record.getMessage()))
    init_default_scope('mmdet')
    assert messages == []
    DefaultScope.get_instance('other', scope_name='test')
    init_default_scope('mmdet')
    assert current() == 'mmdet'
    [(level, text)] = messages
    assert level == 'WARNING'
    assert "was 'test' and is now 'mmdet'" in text


def test_init_default_scope_with_a_name_that_is_taken() -> None:
    DefaultScope.get_instance('mmdet', scope_name='other')
    init_default_scope('mmdet')
    assert current() == 'mmdet'
    assert DefaultScope.get_instance('mmdet').scope_name == 'other'
    DefaultScope.get_instance('third', scope_name='third')
    init_default_scope('mmdet')
    assert current() == 'mmdet'
    assert len(DefaultScope._instance_dict) == 3
