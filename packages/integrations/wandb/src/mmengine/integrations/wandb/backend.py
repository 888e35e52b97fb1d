"""Weights & Biases as a backend of the visualizer."""
from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from mmengine.integrations.wandb import media
from mmengine.integrations.wandb.experiment import Experiment
from mmengine.integrations.wandb.metrics import metric_definitions
from mmengine.visualization import VISBACKENDS, BaseVisBackend, RunInfo, force_init_env
from mmengine.visualization.backends.fallbacks import histogram_of
from mmengine.visualization.values import Artifact, Picture, PictureRef, plain_config, to_image, to_plain, to_scalar

#: Series that every row has; the platform draws all others against it.
STEP = 'global_step'
_EXIT_CODES = {'success': 0, 'failed': 1, 'aborted': 130}


@VISBACKENDS.register_module()
class WandbVisBackend(BaseVisBackend):
    """Record to Weights & Biases, online or offline.

    Every row holds its step as the series `global_step`, and all charts are drawn against that. The counter of the
    platform refuses rows that come late; a series does not, so training and validation may record in any order.

    ==========  ============================================================================
    record      in W&B
    ==========  ============================================================================
    config      config, nested
    graph       `watch` of the model
    scalars     one row of the history
    image       image; boxes and masks are layers that can be switched on and off
    table       table, as an artifact of its own where one is named
    histogram   histogram
    figure      image (matplotlib), interactive plot (plotly, any other page)
    curve       line plot
    text        page
    artifact    artifact with aliases, metadata, or by reference
    summary     summary of the run
    tags        tags
    alert       alert
    ==========  ============================================================================

    Args:
        save_dir: Folder below which the client keeps its files, in `wandb/`.
        init_kwargs: Arguments of `wandb.init`.
        define_metric_cfg: How the platform sums a series up: `{'val/acc': 'max'}`, or a list of arguments of
            `define_metric`.
        commit: Whether each call is a row of its own; with False the client gathers until something commits.
        log_code_name: Name under which the Python files below the working directory are kept; by default none are.
        watch_kwargs: Arguments of `watch`, for the structure and the gradients of the model.
    """

    capabilities = frozenset({'aliases', 'boxes', 'masks', 'references', 'resume'})
    keeps_paths = True

    def __init__(self, save_dir: str, init_kwargs: Mapping[str, Any] | None = None,
                 define_metric_cfg: Mapping[str, str] | Sequence[Mapping[str, Any]] | None = None,
                 commit: bool | None = True, log_code_name: str | None = None,
                 watch_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__(save_dir)
        self._init_kwargs = dict(init_kwargs or {})
        self._metrics = metric_definitions(define_metric_cfg)
        self._commit = commit
        self._log_code_name = log_code_name
        self._watch_kwargs = dict(watch_kwargs or {})
        self._wandb: Any = None
        self._run: Any = None
        self._run_id: str | None = None
        self._pictures: dict[tuple[str, int, str], Any] = {}
        self._versions: dict[str, Any] = {}  # of tables whose pictures are not yet those of the upload

    def _init_env(self) -> None:
        arguments = {**self._named(), **self._init_kwargs}
        if self._save_dir is not None:
            arguments.setdefault('dir', self._save_dir)
        if 'dir' in arguments:
            # The client writes in a process that children share, and whose working directory may be another one; and
            # where a folder does not exist it takes a temporary one. Either way the records would be lost.
            arguments['dir'] = os.path.abspath(arguments['dir'])
            os.makedirs(arguments['dir'], exist_ok=True)
        if self._run_id is not None:  # records after a close belong to the same run
            arguments.update(id=self._run_id, resume='allow')
        self._wandb = import_module('wandb')
        arguments['settings'] = self._settings(arguments.pop('settings', None))
        self._run = self._wandb.init(**arguments)
        self._run_id = self._run.id
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric('*', step_metric=STEP, step_sync=True)
        for definition in self._metrics:
            self._run.define_metric(**{'step_metric': STEP, **definition})

    def _named(self) -> dict[str, Any]:
        who = self.identity
        names = {'id': who.run_id, 'name': who.name, 'project': who.project, 'group': who.group,
                 'job_type': who.job_type, 'tags': list(who.tags) or None, 'notes': who.notes, 'mode': who.mode,
                 'resume': who.resume if who.run_id else None}
        return {name: value for name, value in names.items() if value is not None}

    def _settings(self, given: Any) -> Any:
        """Let no wait of the client last longer than ours, and two runs of one process not end each other."""
        own = self._wandb.Settings(init_timeout=self.start_limit * 0.75, finish_timeout=self.close_limit * 0.75,
                                   reinit='create_new', silent=True, x_transaction_log_flush_interval=5)
        if given is not None:
            own.update_from_dict(given if isinstance(given, dict) else given.model_dump(exclude_unset=True))
        return own

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The run; names that it has not are those of the module `wandb`, such as `Image` and `Table`."""
        return Experiment(self._run, self._wandb)

    @property
    def run(self) -> RunInfo:
        """What the platform calls the run."""
        if self._run is None:
            return super().run
        return RunInfo(id=self._run.id, name=self._run.name, url=self._run.url, dir=self._run.dir)

    def close(self, status: str = 'success') -> None:
        """Send what is left and end the run; a later record goes on with it."""
        if self._env_initialized:
            self._env_initialized = False
            self._run.finish(exit_code=_EXIT_CODES.get(status, 1))

    # Numbers and settings

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config, and the code if it has a name."""
        self._run.config.update(plain_config(config), allow_val_change=True)
        if self._log_code_name is not None:
            self._run.log_code(name=self._log_code_name)

    @force_init_env
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Change settings."""
        self._run.config.update(to_plain(values), allow_val_change=True)

    @force_init_env
    def add_graph(self, model: Any, data_batch: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        """Watch the model."""
        if model is not None:
            self._run.watch(model, **self._watch_kwargs)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number."""
        self._log({name: to_scalar(value)}, step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Record several numbers as one row."""
        self._log({name: to_scalar(value) for name, value in scalar_dict.items()}, step)

    @force_init_env
    def define_metric(self, name: str, *, step_metric: str | None = None, goal: str | None = None,
                      **kwargs: Any) -> None:
        """Let a series be drawn against another, and summed up by its best value."""
        self._run.define_metric(name, step_metric=step_metric or STEP, summary=goal, **kwargs)

    @force_init_env
    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Set results of the run."""
        self._run.summary.update({name: to_plain(value) for name, value in values.items()})

    @force_init_env
    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Add tags to those that the run has."""
        self._run.tags = (*(self._run.tags or ()), *(tag for tag in tags if tag not in (self._run.tags or ())))

    @force_init_env
    def alert(self, title: str, text: str = '', level: str = 'info', **kwargs: Any) -> None:
        """Send an alert."""
        names = {'info': 'INFO', 'warning': 'WARN', 'error': 'ERROR'}
        self._run.alert(title=title, text=text or title, level=names.get(level, 'INFO'), **kwargs)

    # Media

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image of uint8: height x width (x channels), RGB."""
        self._log({name: self._wandb.Image(to_image(image))}, step)

    @force_init_env
    def add_images(self, name: str, images: Iterable[Any], step: int = 0, **kwargs: Any) -> None:
        """Record several images as one gallery."""
        self._log({name: [media.image(self._wandb, image) for image in images]}, step)

    @force_init_env
    def add_picture(self, name: str, picture: Picture, step: int = 0, **kwargs: Any) -> None:
        """Record an image with boxes and masks as layers."""
        self._log({name: media.image(self._wandb, picture)}, step)

    @force_init_env
    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Record a distribution."""
        found = histogram_of(values, bins, counts, edges)
        self._log({name: self._wandb.Histogram(np_histogram=found)}, step)

    @force_init_env
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text as a page."""
        self._log({name: media.page(self._wandb, text, format)}, step)

    @force_init_env
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure: of matplotlib as an image, of plotly or another library as it is."""
        self._log({name: media.figure(self._wandb, figure)}, step)

    @force_init_env
    def add_curve(self, name: str, x: Sequence[float], y: Sequence[float], step: int = 0, *, x_name: str = 'x',
                  y_name: str = 'y', **kwargs: Any) -> None:
        """Record a curve as a line plot."""
        points = [[float(a), float(b)] for a, b in zip(x, y, strict=True)]
        table = self._wandb.Table(columns=[x_name, y_name], data=points)
        self._log({name: self._wandb.plot.line(table, x_name, y_name, title=name)}, step)

    # Tables and files

    @force_init_env
    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table; pictures of another table are taken from its upload, or offline from memory.

        Raises:
            KeyError: A `PictureRef` names a picture that no table of this run has.
        """
        table = self._wandb.Table(columns=list(columns))
        for index, row in enumerate(rows):
            table.add_data(*(self._cell(name, index, column, value)
                             for column, value in zip(columns, row, strict=True)))
        if artifact is not None:
            version = self._artifact(artifact.name, artifact.type, artifact.metadata)
            version.add(table, name.replace('/', '_'))
            self._versions[name] = self._run.log_artifact(version, aliases=list(artifact.aliases) or None)
        self._log({name: table}, step)

    def _cell(self, table: str, row: int, column: str, value: Any) -> Any:
        if isinstance(value, PictureRef):
            return self._referred(table, value)
        if isinstance(value, Picture) and value.same_as is not None:
            with contextlib.suppress(KeyError):  # a table of another run: the pixels are here as well
                return media.image(self._wandb, value, self._referred(table, value.same_as))
        cell = media.cell(self._wandb, value)
        if isinstance(cell, self._wandb.Image):
            self._pictures[table, row, column] = cell
        return cell

    def _referred(self, table: str, ref: PictureRef) -> Any:
        version = None if self._run.offline else self._versions.pop(ref.table, None)
        if version is not None:  # pictures that come out of an uploaded table are not uploaded again
            used = self._run.use_artifact(version.wait(self.limit_of('add_artifact')))
            self._pictures.update(media.pictures_of(self._wandb, ref.table, used.get(ref.table.replace('/', '_'))))
        try:
            return self._pictures[ref.table, ref.row, ref.column]
        except KeyError:
            raise KeyError(f'the table {table!r} refers to row {ref.row}, column {ref.column!r} of the table '
                           f'{ref.table!r}, which has no picture there') from None

    @force_init_env
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Keep a file or a folder as a new version of an artifact, or only where it lies."""
        version, place = self._artifact(name, type, metadata or {}), os.fspath(path)
        if reference:
            local = '://' not in place
            version.add_reference(f'file://{os.path.abspath(place)}' if local else place, checksum=local)
        elif os.path.isdir(place):
            version.add_dir(place)
        else:
            version.add_file(place)
        self._run.log_artifact(version, aliases=list(aliases) or None)

    def _artifact(self, name: str, type: str, metadata: Mapping[str, Any]) -> Any:
        return self._wandb.Artifact(media.artifact_name(name), type=type, metadata=to_plain(metadata))

    @force_init_env
    def use_artifact(self, name: str, alias: str = 'latest', **kwargs: Any) -> None:
        """Note that the run builds on an artifact; without a connection there is none to ask for."""
        if not self._run.offline:
            self._run.use_artifact(f'{media.artifact_name(name)}:{alias}')

    def _log(self, values: dict[str, Any], step: int) -> None:
        self._run.log({**values, STEP: step}, commit=self._commit)
