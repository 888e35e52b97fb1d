from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from mmengine.interfaces import Origin
from mmengine.registry import DefaultScope, Registry
from mmengine.registry import whereabouts as whereabouts_module
from mmengine.registry.miss import explain_miss
from mmengine.registry.whereabouts import find_definition


@pytest.fixture
def root() -> Registry:
    registry = Registry('pet', scope='zoo')
    registry.register_module(name='Siamese', module=dict)
    return registry


@pytest.fixture
def lab(root: Registry) -> Registry:
    registry = Registry('pet', parent=root, scope='lab')
    registry.register_module(name='WhiteMouse', module=dict)
    return registry


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / 'here'
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_place_near_names_scopes_in_order_and_the_line_to_add(lab: Registry) -> None:
    assert explain_miss(lab, 'Siamise', Origin('configs/a.py', 12)).splitlines() == [
        "Siamise is not in the lab::pet registry. (configs/a.py:12) Did you mean 'Siamese'?",
        '  Tried in this order: lab::pet, zoo::pet.',
        "  If 'Siamise' is your own, decorate it with `register_module()` of the registry 'pet', and let the config "
        "import its module: custom_imports = dict(imports=['package.module'])"]


def test_a_name_near_one_of_another_scope_is_given_with_the_scope(root: Registry, lab: Registry) -> None:
    assert "Did you mean 'lab.WhiteMouse'?" in explain_miss(root, 'lab.WhiteMose')
    assert 'Tried in this order: lab::pet, zoo::pet.' in explain_miss(root, 'lab.WhiteMose')
    assert "Did you mean 'lab.WhiteMouse'?" in explain_miss(root, 'WhiteMouses')


def test_the_very_name_in_another_scope(root: Registry, lab: Registry) -> None:
    assert ("The scope 'lab' has it: type='lab.WhiteMouse', or default_scope = 'lab'"
            in explain_miss(root, 'WhiteMouse'))


def test_the_very_name_in_another_registry(root: Registry) -> None:
    other = Registry('plant', scope='garden')
    other.register_module(name='Sunflower', module=dict)
    assert ("garden::plant has it, but what is wanted here is of the registry 'pet'"
            in explain_miss(root, 'Sunflower'))


def test_a_library_that_is_not_installed(root: Registry) -> None:
    text = explain_miss(root, 'mmhuman3d.Poodle')
    assert "The scope 'mmhuman3d' cannot be asked: there is no package 'mmhuman3d': pip install mmhuman3d" in text
    with DefaultScope.overwrite_default_scope('mmhuman3d'):
        assert 'pip install mmhuman3d' in explain_miss(root, 'Poodle')


def test_a_library_without_registries(root: Registry, make_package: Any) -> None:
    make_package('plainlib')
    text = explain_miss(root, 'plainlib.Poodle')
    assert "the package 'plainlib' has no module 'plainlib.registry' with registries" in text


def test_a_library_whose_registries_fail(root: Registry, make_package: Any) -> None:
    make_package('halflib', registry='from halflib import nothing\n')
    assert root.get('halflib.Poodle') is None
    assert 'importing halflib.registry failed: ImportError: cannot import name' in explain_miss(root, 'halflib.Poodle')
    make_package('poorlib', registry='import nowhere_to_be_found\n')
    assert root.get('poorlib.Poodle') is None
    assert "No module named 'nowhere_to_be_found'" in explain_miss(root, 'poorlib.Poodle')


def test_a_dotted_path_that_leads_only_so_far(root: Registry) -> None:
    assert ("mmengine.registry has no 'Registri'. Did you mean 'Registry'"
            in explain_miss(root, 'mmengine.registry.Registri'))


@pytest.mark.parametrize('key', ['', '.', 'a..b', 'a b', 'mmengine.', '\n', 'é.ß', 'lab.', 'x' * 10_000])
def test_any_key_can_be_explained(root: Registry, lab: Registry, key: str) -> None:
    for registry in (root, lab):
        assert registry.get(key) is None
        assert 'is not in the' in explain_miss(registry, key)


def test_a_tracker_names_its_distribution(root: Registry) -> None:
    assert 'pip install mmparts-neptune' in explain_miss(root, 'NeptuneVisBackend')


def test_a_transform_of_mmcv() -> None:
    transforms = Registry('transform', scope='zoo')
    text = explain_miss(transforms, 'LoadImageFromFile')
    assert "pip install mmcv" in text
    assert "custom_imports = dict(imports=['mmcv.transforms'])" in text


def test_a_location_that_is_not_installed() -> None:
    registry = Registry('pet', scope='zoo', locations=['not_there_at_all.pets'])
    assert registry.get('Poodle') is None
    assert "No module named 'not_there_at_all'" in explain_miss(registry, 'Poodle')


SOURCE = '''
from zoo import PETS


@PETS.register_module()
class Poodle:
    ...
class Beagle: ...
'''


def test_code_that_was_not_imported(root: Registry, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / 'pets').mkdir()
    (here / 'pets' / 'dogs.py').write_text(SOURCE)
    where = os.path.join('pets', 'dogs.py')
    text = explain_miss(root, 'Poodle')
    assert f"'Poodle' is defined in {where}:6, which nothing imports" in text
    assert "custom_imports = dict(imports=['pets.dogs']) (and set PYTHONPATH" in text
    monkeypatch.syspath_prepend(str(here))
    assert explain_miss(root, 'Poodle').endswith("custom_imports = dict(imports=['pets.dogs'])")
    monkeypatch.syspath_prepend(str(here / 'pets'))
    assert explain_miss(root, 'Poodle').endswith("custom_imports = dict(imports=['dogs'])")


def test_code_that_does_not_register(root: Registry, here: Path) -> None:
    (here / 'dogs.py').write_text('class Beagle(object):\n    pass\n')
    assert "'Beagle' is defined in dogs.py:1, but not registered: decorate it" in explain_miss(root, 'Beagle')


def test_code_that_was_imported(root: Registry, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(here))
    (here / 'only_dogs_here.py').write_text('class Pug: ...\nPETS.register_module(name="Mops", module=Pug)\n')
    monkeypatch.setitem(sys.modules, 'only_dogs_here', types.ModuleType('only_dogs_here'))
    assert 'which is imported, but registered in another registry or by another name' in explain_miss(root, 'Pug')


def test_installed_libraries_are_searched(root: Registry, make_package: Any) -> None:
    make_package('mmfewshot', pets=SOURCE)
    assert "custom_imports = dict(imports=['mmfewshot.pets'])" in explain_miss(root, 'Poodle')


def test_the_search_is_limited(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('.git', 'venv', 'other-name', 'work_dirs', '__pycache__', 'env'):
        (here / name).mkdir()
        (here / name / 'dogs.py').write_text(SOURCE)
    (here / 'env' / 'pyvenv.cfg').touch()
    (here / 'link').symlink_to(here, target_is_directory=True)
    (here / 'broken.py').symlink_to(here / 'nowhere')
    assert find_definition('Poodle') == []
    (here / 'zz.py').write_text(SOURCE)
    assert [found.module for found in find_definition('Poodle')] == ['zz']
    monkeypatch.setattr(whereabouts_module, 'MAX_ENTRIES', 2)
    assert find_definition('Poodle') == []


def test_a_source_in_another_encoding(here: Path) -> None:
    (here / 'old.py').write_bytes('# -*- coding: latin-1 -*-\n# é\nclass Poodle: ...\n'.encode('latin-1'))
    [found] = find_definition('Poodle')
    assert (found.file, found.line, found.registered) == ('old.py', 3, False)
