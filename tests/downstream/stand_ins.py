"""Make the stand-ins of this folder importable, and leave the installed libraries as they are."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
#: module of a library -> the file that stands in for it
FILES = {
    'mmcv._ext': HERE / 'mmcv_stand_in' / '_ext.py',
    'mmaction.models.localizers.drn': HERE / 'mmaction_stand_in' / 'drn' / '__init__.py',
}


class Finder(MetaPathFinder):
    """Find single modules below the packages of libraries."""

    def find_spec(self, fullname: str, path: Sequence[str] | None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Give the file of a module that has one here."""
        return spec_from_file_location(fullname, FILES[fullname]) if fullname in FILES else None


def install() -> None:
    """Let this process, and those that it forks, find the stand-ins."""
    sys.path.insert(0, str(HERE / 'torchvision_stand_in'))
    sys.meta_path.insert(0, Finder())
