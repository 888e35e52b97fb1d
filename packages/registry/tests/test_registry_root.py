from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import mmengine
import mmengine.registry
from mmengine.registry import (
    HOOKS,
    VISBACKENDS,
    AlreadyRegisteredError,
    Registry,
    count_registered_modules,
    root,
    traverse_registry_tree,
)

NAMES = [
    'RUNNERS', 'RUNNER_CONSTRUCTORS', 'LOOPS', 'HOOKS', 'LOG_PROCESSORS', 'OPTIMIZERS', 'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS', 'PARAM_SCHEDULERS', 'DATASETS', 'DATA_SAMPLERS', 'TRANSFORMS', 'MODELS',
    'MODEL_WRAPPERS', 'WEIGHT_INITIALIZERS', 'TASK_UTILS', 'METRICS', 'EVALUATOR', 'VISUALIZERS', 'VISBACKENDS',
    'INFERENCERS', 'FUNCTIONS', 'STRATEGIES']


@pytest.mark.parametrize('name', NAMES)
def test_the_roots(name: str) -> None:
    registry = getattr(root, name)
    assert isinstance(registry, Registry)
    assert registry.scope == 'mmengine'
    assert registry.parent is None
    assert getattr(mmengine.registry, name) is registry
    assert getattr(mmengine, name) is registry


def test_no_root_is_forgotten_and_names_are_unique() -> None:
    registries = {name: value for name, value in vars(root).items() if isinstance(value, Registry)}
    assert set(registries) == set(NAMES)
    assert len({registry.name for registry in registries.values()}) == len(NAMES)


def test_importing_the_registry_imports_no_torch_and_nothing_above() -> None:
    code = ('import sys, mmengine.registry\n'
            "above = ['torch', 'numpy', 'matplotlib', 'cv2', 'mmengine.config', 'mmengine.fileio', 'mmengine.model', "
            "'mmengine.hooks', 'mmengine.visualization']\n"
            'print([name for name in above if name in sys.modules])')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_upstreams_module_paths() -> None:
    from mmengine.registry.build_functions import build_from_cfg
    from mmengine.registry.default_scope import DefaultScope
    from mmengine.registry.registry import Registry as Same
    from mmengine.registry.utils import init_default_scope
    assert Same is Registry
    assert build_from_cfg is mmengine.registry.build_from_cfg
    assert DefaultScope is mmengine.registry.DefaultScope
    assert init_default_scope is mmengine.registry.init_default_scope


# ------------------------------------------------------------------ locations
PETS = '''
from {package}.here import PETS
@PETS.register_module()
class Poodle: ...
'''


def make_pets(make_package: Any, package: str) -> Registry:
    make_package(package, here='from mmengine.registry import Registry\n'
                               f"PETS = Registry('pet', locations=['{package}.dogs', 'nobody_has_this.cats'])\n",
                 dogs=PETS.format(package=package))
    pets: Registry = __import__(f'{package}.here', fromlist=['PETS']).PETS
    return pets


def test_locations_are_imported_when_a_name_is_missing_and_not_before(make_package: Any) -> None:
    pets = make_pets(make_package, 'menagerie')
    assert (pets.scope, 'menagerie.dogs' in sys.modules) == ('menagerie', False)
    pets.register_module(name='Mouse', module=dict)
    assert pets.get('Mouse') is dict
    assert 'menagerie.dogs' not in sys.modules
    assert pets.get('Poodle').__module__ == 'menagerie.dogs'
    assert pets.get('Siamese') is None
    child = Registry('pet', parent=make_pets(make_package, 'aviary'), scope='lab')
    assert child.get('Poodle').__module__ == 'aviary.dogs'


def test_an_error_in_a_location_is_raised_each_time(make_package: Any) -> None:
    make_package('rotten', pets='import nobody_has_this')
    pets = Registry('pet', scope='zoo', locations=['rotten.pets'])
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match='nobody_has_this'):
            pets.get('Poodle')


def test_a_location_that_is_installed_later(make_package: Any) -> None:
    pets = Registry('pet', scope='zoo', locations=['latecomer.pets'])
    assert pets.get('Poodle') is None
    make_package('latecomer', pets='class Poodle: ...')
    pets.get('Poodle')
    assert 'latecomer.pets' in sys.modules


# ------------------------------------------------------------------ promises
@pytest.fixture
def pets() -> Registry:
    return Registry('pet', scope='zoo')


def test_a_promise_is_kept_when_asked_for(pets: Registry, make_package: Any) -> None:
    make_package('shelter', dogs='class Kennel:\n    class Poodle: ...\n')
    assert pets.register_lazy('Poodle', 'shelter.dogs:Kennel.Poodle')
    assert pets.module_dict == {}
    assert 'shelter.dogs' not in sys.modules
    poodle = pets.get('Poodle')
    assert poodle.__module__ == 'shelter.dogs'
    assert pets.module_dict == {'Poodle': poodle}
    pets.module_dict.clear()
    assert pets.get('Poodle') is poodle


def test_of_two_promises_the_first_wins_and_a_registered_module_wins_over_both(pets: Registry) -> None:
    assert pets.register_lazy('Adafactor', lambda: dict)
    assert not pets.register_lazy('Adafactor', lambda: list)
    assert pets.get('Adafactor') is dict
    pets.register_module(name='Adafactor', module=set)
    assert pets.get('Adafactor') is set
    with pytest.raises(AlreadyRegisteredError):
        pets.register_module(name='Adafactor', module=dict)
    assert not pets.register_lazy('Adafactor', lambda: list)


def test_a_promise_of_what_is_not_installed(pets: Registry) -> None:
    pets.register_lazy('Lion', 'nobody_has_this.lions:Lion')
    assert pets.get('Lion') is None
    with pytest.raises(KeyError, match=r"'Lion' would come from nobody_has_this.lions:Lion, but there is no module "
                                       r"'nobody_has_this'"):
        pets.build(dict(type='Lion'))


def test_a_promise_that_is_broken(pets: Registry, make_package: Any) -> None:
    make_package('circus', lions='import nobody_has_this')
    pets.register_lazy('Lion', 'circus.lions:Lion')
    with pytest.raises(ModuleNotFoundError, match='nobody_has_this'):
        pets.get('Lion')


def test_a_promise_is_checked(pets: Registry) -> None:
    with pytest.raises(ValueError, match="target of 'Lion' should be 'module:object' or a function, but got 'circus'"):
        pets.register_lazy('Lion', 'circus')


# ------------------------------------------------------------------ entry points
TRACKER = '''
from mmengine.registry import {registry}
@{registry}.register_module()
class {name}: ...
'''


@pytest.mark.parametrize(('registry', 'group'), [(VISBACKENDS, 'mmengine.vis_backends'), (HOOKS, 'mmengine.hooks')])
def test_only_the_named_entry_point_is_loaded(registry: Registry, group: str, make_package: Any, offer: Any) -> None:
    variable = {'hook': 'HOOKS', 'vis_backend': 'VISBACKENDS'}[registry.name]
    for name in ('AbcTest', 'XyzTest'):
        make_package(f'tracker_{name.lower()}', own=TRACKER.format(registry=variable, name=name))
        offer(group, name, f'tracker_{name.lower()}.own:{name}')
    try:
        assert type(registry.build(dict(type='AbcTest'))).__module__ == 'tracker_abctest.own'
        assert 'tracker_xyztest.own' not in sys.modules
        with pytest.raises(KeyError, match="Did you mean .*'XyzTest'"):
            registry.build(dict(type='XyzTests'))
    finally:
        registry.module_dict.pop('AbcTest')


@pytest.mark.parametrize('by_name_first', [True, False])
def test_what_the_user_imports_comes_before_an_offer_in_any_order(by_name_first: bool, make_package: Any,
                                                                  offer: Any) -> None:
    package = f'offered_{by_name_first}'.lower()
    make_package(package, own=TRACKER.format(registry='VISBACKENDS', name='SamesVisBackend'))
    make_package(f'{package}_third', party=TRACKER.format(registry='VISBACKENDS', name='SamesVisBackend'))
    offer('mmengine.vis_backends', 'SamesVisBackend', f'{package}:SamesVisBackend')
    try:
        __import__(f'{package}.own' if by_name_first else f'{package}_third.party')
        __import__(f'{package}.own' if not by_name_first else f'{package}_third.party')
        assert VISBACKENDS.get('SamesVisBackend').__module__ == f'{package}_third.party'
        with pytest.raises(AlreadyRegisteredError):
            VISBACKENDS.register_module(name='SamesVisBackend', module=dict)
    finally:
        VISBACKENDS.module_dict.pop('SamesVisBackend')


# ------------------------------------------------------------------ lists
def test_traverse(capsys: pytest.CaptureFixture[str]) -> None:
    root_registry = Registry('pet', scope='zoo')
    child = Registry('pet', parent=root_registry, scope='lab')
    root_registry.register_module(name='a', module=json.JSONDecoder)
    child.register_module(name='b', module=json.JSONDecoder)
    child.register_module(name='c', module=dict)
    expected = [{'num_modules': 1, 'scope': 'zoo', 'json': ['a']},
                {'num_modules': 2, 'scope': 'lab', 'json': ['b'], '': ['c']}]
    assert traverse_registry_tree(root_registry) == expected
    assert "scope 'lab'" in ''.join(capsys.readouterr())
    assert traverse_registry_tree(child, verbose=False) == expected
    assert ''.join(capsys.readouterr()) == ''


def test_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:  # the lists of a fresh process, which imports no engine even if there is one
        monkeypatch.setattr(getattr(root, name), '_imported', True)
    registry = Registry('pet', parent=root.TASK_UTILS, scope='counted')
    registry.register_module(name='a', module=json.JSONDecoder)
    try:
        result = count_registered_modules(str(tmp_path / 'new'), verbose=False)
    finally:
        root.TASK_UTILS.children.pop('counted')
    assert set(result['registries']) == set(NAMES)
    assert dict(num_modules=1, scope='counted', json=['a']) in result['registries']['TASK_UTILS']
    assert json.loads((tmp_path / 'new' / 'modules_statistic_results.json').read_text()) == result
