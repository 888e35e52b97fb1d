"""Where runs are kept: a server, or a database of the run's own; and how a run in it is found or begun."""
from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.integrations.mlflow.names import metric_name
from mmengine.visualization.values import Identity

#: Longest value of a tag that every version of the platform takes.
MAX_TAG = 5000
#: Folder of pictures and files of a run that keeps its own store, beside the database.
FILES = 'mlflow-artifacts'
DATABASE = 'mlflow.db'
#: Experiment of runs in a store of their own; the one called Default would keep its files in the working directory.
OWN_EXPERIMENT = 'mmengine'
#: Tag with the id that the run was given: the platform makes its own.
RUN_ID = 'mmengine.run_id'


def own_uri(save_dir: str | None) -> str:
    """Give the address of a database in the folder of the run.

    Raises:
        ValueError: There is no folder.
    """
    if save_dir is None:
        raise ValueError('MLflowVisBackend needs a place: set `tracking_uri`, MLFLOW_TRACKING_URI or a `save_dir`')
    Path(save_dir).mkdir(parents=True, exist_ok=True)
    return f'sqlite:///{Path(save_dir, DATABASE).absolute()}'


def experiment_id(client: Any, name: str, artifact_location: str | None) -> str:
    """Find an experiment by its name, or make it."""
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=artifact_location))
    return str(found.experiment_id)


def find_run(client: Any, experiment: str, identity: Identity) -> str | None:
    """Find the run to go on with, by the platform's id or by the one that it was given.

    Raises:
        LookupError: There is none and there has to be.
    """
    wanted = identity.run_id
    if wanted is None or identity.resume == 'never':
        return None
    quoted = wanted.replace("'", "\\'")
    for query in (f"attributes.run_id = '{quoted}'", f"tags.`{RUN_ID}` = '{quoted}'"):
        found = client.search_runs([experiment], query, max_results=1)
        if found:
            return str(found[0].info.run_id)
    if identity.resume == 'must':
        raise LookupError(f'There is no run {wanted!r} to go on with, neither by its id nor by its tag {RUN_ID!r}')
    return None


def first_tags(identity: Identity, tags: Mapping[str, Any]) -> dict[str, str]:
    """Give the tags that a run begins with: who and what it is."""
    known = {RUN_ID: identity.run_id, 'group': identity.group, 'job_type': identity.job_type,
             'mlflow.note.content': identity.notes, 'mlflow.user': _user(), 'mlflow.source.type': 'LOCAL',
             'mlflow.source.name': sys.argv[0] if sys.argv else None}
    return {**{name: value for name, value in known.items() if value},
            **dict.fromkeys(map(metric_name, identity.tags), 'true'),
            **{str(name): str(value) for name, value in tags.items()}}


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in containers
        return None


def set_limits(seconds: float) -> None:
    """Let no wait of the client last longer than ours, unless the user has said how long; it has no other way."""
    for name, value in (('TIMEOUT', max(int(seconds), 1)), ('MAX_RETRIES', 1), ('BACKOFF_FACTOR', 1)):
        os.environ.setdefault(f'MLFLOW_HTTP_REQUEST_{name}', str(value))
