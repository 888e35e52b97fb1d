"""MLflow as a backend of the visualizer."""
from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image as PILImage

from mmengine.integrations.mlflow import store
from mmengine.integrations.mlflow.experiment import Experiment
from mmengine.integrations.mlflow.files import Files
from mmengine.integrations.mlflow.names import as_params, image_key, metric_name
from mmengine.visualization import VISBACKENDS, BaseVisBackend, RunInfo, ScalarRow, force_init_env
from mmengine.visualization.redact import redact_text
from mmengine.visualization.values import Artifact, config_text, plain_config, to_image, to_plain, to_scalar

STATUSES = {'success': 'FINISHED', 'failed': 'FAILED', 'aborted': 'KILLED'}
MAX_METRICS, MAX_PARAMS = 1000, 100  # that the platform takes at once


@VISBACKENDS.register_module()
class MLflowVisBackend(BaseVisBackend):
    """Record to an MLflow server, or to a database of the run's own.

    =========  ===============================================================================
    record     in MLflow
    =========  ===============================================================================
    config     parameters, flat; files `config.py` and `config.json`
    scalars    metrics
    image      image of the series, by step; boxes and masks drawn in
    table      table
    histogram  figure
    figure     file below `figures/`, image or page
    text       file below `texts/`
    artifact   files below `artifacts/NAME/vN`; facts in a tag and beside them, aliases as tags
    summary    metrics below `summary/`; what is no number as a tag
    tags       tags with the value 'true'
    alert      text, and a warning in the log
    =========  ===============================================================================

    Args:
        save_dir: Folder of the database and its files, if nothing says where else the store is.
        exp_name: Name of the experiment; by default that of `Identity.project`, or the platform's Default.
        run_name: Name of the run.
        tags: Tags of the run.
        params: Further parameters of the run.
        tracking_uri: Address of the store: of a server, or `sqlite:///FILE`. Without it and without
            MLFLOW_TRACKING_URI it is `mlflow.db` in `save_dir`.
        artifact_suffix: Files of the `work_dir` that end so are kept when the run ends.
        tracked_config_keys: Keys of the config to make parameters of; by default all.
        artifact_location: Where a new experiment keeps files.
    """

    capabilities = frozenset({'aliases', 'references', 'resume'})

    def __init__(self, save_dir: str, exp_name: str | None = None, run_name: str | None = None,
                 tags: Mapping[str, Any] | None = None, params: Mapping[str, Any] | None = None,
                 tracking_uri: str | None = None,
                 artifact_suffix: Sequence[str] | str = ('.json', '.log', '.py', 'yaml'),
                 tracked_config_keys: Sequence[str] | None = None, artifact_location: str | None = None) -> None:
        super().__init__(save_dir)
        self._exp_name = exp_name
        self._run_name = run_name
        self._tags = dict(tags or {})
        self._params = dict(params or {})
        self._tracking_uri = tracking_uri
        self._artifact_suffix = (artifact_suffix,) if isinstance(artifact_suffix, str) else tuple(artifact_suffix)
        self._tracked_config_keys = tracked_config_keys
        self._artifact_location = artifact_location
        self._mlflow: Any = None
        self._client: Any = None
        self._files: Any = None
        self._run_id: str | None = None
        self._work_dir: str | None = None
        self._url: str | None = None
        self._known_params: dict[str, str] = {}
        self._renamed: set[str] = set()

    def _init_env(self) -> None:
        given = self._tracking_uri or os.environ.get('MLFLOW_TRACKING_URI')
        own = not given or self.identity.mode == 'offline'
        uri = store.own_uri(self._save_dir) if own else str(given)
        if uri.startswith('http'):
            store.set_limits(min(self.start_limit, self.close_limit) / 3)
        self._mlflow = import_module('mlflow')
        self._client = self._mlflow.MlflowClient(tracking_uri=uri)
        if self._run_id is None:
            self._begin(uri, own)
        else:  # records after a close belong to the same run
            self._client.update_run(self._run_id, status='RUNNING')

    def _begin(self, uri: str, own: bool) -> None:
        who = self.identity
        name = self._exp_name or who.project or (store.OWN_EXPERIMENT if own else 'Default')
        place = self._artifact_location
        if own and place is None:
            place = Path(str(self._save_dir), store.FILES).absolute().as_uri()
        experiment = store.experiment_id(self._client, name, place)
        run_id = store.find_run(self._client, experiment, who)
        if run_id is None:
            run = self._client.create_run(experiment, run_name=self._run_name or who.name,
                                          tags=store.first_tags(who, self._tags))
            run_id = str(run.info.run_id)
        else:
            self._client.update_run(run_id, status='RUNNING')
            self._known_params = dict(self._client.get_run(run_id).data.params)
        self._run_id = run_id
        self._files = Files(self._client, run_id)
        if uri.startswith('http'):  # which may have a password in it
            self._url = redact_text(f'{uri.rstrip("/")}/#/experiments/{experiment}/runs/{run_id}')
        self._log_params(self._params)

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The run, with the functions of the module `mlflow`."""
        return Experiment(self._client, str(self._run_id), self._mlflow)

    @property
    def run(self) -> RunInfo:
        """What the platform calls the run."""
        if self._run_id is None:
            return super().run
        return RunInfo(id=self._run_id, name=self._run_name or self.identity.name, url=self._url, dir=self._save_dir)

    def is_transient(self, error: BaseException) -> bool:
        """Tell whether the same call may succeed in a while: if a server is busy or could not be reached."""
        status = getattr(error, 'get_http_status_code', lambda: 0)()
        return super().is_transient(error) or status in (429, 502, 503, 504)

    def close(self, status: str = 'success') -> None:
        """Keep the files of the `work_dir` and end the run; a later record goes on with it."""
        if not self._env_initialized:
            return
        self._env_initialized = False
        try:
            if self._work_dir is not None and self._artifact_suffix:
                self._files.upload(self._work_dir, self._artifact_suffix)
        finally:
            self._client.set_terminated(self._run_id, STATUSES.get(status, 'FAILED'))

    # Numbers and settings

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config as parameters, and whole as files."""
        plain = plain_config(config)
        self._work_dir = plain.get('work_dir')
        tracked = self._tracked_config_keys
        self._log_params({key: value for key, value in plain.items() if tracked is None or key in tracked})
        self._client.log_text(self._run_id, config_text(config), 'config.py')
        self._client.log_dict(self._run_id, plain, 'config.json')

    @force_init_env
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Record further parameters; one that has changed as a tag, since a parameter cannot."""
        self._log_params(to_plain(values))

    def _log_params(self, values: Mapping[str, Any]) -> None:
        given = as_params(values)
        fresh = [(name, value) for name, value in given.items() if name not in self._known_params]
        for start in range(0, len(fresh), MAX_PARAMS):
            params = [self._mlflow.entities.Param(name, value) for name, value in fresh[start:start + MAX_PARAMS]]
            self._client.log_batch(self._run_id, params=params)
        changed = {name: value for name, value in given.items() if self._known_params.get(name, value) != value}
        if changed:
            self._degrade('way to change a parameter', 'settings that changed are recorded as tags `param.NAME`')
        for name, value in changed.items():
            self._client.set_tag(self._run_id, f'param.{name}', value[:store.MAX_TAG])
        self._known_params = {**dict(fresh), **self._known_params}

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number."""
        self.add_scalar_batch([ScalarRow(step, {name: value}, time.time())])

    @force_init_env
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Record several numbers of one step."""
        self.add_scalar_batch([ScalarRow(step, scalar_dict, time.time())])

    @force_init_env
    def add_scalar_batch(self, rows: Sequence[ScalarRow]) -> None:
        """Record the numbers of several calls at once, which costs the store little more than a single one.

        Raises:
            TypeError: Some values are no numbers; all others have been recorded.
        """
        metrics, wrong = [], []
        for row in rows:
            for name, value in row.values.items():
                try:
                    number = float(to_scalar(value))
                except TypeError as error:
                    wrong.append(f'{name!r}: {error}')
                else:
                    metrics.append(self._metric(name, number, row))
        for start in range(0, len(metrics), MAX_METRICS):
            self._client.log_batch(self._run_id, metrics=metrics[start:start + MAX_METRICS])
        if wrong:
            raise TypeError('; '.join(wrong))

    def _metric(self, name: str, number: float, row: ScalarRow) -> Any:
        kept = metric_name(name)
        if kept != name and name not in self._renamed:
            self._renamed.add(name)
            self._degrade(f'place for the name {name!r}', f'its numbers are recorded as {kept!r}')
        return self._mlflow.entities.Metric(kept, number, int(row.time * 1000), int(row.step))

    @force_init_env
    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Record results of the run as metrics below `summary/`; what is no number as a tag of that name."""
        numbers: dict[str, float] = {}
        for name, value in values.items():
            try:
                numbers[f'summary/{name}'] = to_scalar(value)
            except TypeError:
                text = str(to_plain(value))[:store.MAX_TAG]
                self._client.set_tag(self._run_id, metric_name(f'summary/{name}'), text)
        self.add_scalars(numbers)

    @force_init_env
    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Set tags, whose value here is 'true'."""
        for tag in tags:
            self._client.set_tag(self._run_id, metric_name(tag), 'true')

    # Media and files

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image of uint8: height x width (x channels), RGB."""
        self._client.log_image(self._run_id, PILImage.fromarray(to_image(image)), key=image_key(name), step=int(step))

    @force_init_env
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text as a file."""
        self._files.add_text(name, text, step, format)

    @force_init_env
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure: of matplotlib as an image, an interactive one as its page."""
        self._files.add_figure(name, figure, step)

    @force_init_env
    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table; the pictures in it are files of its own folder."""
        path = self._files.add_table(name, columns, rows, step)
        if artifact is not None:
            self._files.note(artifact.name, path, _facts(artifact.type, artifact.aliases, artifact.metadata, step))

    @force_init_env
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Keep a file or a folder as a new version, or only where it lies."""
        self._files.add_artifact(name, path, _facts(type, aliases, metadata, step), reference)


def _facts(type: str, aliases: Sequence[str], metadata: Mapping[str, Any] | None, step: int) -> dict[str, Any]:
    return {'type': type, 'aliases': list(aliases), 'metadata': to_plain(metadata or {}), 'step': step}
