"""The visualizer: draws on images, and hands every record of a run to all of its backends."""
from __future__ import annotations

import copy
import inspect
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from mmengine.registry import VISBACKENDS, VISUALIZERS
from mmengine.registry.libraries import DISTRIBUTIONS
from mmengine.utils import ManagerMixin
from mmengine.utils.rank import is_main_process
from mmengine.visualization.backends import trackers
from mmengine.visualization.delivery.dispatch import Dispatcher, OnError
from mmengine.visualization.delivery.health import UNSTARTED
from mmengine.visualization.delivery.steps import NUMBERS, Position
from mmengine.visualization.drawing.painter import Painter
from mmengine.visualization.drawing.show import is_inline, put_on, show_with_cv2, wait_continue
from mmengine.visualization.recorder import Recorder
from mmengine.visualization.values import Identity, RunInfo

#: Settings that the config of any backend may have beside the arguments of its class.
OPTIONS = ('queued', 'start_limit', 'call_limit', 'close_limit')

_Self = TypeVar('_Self', bound='Visualizer')


@VISUALIZERS.register_module()
class Visualizer(ManagerMixin, Painter, Recorder):
    """Draw on images, and record scalars, pictures, tables and files to any number of trackers.

    Records are taken from the main process only. What a backend raises is reported and does not reach the caller.

    Args:
        name: Name of the instance, for `get_instance`.
        image: An image to draw on.
        vis_backends: The backends, in a list or in a dictionary by name: instances, or configs of `VISBACKENDS`, in
            which `name` tells two of one type apart.
        save_dir: Folder of the run; the backends get the folder `vis_data` below it.
        fig_save_cfg: Arguments of the matplotlib figure that is drawn on.
        fig_show_cfg: Arguments of the matplotlib figure that is shown.
        on_error: 'warn' keeps what backends raise away from the caller, 'raise' calls them at once and hands it on.
        identity: What the run should be called at every tracker: an `Identity` or its fields.

    Example:
        >>> visualizer = Visualizer(vis_backends=[dict(type='LocalVisBackend')], save_dir='work_dir')
        >>> visualizer.add_scalar('loss', 0.5, step=1)
        >>> visualizer.add_image('input', np.zeros((4, 4, 3), np.uint8))
    """

    def __init__(self, name: str = 'visualizer', image: Any = None,
                 vis_backends: Sequence[Any] | Mapping[str, Any] | None = None, save_dir: str | None = None,
                 fig_save_cfg: Mapping[str, Any] | None = None, fig_show_cfg: Mapping[str, Any] | None = None,
                 on_error: OnError = 'warn', identity: Identity | Mapping[str, Any] | None = None) -> None:
        ManagerMixin.__init__(self, name)
        self._dispatcher = Dispatcher(on_error=on_error)
        self._dataset_meta: Mapping[str, Any] | None = None
        self._save_dir = save_dir
        self._is_closed = False
        self._main_until = 0.0
        self.fig_show_cfg = dict(frameon=False) if fig_show_cfg is None else fig_show_cfg
        self.manager: Any = None
        for key, backend in _named(vis_backends):
            self._add_backend(key, backend, None if save_dir is None else os.path.join(save_dir, 'vis_data'))
        if identity is not None:
            self.identify(identity if isinstance(identity, Identity) else Identity(**identity))
        Painter.__init__(self, image, fig_save_cfg)

    @classmethod
    def get_instance(cls: type[_Self], name: str, **kwargs: Any) -> _Self:
        """Give the instance of that name, made with the arguments if there is none.

        An instance that was closed, or that records to another `save_dir` than the one asked for, belongs to an
        earlier run: a new one takes its name.
        """
        known = Visualizer._instance_dict.get(name)
        if isinstance(known, Visualizer) and kwargs:
            save_dir = kwargs.get('save_dir', known._save_dir)
            if known._is_closed or save_dir != known._save_dir:
                known.release()
        instance = super().get_instance(name, **kwargs)
        if Visualizer._instance_dict.get(name) is not instance:
            instance.make_current()
        return instance

    def make_current(self) -> None:
        """Let `get_current_instance` give this instance, also to code that asks `Visualizer` and not its subclass."""
        super().make_current()
        Visualizer._instance_dict[self.instance_name] = self
        Visualizer._instance_dict.move_to_end(self.instance_name)

    def release(self) -> None:
        """Forget this instance under its name, which is then free for another."""
        super().release()
        if Visualizer._instance_dict.get(self.instance_name) is self:
            del Visualizer._instance_dict[self.instance_name]

    # Backends

    def _add_backend(self, name: str | None, backend: Any, save_dir: str | None) -> None:
        if isinstance(backend, Mapping):
            cfg: Any = copy.copy(backend)  # its class is kept, and with it where it was written
            name = cfg.pop('name', name)
            options = {option: cfg.pop(option) for option in OPTIONS if option in cfg}
            cfg.setdefault('save_dir', save_dir)
            _say_if_missing(cfg.get('type'))
            backend = VISBACKENDS.build(cfg)
            for option, value in options.items():
                setattr(backend, option, value)
        if _needs_save_dir(backend):
            warnings.warn(f'{type(backend).__name__} is not added to the visualizer, since it needs a `save_dir` and '
                          'neither has one: give it to the backend or to the visualizer', UserWarning, stacklevel=4)
            return
        name = name or type(backend).__name__
        if name in self._vis_backends:
            raise RuntimeError(f'vis_backend name {name!r} already exists in the visualizer '
                               f'(has {", ".join(map(repr, self._vis_backends))}): give each of two backends of one '
                               "type a name of its own, dict(type=..., name='...')")
        self._vis_backends[name] = backend

    @property
    def _vis_backends(self) -> dict[str, Any]:
        return self._dispatcher.backends

    @_vis_backends.setter
    def _vis_backends(self, backends: dict[str, Any]) -> None:
        self._dispatcher.backends = backends

    def get_backend(self, name: str) -> Any:
        """Give the backend of that name, or None; without a name of its own it has that of its class.

        What was recorded before has reached it, unless its tracker is too slow.
        """
        if name in self._vis_backends:
            self._dispatcher.drain(name)
        return self._vis_backends.get(name)

    def _dispatch(self, method: str, *args: Any, **kwargs: Any) -> None:
        if not self._dispatcher.backends:
            return
        if method not in NUMBERS or time.monotonic() > self._main_until:  # of a second ago is good enough for these
            if not is_main_process():
                return
            self._main_until = time.monotonic() + 1.0
        self._is_closed = self._is_closed and method in UNSTARTED
        self._dispatcher.call(method, *args, **kwargs)

    @property
    def runs(self) -> dict[str, RunInfo]:
        """What each tracker calls the run, by the name of the backend; to be kept for resuming it."""
        told = {name: self._dispatcher.ask(name, 'run') for name in self._vis_backends}
        return {name: run for name, run in told.items() if run is not None}

    @contextmanager
    def at(self, iteration: int, epoch: int | None = None) -> Iterator[None]:
        """Say where the run is: trackers get this iteration as the step of what is recorded inside.

        So values of a validation, which are given by epoch, lie on the same axis as those of the training; the
        epoch is recorded beside them. Files of `LocalVisBackend` have the steps as they are given.

        Args:
            iteration: How many training iterations are done.
            epoch: How many epochs are done.
        """
        before, self._dispatcher.position = self._dispatcher.position, Position(iteration, epoch)
        try:
            yield
        finally:
            self._dispatcher.position = before

    def close(self, status: str = 'success', timeout: float | None = None) -> None:
        """End the run at every backend, after what waits for it.

        Args:
            status: 'success', 'failed' or 'aborted'.
            timeout: Seconds to wait for all of them, instead of the `close_limit` of each.
        """
        if is_main_process():
            self._dispatcher.close(status, timeout)
        self._is_closed = True

    # Data and pictures

    @property
    def dataset_meta(self) -> Mapping[str, Any] | None:
        """Facts about the data set, such as names and colours of classes."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: Mapping[str, Any] | None) -> None:
        self._dataset_meta = dataset_meta

    def add_datasample(self, name: str, image: Any, data_sample: Any = None, draw_gt: bool = True,
                       draw_pred: bool = True, show: bool = False, wait_time: float = 0, step: int = 0) -> None:
        """Draw a sample with its annotation and prediction; subclasses know how, here only the image is recorded.

        Args:
            name: Name of the picture.
            image: The image, RGB.
            data_sample: Annotation and prediction.
            draw_gt: Whether to draw the annotation.
            draw_pred: Whether to draw the prediction.
            show: Whether to show the picture instead of recording it.
            wait_time: Seconds to show it, 0 until a key is pressed.
            step: The step it belongs to.
        """
        if show:
            self.show(image, win_name=name, wait_time=wait_time)
        else:
            self.add_image(name, image, step)

    def show(self, drawn_img: Any = None, win_name: str = 'image', wait_time: float = 0., continue_key: str = ' ',
             backend: str = 'matplotlib') -> Any:
        """Show a picture and wait.

        Args:
            drawn_img: The picture, RGB; by default the one drawn on.
            win_name: Title of the window.
            wait_time: Seconds to wait, 0 until a key is pressed.
            continue_key: The key to go on with, for matplotlib.
            backend: 'matplotlib' or 'cv2'.

        Returns:
            The figure in a notebook, which displays it; None elsewhere.
        """
        if backend not in ('matplotlib', 'cv2'):
            raise ValueError(f'backend should be "matplotlib" or "cv2", but got {backend!r} instead')
        image = self.get_image() if drawn_img is None else drawn_img
        if backend == 'cv2':
            show_with_cv2(str(id(self)), win_name, image, wait_time)
            return None
        self._init_manager(win_name)
        figure = self.manager.canvas.figure
        put_on(figure, image)
        if is_inline():
            return figure
        wait_continue(figure, timeout=wait_time, continue_key=continue_key)
        return None

    def _init_manager(self, win_name: str) -> None:
        """Make the window, again if the last one was closed."""
        from matplotlib import pyplot
        from matplotlib.figure import Figure
        if self.manager is None or not pyplot.fignum_exists(self.manager.num):
            self.manager = pyplot.figure(FigureClass=Figure, **self.fig_show_cfg).canvas.manager
        self.manager.set_window_title(win_name)


def _named(backends: Any) -> Iterable[tuple[str | None, Any]]:
    """List the backends, with the names that they have in a dictionary of backends."""
    if backends is None:
        return []
    if isinstance(backends, Mapping) and 'type' not in backends:
        return list(backends.items())
    return [(None, backend) for backend in (backends if isinstance(backends, (list, tuple)) else [backends])]


def _say_if_missing(kind: Any) -> None:
    """Name the distribution that a tracker is in, if it is neither registered nor installed."""
    name = kind.rpartition('.')[2] if isinstance(kind, str) else ''
    if name in DISTRIBUTIONS and VISBACKENDS.get(kind) is None:
        error = trackers.missing(name)
        if error is not None:
            raise error


def _needs_save_dir(backend: Any) -> bool:
    """Tell whether a backend cannot do without a `save_dir`, and has none."""
    parameter = inspect.signature(type(backend).__init__).parameters.get('save_dir')
    return (parameter is not None and parameter.default is parameter.empty
            and getattr(backend, '_save_dir', '') is None)
