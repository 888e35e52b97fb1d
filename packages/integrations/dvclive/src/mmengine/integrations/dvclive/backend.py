"""The backend of DVCLive."""
from __future__ import annotations

import functools
import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from mmengine.integrations.dvclive.names import artifact_id, in_repository, kept_name, run_files
from mmengine.visualization import VISBACKENDS, BaseVisBackend, RunInfo, force_init_env
from mmengine.visualization.backends.fallbacks import histogram_of, place_of
from mmengine.visualization.backends.files import as_picture
from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import Artifact, PictureRef, plain_config, to_array, to_image, to_plain, to_scalar

#: Seconds between two times that `metrics.json` and `dvc.yaml` are written, which the client does at the end only.
SYNC_PERIOD = 15.0


@VISBACKENDS.register_module()
class DVCLiveVisBackend(BaseVisBackend):
    """Record with DVCLive, to files below `save_dir` that DVC shows and versions.

    =========  ====================================================================
    record     in DVC
    =========  ====================================================================
    config     parameters: `params.yaml`, nested
    scalar     row of `plots/metrics/NAME.tsv`; the last value in `metrics.json`
    image      `plots/images/NAME/STEP.png`, boxes and masks drawn in
    table      plot `plots/custom/NAME/STEP.json`, its pictures as images
    curve      plot, linear
    histogram  plot, a bar for each bin
    figure     image; a page of an interactive figure goes to `texts/`
    text       file in `texts/`
    artifact   copy in `artifacts/`, added to DVC, with labels and metadata in `dvc.yaml`
    summary    value in `metrics.json`
    =========  ====================================================================

    Artifacts, `dvc exp` and the files of the run need a repository of DVC around the working directory; what only
    needs files is kept without one as well.

    Args:
        save_dir: Folder of the records.
        artifact_suffix: Ends of the names of files in `work_dir` that are added to DVC at the end of the run.
        init_kwargs: Arguments of `dvclive.Live`.
    """

    capabilities = frozenset({'aliases', 'references', 'resume'})

    def __init__(self, save_dir: str, artifact_suffix: Sequence[str] | str = ('.json', '.py', 'yaml'),
                 init_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__(save_dir)
        self._artifact_suffix = (artifact_suffix,) if isinstance(artifact_suffix, str) else tuple(artifact_suffix)
        self._init_kwargs = dict(init_kwargs or {})
        self._dvclive: Any = None
        self._work_dir: str | None = None
        self._goes_on = False
        self._synced = 0.0

    def _init_env(self) -> None:
        if self._save_dir is None:
            raise ValueError('DVCLiveVisBackend needs a folder: set `save_dir` of it or of the visualizer')
        os.makedirs(self._save_dir, exist_ok=True)
        who = self.identity
        names = {'exp_name': who.name or who.run_id, 'exp_message': who.notes}
        defaults = {
            'dir': self._save_dir,
            'dvcyaml': os.path.join(self._save_dir, 'dvc.yaml'),  # the one in the working directory is the user's
            'save_dvc_exp': in_repository('.git') and in_repository('.dvc'),
            # Without it the client deletes what is there.
            'resume': self._goes_on or (who.run_id is not None and who.resume != 'never'),
            **{name: value for name, value in names.items() if value},
        }
        self._dvclive = import_module('dvclive').Live(**{**defaults, **self._init_kwargs})
        self._goes_on = True
        self._synced = time.monotonic()

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The `Live` object."""
        return self._dvclive

    @property
    def run(self) -> RunInfo:
        """What DVC calls the run: its folder, and the experiment if there is a name for it."""
        return RunInfo(id=self.identity.run_id or self._save_dir, name=self.identity.name, dir=self._save_dir)

    def flush(self) -> None:
        """Write `metrics.json` and `dvc.yaml`, and send what is new to DVC Studio if that is set up."""
        if self._env_initialized:
            self._dvclive.sync()
            self._synced = time.monotonic()

    def close(self, status: str = 'success') -> None:
        """End the run, however it went: only then are all files there. A later record goes on with it."""
        if not self._env_initialized:
            return
        if self._artifact_suffix and self._work_dir and in_repository('.dvc'):
            for path in run_files(self._work_dir, self._artifact_suffix, self._dvclive.artifacts_dir):
                self._dvclive.log_artifact(path, copy=True)
        self._dvclive.end()
        self._env_initialized = False

    # Numbers and settings

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config as parameters."""
        settings = plain_config(config)
        work_dir = settings.get('work_dir')
        self._work_dir = work_dir if isinstance(work_dir, str) else None
        self._dvclive.log_params(settings)

    @force_init_env
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Change parameters."""
        self._dvclive.log_params(to_plain(values))

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number."""
        self._dvclive.step = step
        self._dvclive.log_metric(kept_name(name), to_scalar(value))
        if time.monotonic() - self._synced > SYNC_PERIOD:
            self.flush()

    @force_init_env
    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Set results of the run."""
        self._dvclive.summary.update({name: to_plain(value) for name, value in values.items()})

    # Media

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image of uint8: height x width (x channels), RGB."""
        self._dvclive.step = step
        self._dvclive.log_image(f'{kept_name(name)}/{step}.png', to_image(image))

    @force_init_env
    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table as the data of a plot, which draws its other columns against the first."""
        cell = functools.partial(self._cell, name, step)
        points = [{column: cell(index, column, value) for column, value in zip(columns, row, strict=True)}
                  for index, row in enumerate(rows)]
        path = self._plot(name, points, columns[0], list(columns[1:]) or columns[0], step, 'scatter')
        if artifact is not None:
            self.add_artifact(artifact.name, path, type=artifact.type, aliases=artifact.aliases,
                              metadata=artifact.metadata, step=step)

    def _cell(self, table: str, step: int, row: int, column: str, value: Any) -> Any:
        if isinstance(value, PictureRef):
            return f'{value.table}/{value.column}/{value.row}'
        picture = as_picture(value)
        if picture is None:
            return to_plain(value)
        name = f'{table}/{column}/{row}'
        self.add_image(name, annotate(picture), step)
        return name

    @force_init_env
    def add_curve(self, name: str, x: Sequence[float], y: Sequence[float], step: int = 0, *, x_name: str = 'x',
                  y_name: str = 'y', **kwargs: Any) -> None:
        """Record a curve as a plot."""
        points = [{x_name: to_scalar(a), y_name: to_scalar(b)} for a, b in zip(x, y, strict=True)]
        self._plot(name, points, x_name, y_name, step, 'linear')

    @force_init_env
    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Record a distribution as a plot with a bar for each bin."""
        heights, borders = histogram_of(values, bins, counts, edges)
        points = [{'bin': f'{low:.4g} to {high:.4g}', 'count': count} for low, high, count in
                  zip(borders[:-1], borders[1:], to_array(heights).tolist(), strict=True)]
        self._plot(name, points, 'count', 'bin', step, 'bar_horizontal')

    def _plot(self, name: str, points: list[dict[str, Any]], x: str, y: str | list[str], step: int,
              template: str) -> str:
        place = f'{kept_name(name)}/{step}'
        self._dvclive.step = step
        self._dvclive.log_plot(place, points, x=x, y=y, template=template, title=f'{name}, step {step}')
        return os.path.join(self._dvclive.plots_dir, 'custom', f'{place}.json')

    # Files

    @force_init_env
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Add a file or a folder to DVC as a copy, or note where it lies; without a repository note it as a text."""
        if not in_repository('.dvc'):
            self._degrade('artifact here', 'files are noted as text. DVC keeps them in a repository: `dvc init`')
            super().add_artifact(name, path, type=type, aliases=aliases, metadata=metadata, step=step, reference=True)
            return
        meta = {**to_plain(metadata or {}), 'step': step, 'place': place_of(path)}
        folder, key = self._dvclive.artifacts_dir, artifact_id(name)
        os.makedirs(folder, exist_ok=True)
        place = os.fspath(path)
        if reference and '://' in place:  # DVC takes paths only: a file that says where it is stands for it
            place = os.path.join(folder, f'{key}.json')
            with open(place, 'w', encoding='utf-8') as file:
                json.dump(meta, file)
        self._dvclive.log_artifact(place, type=re.sub(r'\W+', '-', type.lower()), name=key, labels=list(aliases),
                                   meta={'name': name, **meta}, copy=not reference, cache=not reference)
