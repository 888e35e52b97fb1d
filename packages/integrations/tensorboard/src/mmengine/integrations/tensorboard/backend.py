"""The backend that writes event files for TensorBoard."""
from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from mmengine.visualization import VISBACKENDS, BaseVisBackend, force_init_env
from mmengine.visualization.backends.fallbacks import figure_as_html, figure_as_image
from mmengine.visualization.values import config_text, to_array, to_image, to_scalar

_writers = itertools.count()


@VISBACKENDS.register_module()
class TensorboardVisBackend(BaseVisBackend):
    """Write event files, with torch's writer if torch is there and with tensorboardX if not.

    =========  ==========================================================
    record     in TensorBoard
    =========  ==========================================================
    config     text `config`
    scalar     scalar of the same name (32 bit)
    image      image, boxes and masks drawn in
    histogram  histogram
    figure     image; a page of an interactive figure goes to `save_dir`
    text       text, Markdown
    table      text, its pictures as images
    artifact   text that says where the file lies
    summary    scalars below `summary/`
    =========  ==========================================================

    Args:
        save_dir: Folder of the event files.
        init_kwargs: Arguments of the `SummaryWriter`, for example `dict(purge_step=1000)`.
    """

    def __init__(self, save_dir: str, init_kwargs: Mapping[str, Any] | None = None) -> None:
        super().__init__(save_dir)
        self._init_kwargs = dict(init_kwargs or {})
        self._tensorboard: Any = None

    def _init_env(self) -> None:
        if self._save_dir is None:
            raise ValueError('TensorboardVisBackend needs a folder: set `save_dir` of it or of the visualizer')
        os.makedirs(self._save_dir, exist_ok=True)
        defaults = {
            # What is not yet written is lost with a process that is killed; the writers' own default is 120.
            'flush_secs': 10,
            # tensorboardX names files by the second, and two of one name would overwrite each other.
            'filename_suffix': f'.{os.getpid()}.{next(_writers)}',
        }
        writer = _writer_class()
        if writer.__module__.startswith('tensorboardX'):
            defaults['max_queue'] = 0  # no end: of a queue that nobody empties more than its length would wait for ever
        self._tensorboard = writer(self._save_dir, **{**defaults, **self._init_kwargs})

    @property
    @force_init_env
    def experiment(self) -> Any:
        """The `SummaryWriter`."""
        return self._tensorboard

    @force_init_env
    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Write the config as text."""
        self._living().add_text('config', f'```python\n{config_text(config)}\n```')

    @force_init_env
    def add_image(self, name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        """Write an image of uint8: height x width (x channels), RGB."""
        image = to_image(image)
        self._living().add_image(name, image, step, dataformats='HW' if image.ndim == 2 else 'HWC')

    @force_init_env
    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Write a number; a warning says so if it is none."""
        try:
            number = to_scalar(value)
        except TypeError as error:
            warnings.warn(f'{name!r} is not written to TensorBoard. {error}', UserWarning, stacklevel=3)
            return
        self._living().add_scalar(name, number, step)

    @force_init_env
    def add_scalars(self, scalar_dict: dict[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Write several numbers of one step."""
        if not isinstance(scalar_dict, dict):
            raise AssertionError(f'scalar_dict should be a dict, but got {type(scalar_dict).__name__}')
        if 'step' in scalar_dict:
            raise AssertionError("The step is given as the argument `step` and not as the key 'step' of scalar_dict")
        for name, value in scalar_dict.items():
            self.add_scalar(name, value, step)

    @force_init_env
    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Write a histogram."""
        if values is not None:
            array = to_array(values).ravel()
            self._living().add_histogram(name, array[np.isfinite(array)], step, bins='tensorflow')
            return
        heights, borders = to_array(counts).astype(float), to_array(edges).astype(float)
        middles = (borders[:-1] + borders[1:]) / 2  # the sums are not known: as if all values were in the middle
        self._living().add_histogram_raw(
            name, min=borders[0], max=borders[-1], num=heights.sum(), sum=heights @ middles,
            sum_squares=heights @ middles**2, bucket_limits=borders[1:].tolist(), bucket_counts=heights.tolist(),
            global_step=step)

    @force_init_env
    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Write a text, which TensorBoard shows as Markdown; a page of HTML goes to a file."""
        if format == 'html':
            super().add_text(name, text, step, format=format)
        else:
            self._living().add_text(name, text, step)

    @force_init_env
    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Write a figure of matplotlib as an image; of an interactive one the page goes to a file."""
        if figure_as_html(figure) is not None:
            super().add_figure(name, figure, step)
        else:
            self.add_image(name, figure_as_image(figure), step)

    def flush(self) -> None:
        """Write what is held back; tensorboardX may have the very last events still on their way through its thread."""
        if self._env_initialized:
            self._living().flush()

    def close(self, status: str = 'success') -> None:
        """Finish the event file; a later record begins another one beside it."""
        if self._env_initialized:
            writer = self._living()
            self._env_initialized = False
            writer.close()

    def _living(self) -> Any:
        """Give the writer, unless it can write no more; then the next record begins another file.

        tensorboardX writes in a thread, which a full disk ends: whatever is recorded then would be lost unnoticed, or
        wait for ever.
        """
        events = getattr(getattr(self._tensorboard, 'file_writer', None), 'event_writer', None)
        thread = getattr(events, '_worker', None)
        if thread is not None and not thread.is_alive():
            self._env_initialized = False
            events._event_queue.cancel_join_thread()  # type: ignore[union-attr]  # has one if it has a thread
            raise OSError('tensorboardX writes no more: its thread has ended, as it does when the disk is full; '
                          'what was recorded since then is lost')
        return self._tensorboard


def _writer_class() -> Any:
    """Prefer torch's writer, which raises where the disk is full; of tensorboardX see `_living`."""
    try:
        return import_module('torch.utils.tensorboard').SummaryWriter
    except ImportError:
        return import_module('tensorboardX').SummaryWriter
