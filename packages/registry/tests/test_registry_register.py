from __future__ import annotations

import functools
import sys
import types
from typing import Any

import pytest

from mmengine.registry import AlreadyRegisteredError, Registry, build_from_cfg


@pytest.fixture
def cats() -> Registry:
    return Registry('cat', scope='zoo')


class Siamese:
    pass


class Manx:
    pass


def test_a_new_registry() -> None:
    registry = Registry('cat')
    assert (registry.name, registry.module_dict, registry.children, len(registry)) == ('cat', {}, {}, 0)
    assert registry.scope == __name__.split('.')[0]
    assert registry.parent is None
    assert registry.root is registry
    assert registry.build_func is build_from_cfg


def test_the_scope_is_that_of_the_module_that_makes_even_a_subclass(make_package: Any) -> None:
    make_package('someones', base='from mmengine.registry import Registry\n'
                                  'class Own(Registry):\n'
                                  '    def __init__(self, *args, **kwargs):\n'
                                  '        super().__init__(*args, **kwargs)\n')
    from someones.base import Own  # type: ignore[import-not-found]  # made by the test
    assert Own('cat').scope == __name__.split('.')[0]


def test_infer_scope_is_the_package_of_the_callers_caller() -> None:
    def make() -> str:
        return Registry.infer_scope()

    assert make() == __name__.split('.')[0]


@pytest.mark.parametrize('wrong', [dict(parent='x'), dict(scope=1), dict(parent=Siamese)])
def test_parent_and_scope_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match=f'{next(iter(wrong))} should be'):
        Registry('cat', **wrong)


def test_the_build_function_comes_from_the_parent() -> None:
    def build(cfg: Any, registry: Any) -> Any:
        return cfg, registry

    parent = Registry('cat', build, scope='a')
    child = Registry('cat', parent=parent, scope='b')
    assert child.build_func is build
    assert child.build(1) == (1, child)
    assert Registry('cat', build_from_cfg, parent=parent, scope='c').build_func is build_from_cfg


def test_register_as_decorator_and_by_call(cats: Registry) -> None:
    assert cats.register_module()(Siamese) is Siamese
    assert cats.register_module(module=Manx) is Manx
    assert cats.register_module('Tom', False, Manx) is Manx
    cats.register_module(name=['Felix', 'Silvester'])(Manx)
    assert cats.module_dict == {'Siamese': Siamese, 'Manx': Manx, 'Tom': Manx, 'Felix': Manx, 'Silvester': Manx}
    assert len(cats) == 5
    assert 'Felix' in cats
    assert 'Garfield' not in cats


def test_functions_partials_and_lambdas(cats: Registry) -> None:
    def purr(times: int = 1) -> str:
        return 'r' * times

    cats.register_module(module=purr)
    cats.register_module(name='twice', module=functools.partial(purr, times=2))
    cats.register_module(name='sleep', module=lambda: 'z')
    assert [cats.build(dict(type=name)) for name in ('purr', 'twice', 'sleep')] == ['r', 'rr', 'z']


def test_a_partial_is_called_like_its_function_and_a_nameless_thing_needs_a_name(cats: Registry) -> None:
    class Call:
        def __call__(self) -> None: ...

    cats.register_module(module=functools.partial(Siamese))
    assert list(cats.module_dict) == ['Siamese']
    with pytest.raises(TypeError, match='has no name of its own: give one'):
        cats.register_module(module=Call())


@pytest.mark.parametrize(('wrong', 'message'), [
    (dict(name=1), "name must be None, an instance of str, or a sequence of str, but got <class 'int'>"),
    (dict(name=['a', 1]), 'name must be None, an instance of str, or a sequence of str'),
    (dict(force=1), "force must be a boolean, but got <class 'int'>"),
    (dict(module='x'), "module must be Callable, but got <class 'str'>"),
])
def test_wrong_arguments(cats: Registry, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        cats.register_module(**wrong)


def test_a_name_is_taken_only_once(cats: Registry) -> None:
    cats.register_module(module=Siamese)
    for again in (Siamese, Manx):
        with pytest.raises(KeyError, match=f'Siamese is already registered in cat at {__name__}') as caught:
            cats.register_module(name=['Free', 'Siamese'], module=again)
        assert caught.type is AlreadyRegisteredError
    assert cats.module_dict == {'Siamese': Siamese}
    cats.register_module(name='Siamese', force=True, module=Manx)
    assert cats.get('Siamese') is Manx


def test_the_dicts_are_live(cats: Registry) -> None:
    cats.register_module(module=Siamese)
    child = Registry('cat', parent=cats, scope='lab')
    cats.module_dict.pop('Siamese')
    assert cats.get('Siamese') is None
    cats.register_module(module=Siamese)
    cats.module_dict.clear()
    assert len(cats) == 0
    assert cats.children == {'lab': child}
    cats.children.clear()
    assert cats.get('lab.Siamese') is None


def test_repr_names_the_registry_and_its_modules(cats: Registry) -> None:
    cats.register_module(module=Siamese)
    assert 'Registry of cat' in repr(cats)
    assert 'Siamese' in repr(cats)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    main = types.ModuleType('__main__')
    monkeypatch.setitem(sys.modules, '__main__', main)
    return main


CELL = '''
from mmengine.registry import Registry
CHILD = Registry('cat', parent=CATS)
@CHILD.register_module()
class Cell: ...
'''


def test_a_cell_of_a_notebook_can_be_run_again(cats: Registry, notebook: types.ModuleType) -> None:
    vars(notebook)['CATS'] = cats
    exec(CELL, vars(notebook))
    exec('\n\n' + CELL, vars(notebook))
    first = notebook.Cell
    exec('@CHILD.register_module()\nclass Cell: ...', vars(notebook))
    assert notebook.Cell is not first
    assert cats.get('__main__.Cell') is notebook.Cell


def test_a_script_gets_no_such_leniency(cats: Registry, notebook: types.ModuleType) -> None:
    notebook.__file__ = 'train.py'
    vars(notebook)['CATS'] = cats
    exec(CELL, vars(notebook))
    with pytest.raises(AssertionError, match='scope __main__ exists in cat registry'):
        exec('\n\n' + CELL, vars(notebook))
    with pytest.raises(KeyError, match='Cell is already registered'):
        exec('@CHILD.register_module()\nclass Cell: ...', vars(notebook))


def test_a_module_that_is_imported_again_after_a_failure(cats: Registry, make_package: Any,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    make_package('fragile', registry='from mmengine.registry import Registry\n'
                                     'from fragile import CATS, whole\n'
                                     "OWN = Registry('cat', parent=CATS)\n"
                                     'assert whole()\n')
    import fragile  # type: ignore[import-not-found]  # made by the test
    fragile.CATS, fragile.whole = cats, lambda: False
    with pytest.raises(AssertionError, match=r'^assert False|^$'):
        import fragile.registry
    fragile.whole = lambda: True
    from fragile.registry import OWN
    assert cats.children == {'fragile': OWN}
