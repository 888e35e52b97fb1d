"""The runs below a folder, as their local records tell about them."""
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from mmengine.utils.suggest import did_you_mean
from mmengine.visualization.records.series import Series, read_series

SCALARS, RECORDS = 'scalars.json', 'vis_data'
#: Said of a run that has not noted how it ended.
UNFINISHED = 'unfinished'


@dataclass(frozen=True)
class Run:
    """One run: its name, and the folder of its records, the one that holds `scalars.json`."""

    name: str
    folder: Path

    @cached_property
    def _read(self) -> tuple[dict[str, Series], int]:
        return read_series(self.folder / SCALARS)

    @property
    def series(self) -> dict[str, Series]:
        """What was recorded, by name."""
        return self._read[0]

    @property
    def unread(self) -> int:
        """How many lines of the file could not be read."""
        return self._read[1]

    @property
    def last_step(self) -> int:
        """The greatest iteration or step."""
        return max((step for series in self.series.values() for step in series.steps), default=0)

    @cached_property
    def notes(self) -> dict[str, Any]:
        """What `run.json` says: how the run ended, its tags and identity."""
        try:
            notes = json.loads((self.folder / 'run.json').read_text(encoding='utf-8'))
        except (OSError, ValueError):
            return {}
        return notes if isinstance(notes, dict) else {}

    @property
    def status(self) -> str:
        """How the run ended; 'unfinished' where it goes on, or was killed."""
        return str(self.notes.get('status') or UNFINISHED)

    @property
    def changed(self) -> datetime:
        """When the last number was recorded."""
        return datetime.fromtimestamp((self.folder / SCALARS).stat().st_mtime)

    @property
    def config(self) -> Path | None:
        """The file with the config of the run, None if there is none."""
        path = self.folder / 'config.py'
        return path if path.is_file() else None


def find_runs(folder: str | os.PathLike[str]) -> list[Run]:
    """Find the runs below a folder, by name.

    Args:
        folder: The folder, such as `work_dirs`, or the work_dir of one config.
    """
    return sorted((Run(_name(path, Path(folder)), path) for path in _holders(folder)), key=lambda run: run.name)


def _holders(folder: str | os.PathLike[str]) -> Iterator[Path]:
    for current, below, files in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith('.'))
        if SCALARS in files:
            yield Path(current)


def _name(path: Path, folder: Path) -> str:
    named = path.parent if path.name == RECORDS else path
    relative = os.path.relpath(named, folder)
    return str(named) if relative.startswith(os.pardir) or relative == os.curdir else relative


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open one run by a path to it.

    Args:
        path: Its `scalars.json`, or a folder that holds it; of a folder with several runs, the one that recorded last.

    Raises:
        FileNotFoundError: There is no run.
    """
    place = Path(path)
    if place.is_file():
        return Run(str(path), place.parent)
    found = find_runs(place)
    if not found:
        raise FileNotFoundError(f'There is no run in {str(path)!r}: no {SCALARS} is in or below it.{_near(place)}')
    newest = max(found, key=lambda run: run.changed)
    return Run(os.path.join(str(path), newest.name) if len(found) > 1 else str(path), newest.folder)


def _near(path: Path) -> str:
    if path.exists() or not path.parent.is_dir():
        return ''
    return did_you_mean(path.name, sorted(entry.name for entry in path.parent.iterdir() if entry.is_dir()))
