"""Aim as a backend of the visualizer."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from mmengine.integrations.aim import media, runs
from mmengine.visualization import VISBACKENDS, BaseVisBackend, RunInfo, force_init_env
from mmengine.visualization.backends.fallbacks import histogram_of, place_of, size_of
from mmengine.visualization.values import Picture, plain_config, to_plain, to_scalar

#: Folder of files that are kept, in the folder of the records.
KEPT = 'aim_artifacts'


@VISBACKENDS.register_module()
class AimVisBackend(BaseVisBackend):
    """Record to a repository of Aim.

    =========  =================================================================
    record     in Aim
    =========  =================================================================
    config     parameters `hparams`, nested
    scalars    metrics
    image      image, without loss; boxes and masks drawn in
    table      text, its pictures as images
    histogram  distribution
    figure     image (matplotlib), figure (plotly), text (other pages)
    text       text
    artifact   artifacts `NAME/vN/FILE`; facts and aliases in `artifacts`
    summary    parameters `summary`
    tags       tags
    alert      message of the run's log, for which Aim can notify
    =========  =================================================================

    Args:
        save_dir: Folder of the records: names the experiment, and kept files go there.
        init_kwargs: Arguments of `aim.Run`. Without `repo` it is the one of the working directory.
    """

    capabilities = frozenset({'references', 'resume'})
    step_order = 'name'  # of two values of a name and step the platform keeps the later one only

    def __init__(self, save_dir: str | None = None, init_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]  # the base class takes None, and does without files
        self._init_kwargs = dict(init_kwargs or {})
        self._aim: Any = None
        self._aim_run: Any = None
        self._run_hash: str | None = None
        self._artifacts: dict[str, Any] = {}

    def _init_env(self) -> None:
        self._aim = import_module('aim')
        who = self.identity
        experiment, name = runs.names_of(self._save_dir)
        arguments = {'experiment': who.project or experiment, **self._init_kwargs}
        describes = arguments.pop('log_system_params', False)
        if self._run_hash is not None:  # records after a close belong to the same run
            runs.is_there(self._aim_run.repo, self._run_hash)
        known = self._run_hash or runs.find(self._aim, arguments.get('repo'), who)
        if known is not None:
            arguments['run_hash'] = known
        self._aim_run = self._aim.Run(**arguments)
        if self._run_hash is None:
            self._run_hash = str(self._aim_run.hash)
            runs.remember(self._aim_run, who.run_id)
            self._describe(who.name or name)
        if describes:  # the client itself would keep the environment with the keys in it
            self._aim_run['__system_params'] = runs.system_params()

    def _describe(self, name: str | None) -> None:
        who = self.identity
        if name:
            self._aim_run.name = name
        if who.notes:
            self._aim_run.description = who.notes
        for key in ('group', 'job_type'):
            if getattr(who, key):
                self._aim_run[key] = getattr(who, key)
        self._artifacts = dict(self._aim_run.get('artifacts', None) or {})
        if self._aim_run.artifacts_uri is None:
            place = Path(self._save_dir or self._aim_run.repo.path, KEPT)
            self._aim_run.set_artifacts_uri(place.absolute().as_uri())
        self._tag(who.tags)

    def _tag(self, tags: Sequence[str]) -> None:
        present = set(self._aim_run.tags)
        for tag in dict.fromkeys(tags):
            if tag not in present:
                self._aim_run.add_tag(tag)

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The `aim.Run`."""
        return self._aim_run

    @property
    def run(self) -> RunInfo:
        """What the platform calls the run."""
        if self._run_hash is None:
            return super().run
        return RunInfo(id=self._run_hash, name=self.identity.name, dir=self._save_dir)

    def close(self, status: str = 'success') -> None:
        """End the run; a later record goes on with it."""
        if not self._env_initialized:
            return
        self._env_initialized = False
        self._aim_run['status'] = status
        self._aim_run.close()

    # Numbers and settings

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config."""
        self._aim_run['hparams'] = plain_config(config)

    @force_init_env
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Change settings."""
        self._merge('hparams', values)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number; `context` and `epoch` are those of Aim."""
        own = {key: kwargs[key] for key in ('context', 'epoch') if key in kwargs}
        self._aim_run.track(to_scalar(value), name=name, step=int(step), **own)

    @force_init_env
    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Set results of the run, which are parameters to search by."""
        self._merge('summary', values)

    @force_init_env
    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Add tags to those that the run has."""
        self._tag(tags)

    @force_init_env
    def alert(self, title: str, text: str = '', level: str = 'info', **kwargs: Any) -> None:
        """Write to the log of the run, whose messages Aim can send as notifications."""
        write = {'warning': self._aim_run.log_warning, 'error': self._aim_run.log_error}
        write.get(level, self._aim_run.log_info)(f'{title}: {text}' if text else title)

    def _merge(self, key: str, values: Mapping[str, Any]) -> None:
        self._aim_run[key] = {**(self._aim_run.get(key, None) or {}), **to_plain(values)}

    # Media

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image of uint8: height x width (x channels), RGB."""
        self._track(name, media.image(self._aim, image), step)

    @force_init_env
    def add_images(self, name: str, images: Iterable[Any], step: int = 0, **kwargs: Any) -> None:
        """Record several images as one gallery."""
        self._track(name, [media.image(self._aim, image) for image in images], step)

    @force_init_env
    def add_picture(self, name: str, picture: Picture, step: int = 0, **kwargs: Any) -> None:
        """Record an image with its caption, boxes and masks drawn in."""
        if picture.boxes or picture.masks:
            self._degrade('picture', 'boxes and masks are drawn into the images')
        self._track(name, media.image(self._aim, picture), step)

    @force_init_env
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text, which Aim shows as it is written."""
        self._track(name, self._aim.Text(text), step)

    @force_init_env
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure: of plotly as it is, of matplotlib as an image, the page of any other as text."""
        self._track(name, media.figure(self._aim, figure), step)

    @force_init_env
    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Record a distribution."""
        found = histogram_of(values, bins, counts, edges)
        self._track(name, media.distribution(self._aim, *found), step)

    def _track(self, name: str, value: Any, step: int) -> None:
        self._aim_run.track(value, name=name, step=int(step))

    # Files

    @force_init_env
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Keep a file or a folder as a new version, or only where it lies."""
        versions = dict(self._artifacts.get(name, {}))
        version = f'v{len(versions)}'
        kept = place_of(path) if reference else f'{name}/{version}'
        if not reference:
            self._keep(Path(path), kept)
        versions[version] = {'type': type, 'path': kept, 'size': size_of(path), 'step': step,
                             'aliases': list(aliases), 'metadata': to_plain(metadata or {})}
        self._artifacts[name] = versions
        self._aim_run['artifacts'] = self._artifacts

    def _keep(self, path: Path, name: str) -> None:
        if path.is_dir():
            self._aim_run.log_artifacts(str(path), name, block=True)
        else:
            self._aim_run.log_artifact(str(path), f'{name}/{path.name}', block=True)
