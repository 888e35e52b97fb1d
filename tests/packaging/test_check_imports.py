"""The checks of imports find what they are for, each planted in a small monorepo."""
from __future__ import annotations

from pathlib import Path

import pytest
from check_imports import check, cycles, imports_of
from parts import ROOT, load_parts

DEPENDENCIES = {
    'core': [],
    'registry': ['mmparts-core>=0.12,<0.13'],
    'fileio': ['mmparts-core>=0.12,<0.13'],
    'config': ['mmparts-core>=0.12,<0.13'],
    'integrations/tracker': ['mmparts-visualization>=0.12,<0.13'],
    'visualization': ['mmparts-core>=0.12,<0.13', 'mmparts-registry>=0.12', 'mmparts-fileio>=0.12'],
    'engine': ['mmparts-visualization', 'mmparts-config', 'torch>=2.6'],
}


def write(root: Path, files: dict[str, str]) -> list[str]:
    for folder, requires in DEPENDENCIES.items():
        name = folder.rpartition('/')[2]
        package = root / 'packages' / folder
        package.mkdir(parents=True)
        (package / 'pyproject.toml').write_text(
            f'[project]\nname = "mmparts-{name}"\nversion = "0.12.0"\ndependencies = {requires!r}\n')
    for path, source in files.items():
        part, _, module = path.partition(':')
        file = root / 'packages' / part / 'src' / 'mmengine' / module
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return check(load_parts(root))[0]


def test_clean_tree_has_no_problem(tmp_path: Path) -> None:
    assert write(tmp_path, {
        'core:__init__.py': 'from mmengine.version import __version__ as __version__\n',
        'core:version.py': '__version__ = "0.12.0"\n',
        'core:utils.py': 'import numpy\n',
        'registry:registry/__init__.py': 'from mmengine.registry.lookup import find as find\n',
        'registry:registry/lookup.py': 'from mmengine.utils import x\nfrom mmengine import __version__\n',
        'integrations/tracker:integrations/tracker/__init__.py': 'from mmengine.registry import find\n',
        'engine:runner/__init__.py': 'import torch\nfrom mmengine.registry.lookup import find\n',
    }) == []


@pytest.mark.parametrize(('files', 'expected'), [
    ({'core:utils.py': 'from mmengine.registry import x', 'registry:registry/__init__.py': ''},
     'core must not import mmengine.registry'),
    ({'core:utils.py': 'def f():\n    import mmengine.registry', 'registry:registry/__init__.py': ''},
     'utils.py:2: core must not import mmengine.registry'),
    ({'config:config/__init__.py': 'from mmengine.fileio import get', 'fileio:fileio/__init__.py': ''},
     'config does not declare mmparts-fileio'),
    ({'integrations/tracker:integrations/tracker/__init__.py': 'import mmengine.runner',
      'engine:runner/__init__.py': ''},
     'tracker must not import mmengine.runner'),
    ({'core:__init__.py': '', 'registry:registry/__init__.py': 'from mmengine import Config'},
     "imports 'Config' from the lazy top"),
    ({'core:__init__.py': '', 'registry:registry/__init__.py': 'from mmengine.utils.nowhere import x'},
     'imports mmengine.utils.nowhere, which no part has'),
    ({'core:utils.py': 'try:\n    import torch.nn\nexcept ImportError:\n    torch = None'},
     'core must load without torch'),
    ({'core:utils.py': '', 'registry:utils.py': ''}, "mmengine.utils is also in the part 'core'"),
    ({'core:a.py': 'import mmengine.b', 'core:b.py': 'def f():\n    from mmengine import a', 'core:__init__.py': ''},
     'modules import each other: mmengine.a, mmengine.b'),
    ({'core:utils/__init__.py': 'from .x import y', 'core:utils/x.py': 'from . import z',
      'core:utils/z.py': 'from .x import y'},
     'modules import each other: mmengine.utils.x, mmengine.utils.z'),
])
def test_planted_fault_is_found(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    problems = write(tmp_path, files)
    assert any(expected in problem for problem in problems), problems


def test_imports_for_type_checkers_do_not_count() -> None:
    source = 'from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n'
    assert [found.module for found in imports_of(source, 'm', is_package=False)] == ['typing', 'b']


def test_long_cycle_is_one_group() -> None:
    assert cycles({'a': {'b'}, 'b': {'c'}, 'c': {'a', 'd'}, 'd': set()}) == [['a', 'b', 'c']]


def test_template_is_no_part() -> None:
    assert not [name for name in load_parts(ROOT) if name.startswith('_')]
