"""The recording methods of a visualizer, which hand each record to every backend."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmengine.visualization.redact import redact
from mmengine.visualization.values import Artifact, Boxes, Identity, Picture


class Recorder:
    """Records go through `_dispatch`, which calls the method of that name of every backend.

    Steps are training iterations, or epochs if the run logs by epoch. Further keyword arguments reach the backends as
    they are; each takes what it knows.
    """

    def _dispatch(self, method: str, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    def identify(self, identity: Identity) -> None:
        """Say what the run should be called, or which run goes on; to be called before the first record."""
        self._dispatch('identify', identity)

    def add_config(self, config: Any, **kwargs: Any) -> None:
        """Record the config of the run, without passwords and keys."""
        self._dispatch('add_config', redact(config), **kwargs)

    def add_graph(self, model: Any, data_batch: Sequence[dict[str, Any]], **kwargs: Any) -> None:
        """Record the structure of the model."""
        self._dispatch('add_graph', model, data_batch, **kwargs)

    def add_image(self, name: str, image: Any, step: int = 0, *, boxes: Mapping[str, Boxes] | None = None,
                  masks: Mapping[str, Any] | None = None, class_names: Mapping[int, str] | None = None,
                  caption: str | None = None, **kwargs: Any) -> None:
        """Record an image, with boxes and masks as layers where a tracker has such.

        Args:
            name: Name of the image.
            image: Height x width (x channels) of uint8, RGB.
            step: The step it belongs to.
            boxes: Groups of boxes by name, such as 'ground_truth' and 'prediction'.
            masks: Groups of masks by name: a class id per pixel, 0 for background.
            class_names: Class id -> name.
            caption: A line below the image.
            kwargs: For one tracker only.
        """
        if boxes or masks or caption:
            picture = Picture(image, boxes or {}, masks or {}, class_names or {}, caption)
            self._dispatch('add_picture', name, picture, step, **kwargs)
        else:
            self._dispatch('add_image', name, image, step, **kwargs)

    def add_images(self, name: str, images: Iterable[Any], step: int = 0, **kwargs: Any) -> None:
        """Record several images (or `Picture`s) of one step."""
        self._dispatch('add_images', name, list(images), step, **kwargs)

    def add_scalar(self, name: str, value: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a number; a tensor on a device is read once for all backends, without waiting for it here."""
        self._dispatch('add_scalar', name, value, step, **kwargs)

    def add_scalars(self, scalar_dict: Mapping[str, Any], step: int = 0, file_path: str | None = None,
                    **kwargs: Any) -> None:
        """Record several numbers of one step.

        Args:
            scalar_dict: The numbers by name.
            step: The step they belong to.
            file_path: A further JSON file to write them to, for backends that write files.
            kwargs: For one tracker only.
        """
        self._dispatch('add_scalars', dict(scalar_dict), step, file_path, **kwargs)

    def add_table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], step: int = 0, *,
                  artifact: Artifact | None = None, **kwargs: Any) -> None:
        """Record a table.

        Args:
            name: Name of the table.
            columns: Names of the columns.
            rows: The rows: numbers, strings, booleans, None, images, `Picture`s, or `PictureRef`s to pictures of a
                table recorded before.
            step: The step it belongs to.
            artifact: Keep the table under this name and version, where a tracker has such a thing.
            kwargs: For one tracker only.
        """
        self._dispatch('add_table', name, list(columns), [list(row) for row in rows], step, artifact=artifact,
                       **kwargs)

    def add_curve(self, name: str, x: Sequence[float], y: Sequence[float], step: int = 0, *, x_name: str = 'x',
                  y_name: str = 'y', **kwargs: Any) -> None:
        """Record a curve that has an axis of its own, such as precision over recall."""
        self._dispatch('add_curve', name, x, y, step, x_name=x_name, y_name=y_name, **kwargs)

    def add_histogram(self, name: str, values: Any = None, step: int = 0, *, bins: int = 64, counts: Any = None,
                      edges: Any = None, **kwargs: Any) -> None:
        """Record a distribution, from its values or from counts and edges of bins."""
        self._dispatch('add_histogram', name, values, step, bins=bins, counts=counts, edges=edges, **kwargs)

    def add_text(self, name: str, text: str, step: int = 0, *, format: str = 'plain', **kwargs: Any) -> None:
        """Record a text: 'plain', 'markdown' or 'html'."""
        self._dispatch('add_text', name, text, step, format=format, **kwargs)

    def add_figure(self, name: str, figure: Any, step: int = 0, **kwargs: Any) -> None:
        """Record a figure of matplotlib, or of plotly or anything else with a method `to_html`."""
        self._dispatch('add_figure', name, figure, step, **kwargs)

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
        self._dispatch('add_artifact', name, path, type=type, aliases=tuple(aliases), metadata=metadata, step=step,
                       reference=reference, **kwargs)

    def use_artifact(self, name: str, alias: str = 'latest', **kwargs: Any) -> None:
        """Note that the run builds on an artifact."""
        self._dispatch('use_artifact', name, alias, **kwargs)

    def add_summary(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Record results of the whole run, such as the best accuracy; a later value replaces an earlier one."""
        self._dispatch('add_summary', dict(values), **kwargs)

    def update_config(self, values: Mapping[str, Any], **kwargs: Any) -> None:
        """Record settings that became known, or changed, after the config was recorded."""
        self._dispatch('update_config', redact(dict(values)), **kwargs)

    def define_metric(self, name: str, *, step_metric: str | None = None, goal: str | None = None,
                      **kwargs: Any) -> None:
        """Say against what a metric is drawn, and whether 'max' or 'min' is better."""
        self._dispatch('define_metric', name, step_metric=step_metric, goal=goal, **kwargs)

    def add_tags(self, tags: Sequence[str], **kwargs: Any) -> None:
        """Give the run words to be found by."""
        self._dispatch('add_tags', tags, **kwargs)

    def alert(self, title: str, text: str = '', level: str = 'info', **kwargs: Any) -> None:
        """Tell whoever follows the run that something happened: level 'info', 'warning' or 'error'."""
        self._dispatch('alert', title, text, level, **kwargs)

    def flush(self) -> None:
        """Bring to the disk or to the servers what the backends hold back."""
        self._dispatch('flush')
