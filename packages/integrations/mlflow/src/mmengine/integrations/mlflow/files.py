"""What the platform keeps as files of a run: texts, figures, tables, and files of the user."""
from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image as PILImage

from mmengine.integrations.mlflow.names import file_name
from mmengine.integrations.mlflow.store import DATABASE, FILES, MAX_TAG
from mmengine.visualization.backends.fallbacks import figure_as_html, place_of, size_of
from mmengine.visualization.backends.files import TEXT_SUFFIXES, as_picture
from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import PictureRef, to_plain, to_rgb

#: Tag by which the platform finds its tables.
TABLES = 'mlflow.loggedArtifacts'


class Files:
    """The files of one run.

    Args:
        client: The `MlflowClient`.
        run_id: The run.
    """

    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self._texts: dict[str, str] = {}
        self._tables: list[dict[str, str]] | None = None

    def add_text(self, name: str, text: str, step: int, format: str) -> None:
        """Keep a text; another one of the same name and step goes on below it."""
        path = file_name(f'texts/{name}_{step}', TEXT_SUFFIXES[format])
        if format != 'html' and path in self._texts:
            text = f'{self._texts[path]}\n\n{text}'
        self._texts[path] = text
        self._client.log_text(self._run_id, text, path)

    def add_figure(self, name: str, figure: Any, step: int) -> None:
        """Keep a figure: of matplotlib as an image, another as its page."""
        page = figure_as_html(figure)
        if page is not None:
            self._client.log_text(self._run_id, page, file_name(f'figures/{name}_{step}', '.html'))
        else:
            self._client.log_figure(self._run_id, figure, file_name(f'figures/{name}_{step}', '.png'))

    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int) -> str:
        """Keep a table in the form in which the platform shows and compares tables, and give its path.

        The client's own `log_table` writes the same, but needs pandas.
        """
        path = file_name(f'tables/{name}_{step}', '.json')
        cells = [[self._cell(path, index, column, value) for column, value in zip(columns, row, strict=True)]
                 for index, row in enumerate(rows)]
        self._client.log_text(self._run_id, json.dumps({'columns': list(columns), 'data': cells}), path)
        if self._tables is None:
            self._tables = json.loads(self._client.get_run(self._run_id).data.tags.get(TABLES, '[]'))
        entry = {'path': path, 'type': 'table'}
        longer = json.dumps([*self._tables, entry])
        if entry not in self._tables and len(longer) <= MAX_TAG:
            self._tables.append(entry)
            self._client.set_tag(self._run_id, TABLES, longer)
        return path

    def _cell(self, table: str, row: int, column: str, value: Any) -> Any:
        if isinstance(value, PictureRef):
            return f'{value.table}/{value.column}/{value.row}'
        picture = as_picture(value)
        if picture is None:
            plain = to_plain(value)
            return plain if plain == plain else None  # a table with NaN in it is no JSON, and is not shown
        path = f'table_images/{table.removesuffix(".json")}/{row}_{file_name(column.replace("/", "_"), ".png")}'
        self._client.log_image(self._run_id, PILImage.fromarray(to_rgb(annotate(picture))), path)
        return {'type': 'image', 'filepath': path, 'compressed_filepath': path}

    def add_artifact(self, name: str, path: str | os.PathLike[str], facts: Mapping[str, Any], reference: bool) -> None:
        """Keep a file or folder as a new version, with its facts beside it and in a tag; or only the facts."""
        name = file_name(name, '')
        folder = f'artifacts/{name}'
        number = sum(found.is_dir for found in self._client.list_artifacts(self._run_id, folder))
        version = f'v{number}'
        if not reference and os.path.isdir(path):
            self._client.log_artifacts(self._run_id, os.fspath(path), f'{folder}/{version}')
        elif not reference:
            self._client.log_artifact(self._run_id, os.fspath(path), f'{folder}/{version}')
        kept = place_of(path) if reference else f'{folder}/{version}'
        known = {**facts, 'path': kept, 'size': size_of(path)}
        self._client.log_dict(self._run_id, known, f'{folder}/{"reference" if reference else version}.json')
        self.note(name, kept, known)

    def note(self, name: str, kept: str, facts: Mapping[str, Any]) -> None:
        """Say in tags what an artifact is, and what its aliases stand for."""
        text = json.dumps({**facts, 'path': kept})
        self._client.set_tag(self._run_id, f'artifact.{name}', text if len(text) <= MAX_TAG else kept)
        for alias in facts['aliases']:
            self._client.set_tag(self._run_id, f'alias.{name}.{file_name(alias, "")}', kept)

    def upload(self, folder: str, suffixes: Sequence[str]) -> None:
        """Keep the files of a folder that end in one of the suffixes, but for those of stores of this kind."""
        for place, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in (FILES, 'mlruns') and not name.startswith('.')]
            target = Path('work_dir', Path(place).relative_to(folder)).as_posix()
            for name in names:
                if name.endswith(tuple(suffixes)) and not name.startswith(DATABASE):
                    self._client.log_artifact(self._run_id, os.path.join(place, name), target)
