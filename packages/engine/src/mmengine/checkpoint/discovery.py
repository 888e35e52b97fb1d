"""Which checkpoint a folder offers to resume from."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator

from mmengine.checkpoint.files import BrokenCheckpointError
from mmengine.checkpoint.forms import check_any, read_any
from mmengine.fileio import LocalBackend, exists, get_file_backend, get_text, join_path

#: The text file in a work_dir that holds the path of the newest checkpoint.
LAST_CHECKPOINT = 'last_checkpoint'
_PUBLISHED = re.compile(r'-[0-9a-f]{8}\.pth$')


def find_latest_checkpoint(path: str) -> str | None:
    """Tell the newest checkpoint of a folder from its `last_checkpoint` file.

    The file names the full path at the time of writing; where the folder was moved since, the checkpoint of the
    same name beside it is taken.

    Args:
        path: The work_dir of a run, also on a storage backend.

    Returns:
        Path of the checkpoint, or None if the folder has none.
    """
    record = join_path(path, LAST_CHECKPOINT)
    if not exists(record):
        return None
    recorded = get_text(record).strip()
    if recorded and not exists(recorded):
        moved = join_path(path, re.split(r'[\\/]', recorded)[-1])
        if exists(moved):
            return moved
    return recorded or None


def find_whole_checkpoint(path: str, *, trusted: bool = False) -> tuple[str | None, list[str]]:
    """Find the newest checkpoint of a folder that is whole.

    Args:
        path: The work_dir of a run, also on a storage backend.
        trusted: Whether checkpoints may hold any object; reading them may then run any code.

    Returns:
        The checkpoint, None if the folder names none; and what is wrong with those that are newer, if any.

    Raises:
        BrokenCheckpointError: There are checkpoints, but none of them is whole.
    """
    newest = find_latest_checkpoint(path)
    if newest is None:
        return None, []
    problems: list[str] = []
    for candidate in (newest, *older_checkpoints(newest)):
        try:
            _check(candidate, trusted, is_named=candidate == newest)
        except (BrokenCheckpointError, FileNotFoundError) as error:
            problems.append(str(error))
        else:
            return candidate, problems
    raise BrokenCheckpointError(f'There is no whole checkpoint to resume from in {path!r}:\n' + '\n'.join(problems))


def _check(candidate: str, trusted: bool, is_named: bool) -> None:
    if is_named:
        check_any(candidate, trusted=trusted)
        return
    checkpoint = read_any(candidate, 'cpu', trusted=trusted)
    if not isinstance(checkpoint, dict) or not {'meta', 'state_dict'} <= checkpoint.keys():
        raise BrokenCheckpointError(f'{candidate!r} holds weights, but no run')


def older_checkpoints(filename: str) -> Iterator[str]:
    """List the other checkpoints beside one, the newest first; best ones last, for they may be far behind.

    Those that are named like it and come before it go first: what is numbered higher may be of another run.
    """
    backend = get_file_backend(filename)
    is_local = isinstance(backend, LocalBackend)
    path = os.path.expanduser(filename) if is_local else filename
    folder, own = os.path.split(path) if is_local else path.rsplit('/', 1)
    try:
        found = list(backend.list_dir_or_file(folder or '.'))
    except (NotImplementedError, FileNotFoundError, NotADirectoryError):
        return
    kind, number = _parts(own)

    def rank(name: str) -> tuple[object, ...]:
        its_kind, its_number = _parts(name)
        age = -os.path.getmtime(os.path.join(folder, name)) if is_local else 0
        return its_kind.startswith('best_'), its_kind != kind, its_number > number, -its_number, age

    names = [name for name in found if name.endswith('.pth') and not _PUBLISHED.search(name) and name != own]
    yield from (str(backend.join_path(folder, name)) for name in sorted(names, key=rank))


def _parts(name: str) -> tuple[str, int]:
    """The name without the number that ends it, and the number, of epochs or iterations."""
    found = re.fullmatch(r'(.*?)(\d+)\D*\.\w+', name)
    return (found[1], int(found[2])) if found else (name, -1)
