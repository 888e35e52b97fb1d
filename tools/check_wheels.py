"""Check the built wheels as one house: no file in two of them, one top of the namespace, types marked.

    python tools/check_wheels.py dist
"""
from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from parts import Part, load_parts

TOP = 'mmengine/__init__.py'


def files_of(wheel: Path) -> list[str]:
    """List what a wheel installs, its own metadata aside."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return [n for n in names if not n.endswith('/') and '.dist-info/' not in n]


def untyped(files: list[str]) -> list[str]:
    """Give the import packages of a wheel that no `py.typed` covers."""
    marked = {file.rpartition('/')[0] for file in files if file.endswith('/py.typed')}
    folders = {file.rpartition('/')[0] for file in files if file.endswith('.py')}

    def covered(folder: str) -> bool:
        parents = folder.split('/')
        return any('/'.join(parents[:n]) in marked for n in range(1, len(parents) + 1))

    return sorted(folder for folder in folders if not covered(folder))


def problems_of(name: str, part: Part, files: list[str]) -> Iterator[str]:
    """Say what is wrong with one wheel by itself."""
    if not part.source.is_dir() and files:
        yield f'{part.distribution} must hold metadata only, but has {files[0]}'
    if (TOP in files) != (name == 'core'):
        yield f'{part.distribution} {"must not" if TOP in files else "must"} hold {TOP}: it belongs to core alone'
    for folder in untyped(files):
        yield f'{part.distribution}: no py.typed in {folder} or above it'
    for file in files:
        if not file.startswith('mmengine/') or '__pycache__' in file:
            yield f'{part.distribution} installs {file}, which is outside the namespace'


def check(parts: dict[str, Part], dist: Path) -> list[str]:
    """Give every problem of the wheels in a folder."""
    problems: list[str] = []
    owner: dict[str, str] = {}
    for name, part in parts.items():
        wheel = part.artifact(dist)
        if wheel is None:
            problems.append(f'{part.distribution}: no wheel in {dist}')
            continue
        files = files_of(wheel)
        problems += problems_of(name, part, files)
        problems += [f'{file} is in {owner[file]} and in {part.distribution}' for file in files if file in owner]
        owner.update(dict.fromkeys(files, part.distribution))
    return problems


def main() -> int:
    """Print the problems; their number decides the exit status."""
    parts = load_parts()
    problems = check(parts, Path(sys.argv[1] if len(sys.argv) > 1 else 'dist'))
    print('\n'.join(problems) or f'{len(parts)} wheels: one owner for each file, one top, all typed')
    return bool(problems)


if __name__ == '__main__':
    sys.exit(main())
