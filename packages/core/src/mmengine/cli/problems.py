"""What does not fit together in an installation, each with the line that mends it."""
from __future__ import annotations

import base64
import csv
import hashlib
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from mmengine import version
from mmengine.cli.installation import PREFIX, UPSTREAM, has_files, normalized, requirements, version_of

#: How many files a sentence names.
_SHOWN = 4
_Parts = Mapping[str, metadata.Distribution]


class Problem(NamedTuple):
    """One thing that is wrong: what, and the line for the shell that mends it."""

    text: str
    mend: str


def find_problems(parts: _Parts) -> list[Problem]:
    """Look for files of another mmengine, damaged parts, and requirements that are not met.

    Args:
        parts: The installed parts, by name.
    """
    foreign = list(_upstream(parts))
    return [*foreign, *(_second_folder() if not foreign else ()), *_damaged(parts, bool(foreign)), *_stray(parts),
            *_unmet(parts)]


def _reinstall(parts: _Parts) -> str:
    names = [name for name, distribution in parts.items() if has_files(distribution)] or [f'{PREFIX}-core']
    return f'pip install --force-reinstall --no-deps {" ".join(names)}'


def _upstream(parts: _Parts) -> Iterator[Problem]:
    """Find upstream's one-piece package, whose files have the names of ours."""
    found = []
    for distribution in metadata.distributions():
        name = normalized(distribution.metadata['Name'] or '')
        if name in UPSTREAM and has_files(distribution):
            found.append(f'{name} {distribution.version}')
    if found:
        yield Problem(f'The one-piece {" and ".join(found)} is installed too, and has files of the same names',
                      f'pip uninstall -y {" ".join(UPSTREAM)} && {_reinstall(parts)}')


def _second_folder() -> Iterator[Problem]:
    """Find a second `mmengine/__init__.py` on the path, such as a checkout of upstream's repository."""
    own = Path(version.__file__).resolve().parent
    for entry in dict.fromkeys(sys.path):
        folder = Path(entry or '.').resolve() / 'mmengine'
        if folder != own and (folder / '__init__.py').is_file():
            yield Problem(f'There is another mmengine in {folder}, on the path of this Python, which mixes with ours',
                          f'python -c "import sys; print(*sys.path, sep=chr(10))"  # take {folder.parent} off it: '
                          f'PYTHONPATH, a .pth file, or the current folder')


class _Module(NamedTuple):
    """A module that a distribution brought: where it should be, and its hash as `sha256=...`, if that was noted."""

    name: str
    path: Path
    hash: str


def _modules(distribution: metadata.Distribution) -> Iterator[_Module]:
    """Read what was installed from the record itself: `files` leaves out what is gone, from Python 3.12 on."""
    for row in csv.reader((distribution.read_text('RECORD') or '').splitlines()):
        if row and row[0].startswith('mmengine/') and row[0].endswith('.py'):
            yield _Module(row[0], Path(str(distribution.locate_file(row[0]))), row[1] if len(row) > 1 else '')


def _damaged(parts: _Parts, mixed: bool) -> Iterator[Problem]:
    """Find parts whose files are gone, or are not what was installed."""
    for name, distribution in parts.items():
        gone, changed = [], []
        for file in _modules(distribution):
            if not file.path.is_file():
                gone.append(file.name)
            elif file.hash and _digest(file.path, file.hash.partition('=')[0]) != file.hash:
                changed.append(file.name)
        for files, what in ((gone, 'are gone'), (changed, 'are not what was installed')):
            if files and not (mixed and files is changed):
                yield Problem(f'{len(files)} files of {name} {what}: {_few(files)}',
                              f'pip install --force-reinstall --no-deps {name}')


def _digest(path: Path, mode: str) -> str:
    digest = hashlib.new(mode, path.read_bytes()).digest()
    return f'{mode}={base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}'


def _stray(parts: _Parts) -> Iterator[Problem]:
    """Find modules in our folders that no installed distribution has put there."""
    folders = {file.path.parents[file.name.count('/') - 1].resolve()
               for distribution in parts.values() for file in _modules(distribution)}
    owned = {file.path.resolve() for distribution in metadata.distributions() for file in _modules(distribution)}
    for folder in sorted(folders):
        stray = sorted(path for path in folder.rglob('*.py') if path.resolve() not in owned)
        if stray:
            names = [str(path.relative_to(folder.parent)) for path in stray]
            shown = ' '.join(f"'{path}'" for path in stray)
            yield Problem(f'{len(stray)} files in {folder} belong to no installed distribution, left by another '
                          f'mmengine: {_few(names)}', f'rm {shown}')


def _unmet(parts: _Parts) -> Iterator[Problem]:
    """Find what parts require that is missing, or has another version than they take."""
    for name, distribution in parts.items():
        for requirement in requirements(distribution):
            found = version_of(requirement.name)
            wanted = f'{requirement.name}{requirement.specifier}'
            if found is None:
                yield Problem(f'{name} needs {wanted}, which is not installed', f"pip install '{wanted}'")
            elif not requirement.specifier.contains(found, prereleases=True):
                yield Problem(f'{name} {distribution.version} needs {wanted}, but {requirement.name} {found} is '
                              f'installed', f"pip install --upgrade {name} '{wanted}'")


def _few(names: list[str]) -> str:
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return f'{", ".join(names[:_SHOWN])}{more}'
