"""The backend of neptune.ai."""
from __future__ import annotations

import math
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from PIL import Image as PILImage

from mmengine.integrations.neptune.client import end_run, init_run, recording, wants_server
from mmengine.integrations.neptune.tables import table_as_csv
from mmengine.visualization import VISBACKENDS, BaseVisBackend, RunInfo, force_init_env
from mmengine.visualization.backends.fallbacks import figure_as_html, figure_as_image, place_of
from mmengine.visualization.values import Artifact, plain_config, to_image, to_plain, to_scalar

#: The longest text of a series; the client cuts what is longer.
SERIES_TEXT = 1000
_SUFFIXES = {'plain': 'txt', 'markdown': 'md', 'html': 'html'}


@VISBACKENDS.register_module()
class NeptuneVisBackend(BaseVisBackend):
    """Record with the client of neptune.ai, offline unless asked otherwise: the hosted service has ended.

    =========  =====================================================================
    record     in Neptune
    =========  =====================================================================
    config     fields below `config/`, nested
    scalar     series of floats of the same name
    image      series of images of the same name, boxes and masks drawn in
    table      CSV file `NAME/STEP`, its pictures as series of images
    figure     image; a page of an interactive figure is a file
    text       series of strings; what is long or formatted is a file `NAME/STEP`
    artifact   files, type, aliases and metadata below `artifacts/NAME/VERSION`
    summary    fields below `summary/`
    tags       tags
    =========  =====================================================================

    Args:
        save_dir: Folder of the offline records, in `.neptune/`; by default the working directory.
        init_kwargs: Arguments of `neptune.init_run`.
    """

    capabilities = frozenset({'aliases', 'references', 'resume'})
    keeps_paths = True  # files are uploaded later, when the records are brought to a server
    step_order = 'name'

    def __init__(self, save_dir: str | None = None, init_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__(save_dir)  # type: ignore[arg-type]  # without one the client takes the working directory
        self._init_kwargs = dict(init_kwargs or {})
        self._neptune: Any = None
        self._client: Any = None
        self._run_id: str | None = None

    def _init_env(self) -> None:
        if self._save_dir is not None:
            os.makedirs(self._save_dir, exist_ok=True)
        self._client = import_module('neptune')
        self._run_id = self._run_id or self.identity.run_id or uuid.uuid4().hex
        self._neptune = init_run(self._client, self._save_dir, {**self._named(), **self._init_kwargs})

    def _named(self) -> dict[str, Any]:
        who = self.identity
        names = {'custom_run_id': self._run_id, 'name': who.name, 'project': who.project, 'description': who.notes,
                 'tags': [*who.tags, *filter(None, (who.group, who.job_type))] or None,
                 'mode': {'online': 'async', 'disabled': 'debug'}.get(str(who.mode), who.mode)}
        return {name: value for name, value in names.items() if value is not None}

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The client's run."""
        return self._neptune

    @property
    def run(self) -> RunInfo:
        """What the run is called; an address it has at a server only."""
        if self._neptune is None:
            return super().run
        url = self._neptune.get_url() if wants_server(self._init_kwargs, self.identity) else None
        return RunInfo(id=self._run_id, name=self.identity.name, url=url, dir=self._save_dir)

    @recording
    def flush(self) -> None:
        """Write what the client holds back."""
        if self._env_initialized:
            self._neptune.wait(disk_only=True)

    def close(self, status: str = 'success') -> None:
        """End the run; a later record begins another piece of it, which has the same identifier."""
        if self._env_initialized:
            self._env_initialized = False
            self._neptune['sys/failed'] = status != 'success'
            end_run(self._neptune, self.close_limit * 0.75)

    # Numbers and settings

    @force_init_env
    @recording
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config as fields."""
        self.update_config(plain_config(config))

    @force_init_env
    @recording
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Set fields of the config."""
        stringify = import_module('neptune.utils').stringify_unsupported
        self._neptune['config'].assign(stringify(to_plain(values)))

    @force_init_env
    @recording
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number."""
        number = to_scalar(value)
        if math.isfinite(number):
            self._neptune[name].append(number, step=step)
        else:
            self._degrade('place for NaN and infinity', 'such numbers are left out')

    @force_init_env
    @recording
    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Set results of the run."""
        for name, value in values.items():
            self._neptune[f'summary/{name}'] = _field(value)

    @force_init_env
    @recording
    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Add tags."""
        self._neptune['sys/tags'].add(list(tags))

    # Media

    @force_init_env
    @recording
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image of uint8: height x width (x channels), RGB."""
        picture = PILImage.fromarray(to_image(image))  # of an array the client would guess the range
        self._neptune[name].append(self._client.types.File.as_image(picture), step=step)

    @force_init_env
    @recording
    def add_images(self, name: str, images: Iterable[Any], step: int = 0, **kwargs: Any) -> None:
        """Record several images, each in a series with its number."""
        for index, image in enumerate(images):
            super().add_images(f'{name}_{index}', [image], step, **kwargs)

    @force_init_env
    @recording
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text as a value of a series, or as a file if it is long or has a format."""
        if format == 'plain' and len(text) <= SERIES_TEXT:
            self._neptune[name].append(text, step=step)
        else:
            self._keep(f'{name}/{step}', text, _SUFFIXES[format])

    @force_init_env
    @recording
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure: of matplotlib as an image, of any other as a page."""
        page = figure_as_html(figure)
        if page is None:
            self.add_image(name, figure_as_image(figure), step)
        else:
            self._keep(f'{name}/{step}', page, 'html')

    @force_init_env
    @recording
    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table as a CSV file, which Neptune shows as a table."""
        text, pictures = table_as_csv(name, columns, rows)
        for series, picture in pictures.items():
            self.add_picture(series, picture, step)
        self._keep(f'{name}/{step}', text, 'csv')
        if artifact is not None:
            place = self._version(artifact.name, artifact.type, artifact.aliases, artifact.metadata, step)
            self._keep(f'{place}/file', text, 'csv')

    def _keep(self, place: str, text: str, extension: str) -> None:
        self._neptune[place].upload(self._client.types.File.from_content(text, extension=extension))

    # Files

    @force_init_env
    @recording
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Keep a file or a folder with its facts; offline the client notes where they lie, and reads them later."""
        place = self._version(name, type, aliases, metadata or {}, step)
        self._neptune[f'{place}/path'] = place_of(path)
        if reference:
            return
        if os.path.isdir(path):
            self._neptune[f'{place}/files'].upload_files(os.path.join(os.path.abspath(path), '**', '*'))
        else:
            self._neptune[f'{place}/file'].upload(os.path.abspath(path))

    def _version(self, name: str, type: str, aliases: Sequence[str], metadata: Mapping[str, Any], step: int) -> str:
        version = next((alias for alias in aliases if alias != 'latest'), f'step_{step}')
        place = f'artifacts/{name}/{version}'
        self._neptune[f'{place}/type'] = type
        self._neptune[f'{place}/aliases'] = ', '.join(aliases)
        for key, value in metadata.items():
            self._neptune[f'{place}/metadata/{key}'] = _field(value)
        return place


def _field(value: Any) -> Any:
    """Make a value of a field, for which there are no lists and no None."""
    plain = to_plain(value)
    return plain if isinstance(plain, (bool, int, float, str)) else str(plain)
