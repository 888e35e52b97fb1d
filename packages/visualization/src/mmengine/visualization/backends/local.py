"""The backend that writes plain files below one folder: always there, and complete even if every tracker fails."""
from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.fileio.atomic import atomic_write
from mmengine.registry import VISBACKENDS
from mmengine.visualization.backends import fallbacks, files
from mmengine.visualization.backends.base import BaseVisBackend, force_init_env
from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import Artifact, Picture, is_tensor, to_array, to_plain, to_scalar

#: What needs no second look before it is written.
NUMBERS = frozenset({bool, float, int})


@VISBACKENDS.register_module()
class LocalVisBackend(BaseVisBackend):
    """Write every record to files::

        save_dir/
            config.py                       the config
            scalars.json                    a line per call, such as {"map": 0.9, "step": 0}
            vis_image/NAME_STEP.png         images, boxes and masks drawn in
            tables/NAME_STEP.csv            tables, their pictures in tables/NAME_STEP/
            figures/NAME_STEP.png (.html)   figures
            texts/NAME_STEP.txt (.md .html) texts
            histograms.json                 a line each: name, step, edges, counts
            artifacts/NAME/v0/              versions of files; artifacts.json: a line each
            summary.json                    results of the whole run
            alerts.json                     a line each
            run.json                        identity and tags of the run, and how it ended

    A `/` in a name makes folders. Nothing is made before it is needed.

    Args:
        save_dir: The folder.
        img_save_dir: Folder of images, below `save_dir`.
        config_save_file: Name of the config, ending in `.py`.
        scalar_save_file: Name of the file of scalars, ending in `.json`.
    """

    capabilities = frozenset({'aliases', 'references', 'resume'})
    queued = False
    steps_as_given = True  # the files are those of upstream, which other programs read

    def __init__(self, save_dir: str, img_save_dir: str = 'vis_image', config_save_file: str = 'config.py',
                 scalar_save_file: str = 'scalars.json') -> None:
        for argument, name, suffix in (('config_save_file', config_save_file, '.py'),
                                       ('scalar_save_file', scalar_save_file, '.json')):
            if not name.endswith(suffix):
                raise AssertionError(f'{argument} should end in {suffix!r}, but got {name!r}')
        super().__init__(save_dir)
        self._img_save_dir = img_save_dir
        self._config_save_file = config_save_file
        self._scalar_save_file = scalar_save_file
        self._lines: files.LineFile | None = None  # of the file of scalars
        self._further_lines: dict[str, files.LineFile] = {}  # by path as it was given

    def _init_env(self) -> None:
        os.makedirs(self._folder, exist_ok=True)
        self._img_save_dir = os.path.join(self._folder, self._img_save_dir)
        self._config_save_file = os.path.join(self._folder, self._config_save_file)
        self._scalar_save_file = os.path.join(self._folder, self._scalar_save_file)

    @property
    def _folder(self) -> str:
        if self._save_dir is None:
            raise ValueError('LocalVisBackend needs a folder to write to: set `save_dir` of it or of the visualizer')
        return self._save_dir

    @property
    @force_init_env
    def experiment(self) -> LocalVisBackend:
        """The backend itself."""
        return self

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Write the config, as its method `dump` does or else as lines of `key = value`."""
        if hasattr(type(config), 'dump'):
            config.dump(self._config_save_file)
            return
        if not isinstance(config, Mapping):
            raise AssertionError(f'config should be a Config or a mapping, but got {type(config).__name__}')
        with atomic_write(self._config_save_file, 'w', encoding='utf-8') as file:
            file.writelines(f'{key} = {to_plain(value)!r}\n' for key, value in config.items())

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Write an image of uint8, in RGB order, as PNG."""
        if is_tensor(image):
            image = to_array(image)
        if str(getattr(image, 'dtype', None)) != 'uint8':
            raise AssertionError('The dtype of an image to write should be uint8, but got '
                                 f'{getattr(image, "dtype", type(image).__name__)}')
        files.write_png(files.record_path(self._img_save_dir, f'{name}_{step}', '.png'), image)

    def add_picture(self, name: str, picture: Picture, step: int = 0, **kwargs: Any) -> None:
        """Write an image with its boxes and masks drawn in."""
        self.add_image(name, annotate(picture), step)

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Append one number to the file of scalars."""
        number = value if type(value) in NUMBERS else _as_number(value)
        (self._lines or self._scalars()).append(files.as_line({name: number, 'step': step}))

    @force_init_env
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Append the numbers as one line to the file of scalars, and to `file_path` below `save_dir` if given."""
        if not isinstance(scalar_dict, dict):
            raise AssertionError(f'scalar_dict should be a dict, but got {type(scalar_dict).__name__}')
        record = {name: value if type(value) in NUMBERS else _as_number(value) for name, value in scalar_dict.items()}
        record.setdefault('step', step)
        line = files.as_line(record)
        if file_path is not None:
            (self._further_lines.get(file_path) or self._further_file(file_path)).append(line)
        (self._lines or self._scalars()).append(line)

    def _scalars(self) -> files.LineFile:
        self._lines = self._lines or files.LineFile(self._scalar_save_file)
        return self._lines

    def _further_file(self, file_path: str) -> files.LineFile:
        if not file_path.endswith('.json'):
            raise AssertionError(f"file_path should end in '.json', but got {file_path!r}")
        path = os.path.join(self._folder, file_path)
        if os.path.abspath(path) == os.path.abspath(self._scalar_save_file):
            raise AssertionError('`file_path` and `scalar_save_file` should be two files, '
                                 f'but both are {self._scalar_save_file!r}')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return self._further_lines.setdefault(file_path, files.LineFile(path))

    @force_init_env
    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Write a table as CSV."""
        path = files.write_table(os.path.join(self._folder, 'tables'), name, columns, rows, step)
        if artifact is not None:
            self.add_artifact(artifact.name, path, type=artifact.type, aliases=artifact.aliases,
                              metadata=artifact.metadata, step=step, reference=True)

    def add_curve(self, name: str, x: Sequence[float], y: Sequence[float], step: int = 0, *, x_name: str = 'x',
                  y_name: str = 'y', **kwargs: Any) -> None:
        """Write the points of a curve as CSV."""
        self.add_table(name, [x_name, y_name], list(zip(x, y, strict=True)), step)

    @force_init_env
    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Append counts and edges as a line."""
        heights, borders = fallbacks.histogram_of(values, bins, counts, edges)
        files.append_line(os.path.join(self._folder, 'histograms.json'),
                          {'name': name, 'step': step, 'edges': borders.tolist(), 'counts': heights.tolist()})

    @force_init_env
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Write a text to a file of its own."""
        files.write_text(os.path.join(self._folder, 'texts'), name, text, step, format)

    @force_init_env
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Write a figure as PNG, or as HTML if it is interactive."""
        folder = os.path.join(self._folder, 'figures')
        page = fallbacks.figure_as_html(figure)
        if page is None:
            figure.savefig(files.record_path(folder, f'{name}_{step}', '.png'), format='png')
        else:
            files.write_text(folder, name, page, step, 'html')

    @force_init_env
    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Keep a copy as the next version, and note it in `artifacts.json`.

        A file of type 'model' is linked instead of copied where the file system can do that, since checkpoints are
        replaced and never changed in place.
        """
        kept = fallbacks.place_of(path) if reference else str(self._keep(name, path, link=type == 'model'))
        files.append_line(os.path.join(self._folder, 'artifacts.json'),
                          {'name': name, 'type': type, 'aliases': list(aliases), 'metadata': to_plain(metadata or {}),
                           'step': step, 'path': kept, 'size': fallbacks.size_of(path)})

    def _keep(self, name: str, path: str | os.PathLike[str], link: bool) -> Path:
        folder = files.record_path(os.path.join(self._folder, 'artifacts'), name, '')
        folder.mkdir(exist_ok=True)
        versions = [int(entry.name[1:]) for entry in folder.glob('v*') if entry.name[1:].isdigit()]
        target = folder / f'v{max(versions, default=-1) + 1}' / os.path.basename(os.path.abspath(path))
        target.parent.mkdir()
        if os.path.isdir(path):
            shutil.copytree(path, target)
        elif not (link and _link(path, target)):
            shutil.copy2(path, target)
        return target.relative_to(self._folder)

    @force_init_env
    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Merge the values into `summary.json`."""
        self._merge('summary.json', values)

    @force_init_env
    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Merge the values into `config_update.json`."""
        self._merge('config_update.json', values)

    @force_init_env
    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Note the tags in `run.json`."""
        known = self._read('run.json').get('tags', [])
        self._merge('run.json', {'tags': [*known, *(tag for tag in tags if tag not in known)]})

    @force_init_env
    def alert(self, title: str, text: str = '', level: str = 'info', **kwargs: Any) -> None:
        """Append the alert as a line."""
        files.append_line(os.path.join(self._folder, 'alerts.json'),
                          {'title': title, 'text': text, 'level': level, 'time': time.time()})

    def close(self, status: str = 'success') -> None:
        """Note in `run.json` how the run ended."""
        if not self._env_initialized:
            return
        for file in (self._scalars(), *self._further_lines.values()):
            file.close()
        known = {key: value for key, value in vars(self.identity).items() if value and key != 'resume'}
        self._merge('run.json', {**known, 'status': status})

    def _read(self, file: str) -> dict[str, Any]:
        path = Path(self._folder, file)
        return json.loads(path.read_text(encoding='utf-8')) if path.exists() else {}

    def _merge(self, file: str, values: Mapping[str, Any]) -> None:
        merged = {**self._read(file), **to_plain(values)}
        with atomic_write(os.path.join(self._folder, file), 'w', encoding='utf-8') as stream:
            json.dump(merged, stream, indent=2)


def _as_number(value: Any) -> Any:
    """Make a number of an array or tensor of one element; what else JSON can say stays as it is."""
    if is_tensor(value) or hasattr(value, 'dtype'):
        array = to_array(value)
        return to_scalar(array) if array.size == 1 else to_plain(array)
    return value


def _link(path: str | os.PathLike[str], target: Path) -> bool:
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        return False
    return True
