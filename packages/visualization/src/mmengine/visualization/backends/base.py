"""The interface that every tracker implements, and what happens where a tracker lacks something."""
# ruff: noqa: B027  # methods that do nothing are what a tracker without that feature has
from __future__ import annotations

import functools
import logging
import os
import threading
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

from mmengine.logging import print_log
from mmengine.visualization.backends import fallbacks, files
from mmengine.visualization.drawing.annotate import annotate
from mmengine.visualization.values import Artifact, Identity, Picture, RunInfo, ScalarRow

_Method = TypeVar('_Method', bound=Callable[..., Any])


def force_init_env(old_func: _Method) -> _Method:
    """Decorate a method of a backend so that its tracker is started before the first use, and not earlier."""
    @functools.wraps(old_func)
    def wrapper(obj: Any, *args: Any, **kwargs: Any) -> Any:
        if not getattr(obj, '_env_initialized', False):
            _start_once(obj)
        return old_func(obj, *args, **kwargs)

    return cast(_Method, wrapper)


def _start_once(obj: Any) -> None:
    """Start a tracker; the thread of its queue and whoever asks for `experiment` may want that at the same time."""
    if not hasattr(obj, '_init_env'):
        raise AttributeError(f'{type(obj)} does not have a method `_init_env`')
    with vars(obj).setdefault('_start_lock', threading.RLock()):
        if not getattr(obj, '_env_initialized', False):
            obj._init_env()
            obj._env_initialized = True


class BaseVisBackend(metaclass=ABCMeta):
    """A place where the records of a run go.

    A new tracker implements `experiment`, `_init_env`, `add_config`, `add_image`, `add_scalar`, `add_scalars` and
    `close`, and of the rest what it can do by itself. Every other method has a body here that does the next best
    thing with those it has, and says so once::

        add_picture    boxes and masks are drawn into the image              -> add_image
        add_table      Markdown, its pictures beside it                      -> add_text, add_picture
        add_curve      a table of the points                                 -> add_table
        add_histogram  a drawing of it                                       -> add_figure
        add_figure     rendered (matplotlib) or as a page (plotly)           -> add_image, add_text
        add_artifact   a note where the files lie                            -> add_text
        add_summary    scalars below `summary/`                              -> add_scalars
        add_tags, alert, update_config                                       -> add_text
        add_text       a file below `save_dir`

    A constructor keeps its arguments and does nothing else: no import of the tracker's client, no file, no network.
    All of that belongs into `_init_env`, which the decorator `force_init_env` calls before the first record.
    Methods take further keyword arguments, which mean something to one tracker only and are ignored by the others.

    A visualizer calls a backend from one thread of the backend's own, start and close included, with copies of what
    it was given, so that neither a slow client nor one that hangs holds up the training. What a method raises is
    reported; so let it out. The attributes below say what differs from tracker to tracker.

    Args:
        save_dir: Folder of the records of the run.
    """

    #: What no overridden method shows, for example 'resume', 'aliases' or 'references'; see `supports`.
    capabilities: frozenset[str] = frozenset()
    #: Whether calls wait in a queue for the backend's own thread. Without a queue they are made where the record is
    #: added, and nothing limits their time: for what is as quick and as safe as a write to a local file.
    queued: bool = True
    #: Seconds after which a start, another call or the close is given up or reported; clients that have limits of
    #: their own should be given these.
    start_limit: float = 60.0
    call_limit: float = 30.0
    close_limit: float = 60.0
    #: In which order the tracker wants steps: 'any'; 'run', never smaller than the last of the whole run; or 'name',
    #: larger than the last of the same name. The visualizer raises steps that are too small, and says so.
    step_order: Literal['any', 'run', 'name'] = 'any'
    #: Whether it wants the steps that callers gave even if they count epochs, instead of those of the training
    #: iteration; see `Visualizer.at`.
    steps_as_given: bool = False
    #: Whether the client reads the files of an artifact after `add_artifact` has returned; they are kept until the end.
    keeps_paths: bool = False
    #: What the run should be called; `_init_env` hands it to the tracker.
    identity: Identity = Identity()
    # On the class too, for subclasses that do not call this constructor.
    _save_dir: str | None = None
    _env_initialized = False
    _said: frozenset[str] = frozenset()

    def __init__(self, save_dir: str) -> None:
        self._save_dir = save_dir
        self._env_initialized = False
        self._said = frozenset()

    # The life of a backend

    @property
    @abstractmethod
    def experiment(self) -> Any:
        """The tracker's own object, for what this interface does not cover."""

    @abstractmethod
    def _init_env(self) -> Any:
        """Start the tracker."""

    def start(self) -> None:
        """Start the tracker, unless that has been done."""
        if not self._env_initialized:
            _start_once(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != '_start_lock'}

    def limit_of(self, method: str) -> float:
        """Give the seconds within which a method should return."""
        if method in ('start', 'close'):
            return self.start_limit if method == 'start' else self.close_limit
        return self.call_limit * (20 if method == 'add_artifact' else 1)  # which may be gigabytes to copy

    def is_transient(self, error: BaseException) -> bool:
        """Tell whether the same call may succeed in a while: by default if the network failed or was too slow."""
        return isinstance(error, (ConnectionError, TimeoutError))

    def identify(self, identity: Identity) -> None:
        """Say what the run should be called, or which run goes on; to be called before the first record."""
        if self._env_initialized:
            raise RuntimeError(f'{type(self).__name__} has started its run already; '
                               'name it before the first record is added')
        self.identity = identity

    @property
    def run(self) -> RunInfo:
        """What the tracker calls the run."""
        return RunInfo(id=self.identity.run_id, name=self.identity.name, dir=self._save_dir)

    def supports(self, feature: str) -> bool:
        """Tell whether the tracker does something by itself.

        Args:
            feature: A method's name, with or without `add_`, such as 'table' or 'alert'; or a word of `capabilities`.
        """
        for method in (feature, f'add_{feature}'):
            if hasattr(BaseVisBackend, method):
                return getattr(type(self), method) is not getattr(BaseVisBackend, method)
        return feature in self.capabilities

    def flush(self) -> None:
        """Bring to the disk or to the server what the tracker holds back; the default has nothing to do."""

    def close(self, status: str = 'success') -> None:
        """End the run; a later record starts the tracker again.

        Args:
            status: 'success', 'failed' or 'aborted'.
        """

    # What every tracker has

    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config of the run."""

    def add_graph(self, model: Any, data_batch: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        """Record the structure of the model."""

    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Record an image: height x width (x channels) of uint8, RGB."""
        self._degrade('image', 'images are not recorded')

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number."""
        self._degrade('scalar', 'numbers are not recorded')

    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Record several numbers of one step.

        Args:
            scalar_dict: The numbers by name.
            step: The step they belong to.
            file_path: A further file to write them to, for backends that write files.
        """
        for name, value in scalar_dict.items():
            self.add_scalar(name, value, step, **kwargs)

    def add_scalar_batch(self, rows: Sequence[ScalarRow]) -> None:
        """Record the numbers of several calls at once, in their order.

        To be overridden where that is quicker than one by one: what has gathered in the queue then comes here.
        """
        for row in rows:
            self.add_scalars(row.values, row.step)

    # What only some trackers have

    def add_images(self, name: str, images: Iterable[Any], step: int = 0, **kwargs: Any) -> None:
        """Record several images (or `Picture`s) of one step, by default each under the name with its number."""
        for index, image in enumerate(images):
            method = self.add_picture if isinstance(image, Picture) else self.add_image
            method(f'{name}/{index}', image, step, **kwargs)

    def add_picture(self, name: str, picture: Picture, step: int = 0, **kwargs: Any) -> None:
        """Record an image with boxes, masks and a caption."""
        if picture.boxes or picture.masks:
            self._degrade('picture', 'boxes and masks are drawn into the images')
        self.add_image(name, annotate(picture), step, **kwargs)

    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table.

        Args:
            name: Name of the table.
            columns: Names of the columns.
            rows: The rows: numbers, strings, booleans, None, images, `Picture`s, or `PictureRef`s to pictures of a
                table recorded before.
            step: The step it belongs to.
            artifact: Keep the table under this name and version, where the tracker has such a thing.
            kwargs: For one tracker only.
        """
        self._degrade('table', 'tables are recorded as text, the pictures in them one by one')
        rows = list(rows)
        for index, row in enumerate(rows):
            for column, value in zip(columns, row, strict=True):
                picture = files.as_picture(value)
                if picture is not None:
                    self.add_picture(f'{name}/{column}/{index}', picture, step)
        self.add_text(name, fallbacks.table_as_markdown(columns, rows), step, format='markdown')

    def add_curve(self, name: str, x: Sequence[float], y: Sequence[float], step: int = 0, *, x_name: str = 'x',
                  y_name: str = 'y', **kwargs: Any) -> None:
        """Record a curve that has an axis of its own, such as precision over recall."""
        self._degrade('curve', 'curves are recorded as tables')
        self.add_table(name, [x_name, y_name], list(zip(x, y, strict=True)), step)

    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Record a distribution, from its values or from counts and edges of bins."""
        self._degrade('histogram', 'histograms are recorded as figures')
        self.add_figure(name, fallbacks.histogram_figure(name, *fallbacks.histogram_of(values, bins, counts, edges)),
                        step)

    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text: 'plain', 'markdown' or 'html'."""
        if self._save_dir is None:
            self._degrade('text', 'texts are not recorded, since there is no `save_dir` for files either')
        else:
            self._degrade('text', f'texts are written to {os.path.join(self._save_dir, "texts")}')
            files.write_text(os.path.join(self._save_dir, 'texts'), name, text, step, format)

    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure of matplotlib, or of plotly or anything else with a method `to_html`."""
        page = fallbacks.figure_as_html(figure)
        if page is not None:
            self._degrade('interactive figure', 'figures are recorded as pages of HTML')
            self.add_text(name, page, step, format='html')
        else:
            self._degrade('figure', 'figures are recorded as images')
            self.add_image(name, fallbacks.figure_as_image(figure), step)

    def add_artifact(self, name: str, path: str | os.PathLike[str], *, type: str = 'file', aliases: Sequence[str] = (),
                     metadata: Mapping[str, Any] | None = None, step: int = 0, reference: bool = False,
                     **kwargs: Any) -> None:
        """Keep a file or a folder as a new version of an artifact.

        Args:
            name: Name of the artifact, the same for all versions.
            path: The file or folder; with `reference` also an address such as `s3://bucket/data`.
            type: What it is: 'model' for a checkpoint, 'dataset', 'evaluation', 'file' or a word of your own.
            aliases: Names of this version, such as 'latest' or 'epoch_3'.
            metadata: Facts about this version.
            step: The step it belongs to.
            reference: Record where it lies instead of copying or uploading it.
            kwargs: For one tracker only.
        """
        if not reference:
            self._degrade('artifact', 'files are not kept, only noted as text')
        self.add_text(name, fallbacks.artifact_note(path, Artifact(name, type, aliases, metadata or {})), step,
                      format='markdown')

    def use_artifact(self, name: str, alias: str = 'latest', **kwargs: Any) -> None:
        """Note that the run builds on an artifact; a hint, which the default ignores."""

    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Record results of the whole run, such as the best accuracy; a later value replaces an earlier one."""
        self._degrade('summary', 'results of the run are recorded as scalars below `summary/`')
        self.add_scalars({f'summary/{name}': value for name, value in values.items()})

    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Record settings that became known, or changed, after the config was recorded."""
        self._degrade('update_config', 'later settings are recorded as text')
        self.add_text('config_update', fallbacks.table_as_markdown(['key', 'value'], list(values.items())),
                      format='markdown')

    def define_metric(self, name: str, *, step_metric: str | None = None, goal: str | None = None,
                      **kwargs: Any) -> None:
        """Say against what a metric is drawn, and whether 'max' or 'min' is better; a hint, ignored by default."""

    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Give the run words to be found by."""
        self._degrade('tags', 'tags are recorded as text')
        self.add_text('tags', '\n'.join(tags))

    def alert(self, title: str, text: str = '', level: str = 'info', **kwargs: Any) -> None:
        """Tell whoever follows the run that something happened: level 'info', 'warning' or 'error'."""
        self._degrade('alert', 'alerts are logged here and recorded as text')
        print_log(f'{title}: {text}' if text else title, logger='current', level=logging.WARNING)
        self.add_text('alerts', f'{level}: {title}\n{text}')

    def _degrade(self, feature: str, instead: str) -> None:
        """Say once what happens instead of what the tracker cannot do."""
        if feature not in self._said:
            self._said = self._said | {feature}
            print_log(f'{type(self).__name__} has no {feature} of its own: {instead}', logger='current',
                      level=logging.WARNING)
