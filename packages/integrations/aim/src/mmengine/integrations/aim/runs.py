"""How a run of the platform is named, and found again by the id that it was given."""
from __future__ import annotations

import re
import sys
import time
from importlib import import_module, metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mmengine.visualization.redact import redact
from mmengine.visualization.values import Identity

_TIMESTAMP = re.compile(r'\d{8}_\d{6}')
_HASH = re.compile(r'[0-9a-f]{24}')


def names_of(save_dir: str | None) -> tuple[str | None, str | None]:
    """Give the experiment and the run that a folder such as `work_dirs/resnet/20250101_120000/vis_data` is of."""
    parts = [part for part in Path(save_dir or '').parts if part not in ('vis_data', '/', '.')]
    run = parts.pop() if parts and _TIMESTAMP.fullmatch(parts[-1]) else None
    return (parts[-1] if parts else None), run


def find(aim: Any, repo: Any, identity: Identity) -> str | None:
    """Find the hash of the run to go on with, by itself or by the id that the run was given.

    Raises:
        LookupError: There is none and there has to be.
    """
    wanted = identity.run_id
    if wanted is None or identity.resume == 'never':
        return None
    repo = _repository(aim, repo)
    note = None if repo is None else _note(repo, wanted)
    found = note.read_text(encoding='utf-8') if note is not None and note.exists() else wanted
    if repo is not None and _HASH.fullmatch(found) and is_there(repo, found):
        return found
    if identity.resume == 'must':
        raise LookupError(f'There is no run {wanted!r} to go on with in the repository '
                          f'{"that is still to be made" if repo is None else repo.path}')
    return None


def _repository(aim: Any, given: Any) -> Any:
    """Open the repository that is given, or that of the working directory; None if it is still to be made."""
    if isinstance(given, aim.Repo):
        return given
    place = aim.Repo.default_repo_path() if given is None else str(given)
    return aim.Repo.from_path(place) if '://' in place or aim.Repo.exists(place) else None


def is_there(repo: Any, run_hash: str) -> bool:
    """Tell whether a repository has a run; its own list is up to half a second old, which is waited for."""
    until = time.monotonic() + 2.0
    while not repo.run_exists(run_hash):
        if repo.is_remote_repo or not Path(repo.path, 'meta', 'chunks', run_hash).exists() or time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def remember(run: Any, run_id: str | None) -> None:
    """Note in a local repository which run an id was given to: the platform makes hashes of its own."""
    note = _note(run.repo, run_id) if run_id and run_id != run.hash else None
    if note is not None:
        note.parent.mkdir(exist_ok=True)
        note.write_text(run.hash, encoding='utf-8')


def _note(repo: Any, run_id: str) -> Path | None:
    return None if repo.is_remote_repo else Path(repo.path, 'mmengine', quote(run_id, safe=''))


def system_params() -> dict[str, Any]:
    """Describe the machine as the platform does, without the secrets among the environment variables."""
    utils = import_module('aim.ext.utils')  # whose list of packages needs a module that setuptools has given up
    packages = {found.name: found.version for found in metadata.distributions()}
    environment: dict[str, Any] = redact({'env_variables': dict(utils.get_environment_variables())})
    return {'packages': packages, **environment, 'git_info': utils.get_git_info(),
            'executable': sys.executable, 'arguments': sys.argv}
