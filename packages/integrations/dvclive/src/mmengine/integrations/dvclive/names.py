"""Names and files as DVC takes them."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path


def kept_name(name: str) -> str:
    """Make a path of the name of a record, which stays in its folder and may be one on every system."""
    parts = [re.sub(r'[<>:"\\|?*\x00-\x1f]', '_', part) for part in name.strip('/').split('/')]
    return '/'.join('_' if part in ('', '.', '..') else part for part in parts)


def artifact_id(name: str) -> str:
    """Make an identifier of an artifact's name: small letters, digits and `-`, with a letter in front."""
    text = re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'artifact'
    return text if text[0].isalpha() else f'a-{text}'


def in_repository(mark: str) -> bool:
    """Tell whether the working directory lies in a repository, of which `.dvc` or `.git` is the mark."""
    here = Path.cwd()
    return any((folder / mark).exists() for folder in (here, *here.parents))


def run_files(folder: str, suffixes: Sequence[str], without: str) -> Iterator[str]:
    """List the files of a run that end in one of the suffixes, but those that DVCLive has made or copied itself."""
    for place, folders, files in os.walk(folder):
        if os.path.abspath(place) == os.path.abspath(without):
            folders.clear()
            continue
        folders[:] = [name for name in sorted(folders) if name not in ('.dvc', '.git', 'plots', '.records')]
        for name in sorted(files):
            if name.endswith(tuple(suffixes)) and name not in ('dvc.yaml', 'params.yaml', 'metrics.json'):
                yield os.path.join(place, name)
