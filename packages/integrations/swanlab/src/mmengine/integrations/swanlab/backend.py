"""SwanLab as a backend of the visualizer."""
from __future__ import annotations

import itertools
import json
import os
import shutil
import weakref
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from mmengine.integrations.swanlab import media
from mmengine.visualization import VISBACKENDS, BaseVisBackend, RunInfo, force_init_env
from mmengine.visualization.backends.fallbacks import histogram_of, place_of, size_of
from mmengine.visualization.backends.files import as_picture, record_path
from mmengine.visualization.values import Artifact, Picture, plain_config, to_plain, to_scalar

#: Folders of the records and of kept files, below `save_dir`.
RECORDS, KEPT = 'swanlog', 'swanlab_files'
STATES = {'success': 'success', 'failed': 'crashed', 'aborted': 'aborted'}
_begun_here: weakref.WeakSet[Any] = weakref.WeakSet()


@VISBACKENDS.register_module()
class SwanlabVisBackend(BaseVisBackend):
    """Record to SwanLab, online, offline or to its local page.

    =========  ==================================================================
    record     in SwanLab
    =========  ==================================================================
    config     config, nested
    scalars    scalars
    image      image; boxes and masks drawn in
    table      table, its pictures as images
    histogram  bar chart
    curve      line chart
    figure     image (matplotlib), page (others)
    text       text, or page
    artifact   saved file, and a text `artifacts/NAME` with its facts and aliases
    summary    scalars below `summary/`
    tags       tags if they are known at the start, later text
    alert      text, and a warning in the log
    =========  ==================================================================

    Args:
        save_dir: Folder of the records.
        init_kwargs: Arguments of `swanlab.init`; `settings` may be a dictionary.
    """

    capabilities = frozenset({'resume', 'references'})
    step_order = 'name'  # the platform drops what comes late without a word

    def __init__(self, save_dir: str | None = None, init_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]  # the base class takes None, and does without files
        self._init_kwargs = dict(init_kwargs or {})
        self._swanlab: Any = None
        self._run: Any = None
        self._run_id: str | None = None
        self._steps: dict[str, int] = {}

    def _init_env(self) -> None:
        arguments = {**self._named(), **self._init_kwargs}
        if self._save_dir is not None:
            arguments.setdefault('log_dir', os.path.join(self._save_dir, RECORDS))
        if 'log_dir' in arguments:
            os.makedirs(arguments['log_dir'], exist_ok=True)
        if self._run_id is not None:  # records after a close belong to the same run
            arguments.update(id=self._run_id, resume='allow')
        self._swanlab = import_module('swanlab')
        settings = arguments.pop('settings', None) or {}
        if isinstance(settings, Mapping):  # nobody answers a question that is asked from this thread
            settings = self._swanlab.Settings(**{'interactive': False, **settings})
        self._run = self._begin({**arguments, 'settings': settings})
        self._run_id = self._run.id
        self._steps.clear()

    def _begin(self, arguments: dict[str, Any]) -> Any:
        """Begin a run beside those of other backends; one that the user has begun is used."""
        sdk = import_module('swanlab.sdk')
        if sdk.has_run():
            if sdk.get_run() not in _begun_here:
                return sdk.get_run()
            sdk.clear_run()  # the platform knows one at a time, by which it does not mean that they cannot be
        run = self._swanlab.init(**arguments)
        _begun_here.add(run)
        return run

    def _named(self) -> dict[str, Any]:
        who = self.identity
        known = who.run_id if who.resume != 'never' else None  # which the platform refuses to name
        names = {'id': known, 'resume': who.resume if known else None, 'name': who.name, 'project': who.project,
                 'group': who.group, 'job_type': who.job_type, 'tags': list(who.tags) or None,
                 'description': who.notes, 'mode': who.mode}
        return {name: value for name, value in names.items() if value is not None}

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The module `swanlab`."""
        return self._swanlab

    @property
    def run(self) -> RunInfo:
        """What the platform calls the run."""
        if self._run is None:
            return super().run
        url = self._run.url if self._run.mode == 'online' else None
        return RunInfo(id=self._run.id, name=self._run.name, url=url, dir=str(self._run.dir))

    def close(self, status: str = 'success') -> None:
        """End the run, unless the user has begun it; a later record goes on with it."""
        if not self._env_initialized:
            return
        self._env_initialized = False
        if self._run.alive and self._run in _begun_here:
            state = STATES.get(status, 'crashed')
            self._run.finish(state=state, error=None if state == 'success' else f'The run ended as {status!r}')

    # Numbers and settings

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config."""
        self.update_config(plain_config(config))

    @force_init_env
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Change settings."""
        self._run.config.update(_without_none(to_plain(values)))

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number."""
        self._log(name, to_scalar(value), step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Record several numbers of one step."""
        values = {name: to_scalar(value) for name, value in scalar_dict.items()}
        if all(self._steps.get(name, -1) < step for name in values):
            self._steps.update(dict.fromkeys(values, step))
            self._run.log(values, step=step)
        else:
            for name, value in values.items():
                self._log(name, value, step)

    @force_init_env
    def define_metric(self, name: str, *, step_metric: str | None = None, goal: str | None = None,
                      **kwargs: Any) -> None:
        """Let a series be drawn against another."""
        if step_metric is not None:
            self._run.define_metric(name, x_axis=step_metric, **kwargs)

    def _log(self, name: str, value: Any, step: int) -> None:
        """Record something, behind the last of its name: what becomes text by default has no step of its own."""
        step = max(step, self._steps.get(name, -1) + 1)
        self._steps[name] = step
        self._run.log({name: value}, step=step)

    # Media

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image of uint8: height x width (x channels), RGB."""
        self._log(name, media.image(self._swanlab, image), step)

    @force_init_env
    def add_images(self, name: str, images: Iterable[Any], step: int = 0, **kwargs: Any) -> None:
        """Record several images as one gallery."""
        self._log(name, [media.image(self._swanlab, image) for image in images], step)

    @force_init_env
    def add_picture(self, name: str, picture: Picture, step: int = 0, **kwargs: Any) -> None:
        """Record an image with its caption, boxes and masks drawn in."""
        if picture.boxes or picture.masks:
            self._degrade('picture', 'boxes and masks are drawn into the images')
        self._log(name, media.image(self._swanlab, picture), step)

    @force_init_env
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text, or a page of HTML."""
        self._log(name, media.text(self._swanlab, text, format), step)

    @force_init_env
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure: of matplotlib as an image, an interactive one as its page."""
        self._log(name, media.figure(self._swanlab, figure), step)

    @force_init_env
    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table, and the pictures in it as images named after their cells."""
        rows = list(rows)
        for index, row in enumerate(rows):
            for column, value in zip(columns, row, strict=True):
                picture = as_picture(value)
                if picture is not None:
                    self._log(f'{name}/{column}/{index}', media.image(self._swanlab, picture), step)
        self._log(name, media.table(self._swanlab, name, columns, rows), step)
        if artifact is not None:
            self._note(artifact.name, {'type': artifact.type, 'path': name, 'aliases': list(artifact.aliases),
                                       'metadata': to_plain(artifact.metadata)}, step)

    @force_init_env
    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Record a distribution as a bar chart."""
        found = histogram_of(values, bins, counts, edges)
        self._log(name, media.histogram(self._swanlab, name, *found), step)

    @force_init_env
    def add_curve(self, name: str, x: Sequence[float], y: Sequence[float], step: int = 0, *, x_name: str = 'x',
                  y_name: str = 'y', **kwargs: Any) -> None:
        """Record a curve as a line chart."""
        self._log(name, media.curve(self._swanlab, x, y, y_name), step)

    # Files

    @force_init_env
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Save a file or a folder as a new version, and record its facts; or record only where it lies."""
        kept = place_of(path) if reference else self._save(name, path, link=type == 'model')
        self._note(name, {'type': type, 'path': kept, 'size': size_of(path), 'aliases': list(aliases),
                          'metadata': to_plain(metadata or {})}, step)

    def _note(self, name: str, facts: Mapping[str, Any], step: int) -> None:
        self._log(f'artifacts/{name}', media.text(self._swanlab, json.dumps(facts), 'plain'), step)

    def _save(self, name: str, path: str | os.PathLike[str], link: bool) -> str:
        """Keep a copy for the client, which only notes where a file lies; of a checkpoint, which is never changed, a
        link."""
        base = Path(self._save_dir or self._run.dir, KEPT).absolute()
        folder = record_path(base, name, '')
        target = next(place for number in itertools.count() if not (place := folder / f'v{number}').exists())
        target.mkdir(parents=True)
        source = Path(path)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif not (link and _link(source, target / source.name)):
            shutil.copy2(source, target / source.name)
        for file in sorted(place for place in target.rglob('*') if place.is_file()):
            self._run.save(_escaped(file), base_path=str(base), policy='now')
        return target.relative_to(base).as_posix()


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without links
        return False
    return True


def _escaped(path: Path) -> str:
    """Let nothing in the name of a file be taken for a pattern."""
    return ''.join(f'[{letter}]' if letter in '*?[' else letter for letter in str(path))


def _without_none(value: Any) -> Any:
    """Say None by its name: the platform would make an empty dictionary of it."""
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return 'None' if value is None else value
