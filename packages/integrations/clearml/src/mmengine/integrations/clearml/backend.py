"""ClearML as a backend of the visualizer."""
from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from mmengine.integrations.clearml import media, tasks
from mmengine.visualization import VISBACKENDS, BaseVisBackend, RunInfo, force_init_env
from mmengine.visualization.backends.fallbacks import figure_as_html, figure_as_image, histogram_of, place_of
from mmengine.visualization.backends.files import as_picture
from mmengine.visualization.values import Artifact, PictureRef, plain_config, to_image, to_plain, to_scalar


@VISBACKENDS.register_module()
class ClearMLVisBackend(BaseVisBackend):
    """Record to ClearML, online or offline.

    =========  =========================================================================
    record     in ClearML
    =========  =========================================================================
    config     configuration object `config`
    scalars    scalars; `val/acc` is the line `acc` of the chart `val`
    image      debug sample, without loss; boxes and masks drawn in
    table      table, its pictures as debug samples
    histogram  histogram
    curve      line plot
    figure     plot (plotly), debug sample (matplotlib as an image, others as a page)
    text       debug sample
    artifact   artifact `NAME.vN` with metadata, in which the aliases are
    summary    single values; what is no number as a parameter of the section `summary`
    tags       tags
    alert      text, and a warning in the log
    =========  =========================================================================

    Args:
        save_dir: Folder of the records; its name is that of the task.
        init_kwargs: Arguments of `Task.init`.
        artifact_suffix: Files of the `work_dir` that end so are kept when the run ends.
    """

    capabilities = frozenset({'aliases', 'references'})

    def __init__(self, save_dir: str | None = None, init_kwargs: Mapping[str, Any] | None = None,
                 artifact_suffix: Sequence[str] | str = ('.py', '.pth')) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]  # the base class takes None, and does without files
        self._init_kwargs = dict(init_kwargs or {})
        self._artifact_suffix = (artifact_suffix,) if isinstance(artifact_suffix, str) else tuple(artifact_suffix)
        self._clearml: Any = None
        self._task: Any = None
        self._logger: Any = None
        self._is_mine = False
        self._work_dir: str | None = None
        self._versions: dict[str, int] = {}

    def _init_env(self) -> None:
        with tasks.handlers_kept():
            self._clearml = import_module('clearml')
            tasks.report_from_a_thread(self._clearml)
            if self.identity.mode == 'offline':
                self._clearml.Task.set_offline(True)
            self._begin()
        self._logger = self._task.get_logger()
        who = self.identity
        if self._is_mine and who.notes:
            self._task.set_comment(who.notes)
        for name in ('group', 'job_type', 'run_id'):
            if getattr(who, name):
                self._task.set_parameter(f'run/{name}', getattr(who, name))

    def _begin(self) -> None:
        """Begin a task; one that the user has begun is used.

        Raises:
            RuntimeError: The process has the task of another backend.
        """
        task = self._clearml.Task
        current = task.current_task()
        if current is not None and current.id in _begun_here:
            raise RuntimeError(f'ClearML has one task per process, and that is {current.name!r} of another backend: '
                               'close that first')
        self._is_mine = current is None
        if current is not None:
            self._task = current
            return
        name = Path(self._save_dir or os.getcwd()).absolute()
        arguments = {**tasks.arguments_of(self.identity, _task_name(name)), **self._init_kwargs}
        who = self.identity
        if who.run_id and who.resume != 'never' and not task.is_offline():
            arguments.setdefault('continue_last_task', who.run_id)
        self._task = task.init(**arguments)
        _begun_here.add(self._task.id)

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The task."""
        return self._task

    @property
    def run(self) -> RunInfo:
        """What the platform calls the run."""
        if self._task is None:
            return super().run
        offline = self._clearml.Task.is_offline()
        return RunInfo(id=self._task.id, name=self._task.name,
                       url=None if offline else self._task.get_output_log_web_page(),
                       dir=str(self._task.get_offline_mode_folder()) if offline else self._save_dir)

    def flush(self) -> None:
        """Send what is held back."""
        if self._env_initialized:
            self._task.flush(wait_for_uploads=False)

    def close(self, status: str = 'success') -> None:
        """Keep the files of the `work_dir` and end the task, unless the user has begun it; later ones are another."""
        if not self._env_initialized:
            return
        self._env_initialized = False
        try:
            if self._work_dir is not None:
                self._keep_files(Path(self._work_dir))
        finally:
            if self._is_mine:
                self._end(status)

    def _end(self, status: str) -> None:
        _begun_here.discard(self._task.id)
        if status == 'failed':
            self._task.mark_failed(status_reason='The run failed', force=True)
        elif status == 'aborted':
            self._task.mark_stopped(status_message='The run was aborted')
        self._task.close()

    def _keep_files(self, folder: Path) -> None:
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.is_file() and file.name.endswith(self._artifact_suffix):
                self._upload(file.name, str(file), {})

    # Numbers and settings

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config."""
        plain = plain_config(config)
        self._work_dir = plain.get('work_dir')
        self._task.set_configuration_object('config', config_text=json.dumps(plain, indent=2), config_type='json')

    @force_init_env
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Record settings as parameters of the section `update`."""
        for name, value in to_plain(values).items():
            self._task.set_parameter(f'update/{name}', value)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number; one that is not finite is left out, since the platform would show 0."""
        number = float(to_scalar(value))
        if not math.isfinite(number):
            self._degrade('number that is not finite', 'such numbers are left out')
            return
        self._logger.report_scalar(*media.title_and_series(name), value=number, iteration=int(step))

    @force_init_env
    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Set results of the run; what is no number is a parameter of the section `summary`."""
        for name, value in values.items():
            try:
                self._logger.report_single_value(name, float(to_scalar(value)))
            except TypeError:
                self._task.set_parameter(f'summary/{name}', str(to_plain(value)))

    @force_init_env
    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Add tags to those that the task has."""
        self._task.add_tags(list(tags))

    # Media

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image of uint8: height x width (x channels), RGB."""
        self._logger.report_image(*media.title_and_series(name), iteration=int(step), max_image_history=-1,
                                  local_path=str(media.png(to_image(image))), delete_after_upload=True)

    @force_init_env
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text."""
        self._logger.report_media(*media.title_and_series(name), iteration=int(step), max_history=-1,
                                  local_path=str(media.page(text, format)), delete_after_upload=True)

    @force_init_env
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure: of plotly as a plot, of matplotlib as an image, another as its page."""
        page = figure_as_html(figure)
        if media.is_plotly(figure):
            self._logger.report_plotly(*media.title_and_series(name), figure=figure, iteration=int(step))
        elif page is not None:
            self.add_text(name, page, step, format='html')
        else:
            self.add_image(name, figure_as_image(figure), step)

    @force_init_env
    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table, and the pictures in it as images named after their cells."""
        cells = [[self._cell(name, index, column, value, step) for column, value in zip(columns, row, strict=True)]
                 for index, row in enumerate(rows)]
        self._logger.report_table(*media.title_and_series(name), iteration=int(step),
                                  table_plot=[list(columns), *cells])
        if artifact is not None:
            facts = _facts(artifact.type, artifact.aliases, artifact.metadata, step)
            self._upload(self._next(artifact.name), {'columns': list(columns), 'rows': cells}, facts)

    def _cell(self, table: str, row: int, column: str, value: Any, step: int) -> Any:
        if isinstance(value, PictureRef):
            return f'{value.table}/{value.column}/{value.row}'
        picture = as_picture(value)
        if picture is None:
            plain = to_plain(value)
            return plain if isinstance(plain, (bool, int, float, str)) else str(plain)
        name = f'{table}/{column}/{row}'
        self.add_picture(name, picture, step)
        return name

    @force_init_env
    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Record a distribution, with a bar for each bin."""
        heights, borders = histogram_of(values, bins, counts, edges)
        labels = [f'{low:.4g} .. {high:.4g}' for low, high in itertools.pairwise(borders)]
        self._logger.report_histogram(*media.title_and_series(name), values=heights.tolist(), iteration=int(step),
                                      xlabels=labels)

    @force_init_env
    def add_curve(self, name: str, x: Sequence[float], y: Sequence[float], step: int = 0, *, x_name: str = 'x',
                  y_name: str = 'y', **kwargs: Any) -> None:
        """Record a curve as a line plot."""
        points = [[float(a), float(b)] for a, b in zip(x, y, strict=True)]
        self._logger.report_scatter2d(*media.title_and_series(name), scatter=points, iteration=int(step),
                                      xaxis=x_name, yaxis=y_name, mode='lines')

    # Files

    @force_init_env
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Keep a file, or a folder as an archive, as a new version; or only where it lies."""
        content: Any = {'reference': place_of(path)} if reference else os.fspath(path)
        self._upload(self._next(name), content, _facts(type, aliases, metadata, step))

    def _next(self, name: str) -> str:
        number = self._versions.get(name, 0)
        self._versions[name] = number + 1
        return f'{name}.v{number}'

    def _upload(self, name: str, content: Any, facts: Mapping[str, Any]) -> None:
        if not self._task.upload_artifact(name, content, metadata=dict(facts), wait_on_upload=True):
            raise OSError(f'ClearML did not take the artifact {name!r}')


#: Tasks that backends of this process have begun and not ended.
_begun_here: set[str] = set()


def _task_name(folder: Path) -> str:
    return folder.parent.name if folder.name == 'vis_data' else folder.name


def _facts(type: str, aliases: Sequence[str], metadata: Mapping[str, Any] | None, step: int) -> dict[str, str]:
    """Give what is known of a version, as the texts that the platform keeps."""
    plain = {'type': type, 'aliases': ', '.join(aliases), 'step': step, **to_plain(metadata or {})}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in plain.items()}
