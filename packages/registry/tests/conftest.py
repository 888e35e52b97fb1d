"""What the tests of the registries share."""
from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

Make = Callable[..., str]


@pytest.fixture(autouse=True)
def _no_scope_in_force() -> Iterator[None]:
    DefaultScope._instance_dict.clear()
    yield
    DefaultScope._instance_dict.clear()
    for logger in list(MMLogger._instance_dict.values()):  # with the files that tests of other parts may have left
        logger.release()


@pytest.fixture
def make_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Write packages that can be imported during the test: `make_package('zoo', registry='...', utils='...')`."""
    made: list[str] = []
    folder = tmp_path / 'packages'
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def make(package: str, init: str = '', **modules: str) -> str:
        (folder / package).mkdir(exist_ok=True)
        for module, text in {'__init__': init, **modules}.items():
            (folder / package / f'{module}.py').write_text(text, encoding='utf-8')
        made.append(package)
        importlib.invalidate_caches()
        return package

    yield make
    for module in [name for name in sys.modules if name.split('.')[0] in made]:
        del sys.modules[module]


@pytest.fixture
def offer(tmp_path: Path) -> Callable[[str, str, str], None]:
    """Install a distribution that offers `name = target` in a group of entry points; needs `make_package`."""
    def install(group: str, name: str, target: str) -> None:
        info = tmp_path / 'packages' / f'{name.lower()}-1.0.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name.lower()}\nVersion: 1.0\n')
        (info / 'entry_points.txt').write_text(f'[{group}]\n{name} = {target}\n')
        importlib.invalidate_caches()

    return install
