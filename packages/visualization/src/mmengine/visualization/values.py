"""What may be recorded, and how tensors, arrays and odd Python objects become plain values."""
from __future__ import annotations

import datetime
import enum
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: A picture as height x width (x 1, 3 or 4 channels, RGB order) of uint8.
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Boxes:
    """Boxes of one image, a row each: corners `x1, y1, x2, y2` in pixels, with a class id."""

    xyxy: Any
    labels: Sequence[int] = ()
    scores: Sequence[float] | None = None
    captions: Sequence[str] | None = None


@dataclass(frozen=True)
class Picture:
    """An image with what is known about it; a tracker shows boxes and masks as layers if it can.

    Attributes:
        image: Height x width (x channels) of uint8, RGB.
        boxes: Groups of boxes by name, for example `{'ground_truth': Boxes(...), 'prediction': Boxes(...)}`.
        masks: Groups of masks by name: a class id per pixel (height x width, integer), 0 for background.
        class_names: Class id -> name, for boxes and masks alike.
        caption: A line below the image.
        same_as: A picture of a table recorded before that shows the same image, whose upload a tracker may use again.
    """

    image: Any
    boxes: Mapping[str, Boxes] = field(default_factory=dict)
    masks: Mapping[str, Any] = field(default_factory=dict)
    class_names: Mapping[int, str] = field(default_factory=dict)
    caption: str | None = None
    same_as: PictureRef | None = None


@dataclass(frozen=True)
class PictureRef:
    """A cell that stands for a picture in a table recorded before, so that it need not be uploaded again."""

    table: str
    row: int
    column: str


@dataclass(frozen=True)
class Artifact:
    """The name under which files or a table are kept in versions.

    Attributes:
        name: The same for all versions.
        type: What it is: 'model', 'dataset', 'evaluation', 'file' or a word of your own.
        aliases: Names of this version, for example `('latest', 'epoch_3')`.
        metadata: Facts about this version.
    """

    name: str
    type: str = 'file'
    aliases: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


class ScalarRow(NamedTuple):
    """The numbers of one call, for backends that send many of them at once; `time` is when they were recorded."""

    step: int
    values: dict[str, Any]
    time: float


@dataclass(frozen=True)
class RunInfo:
    """What a tracker calls the run being recorded, as far as it is known."""

    id: str | None = None
    name: str | None = None
    url: str | None = None
    dir: str | None = None


@dataclass(frozen=True)
class Identity:
    """What the run should be called; every tracker maps these words to its own.

    Attributes:
        run_id: Identifier of a run to go on with, or for the new one.
        name: Shown name of the run.
        project: What the tracker groups runs by.
        group: Runs that belong together, such as seeds of one experiment.
        job_type: What the run does, such as 'train' or 'eval'.
        tags: Words to find the run by.
        notes: Free text.
        resume: 'never' starts a new run, 'allow' goes on with `run_id` if there is one, 'must' fails if there is none.
        mode: 'online', 'offline' or 'disabled', where the tracker knows such; by default what the tracker does.
    """

    run_id: str | None = None
    name: str | None = None
    project: str | None = None
    group: str | None = None
    job_type: str | None = None
    tags: Sequence[str] = ()
    notes: str | None = None
    resume: str = 'allow'
    mode: str | None = None

    def __post_init__(self) -> None:
        for name, known in (('resume', ('never', 'allow', 'must')), ('mode', (None, 'online', 'offline', 'disabled'))):
            if getattr(self, name) not in known:
                raise ValueError(f'`{name}` of a run should be one of {", ".join(map(repr, known))}, '
                                 f'but got {getattr(self, name)!r}')


def is_tensor(value: object) -> bool:
    """Tell whether `value` is a tensor, by what it can do: torch is not imported for the question."""
    return hasattr(value, 'detach') and hasattr(value, 'cpu')


def to_array(value: Any) -> NDArray[Any]:
    """Make an array in main memory of a tensor on any device, an array or a nested list."""
    if not is_tensor(value):
        return np.asarray(value)
    tensor = value.detach().cpu()
    try:
        return np.asarray(tensor.numpy())
    except TypeError:  # bfloat16 and the 8-bit floats have no counterpart in NumPy
        return np.asarray(tensor.float().numpy())


def to_scalar(value: Any) -> bool | int | float:
    """Make a Python number of a number, a NumPy scalar, or an array or tensor of one element."""
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (np.generic, np.ndarray)) or is_tensor(value):
        array = to_array(value)
        if array.size == 1 and array.dtype.kind in 'biuf':
            return array.reshape(()).item()  # type: ignore[no-any-return]  # .item() of a numeric array
    raise TypeError(f'A scalar should be a number, or an array or tensor of one number, but got {describe(value)}')


def describe(value: object) -> str:
    """Name the type of a value, with the shape if it has one, for error messages."""
    shape = getattr(value, 'shape', None)
    return type(value).__name__ if shape is None else f'{type(value).__name__} of shape {tuple(shape)}'


def to_image(value: Any) -> Image:
    """Check that a picture is height x width (x 1, 3 or 4 channels) of uint8, and drop a single channel."""
    array = to_array(value)
    if array.dtype != np.uint8:
        raise TypeError(f'An image should be of dtype uint8, but got {array.dtype}: scale it to 0..255 and convert it')
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise TypeError(f'An image should be height x width, with no, 1, 3 or 4 channels, but got {describe(value)}')
    return array


def to_rgb(value: Any) -> Image:
    """Make a picture of three channels of any that `to_image` takes; transparency is dropped."""
    image = to_image(value)
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else np.ascontiguousarray(image[:, :, :3])


def to_plain(value: Any) -> Any:
    """Make of a value what JSON can say: numbers, strings, lists and dictionaries with string keys.

    What has no such form, for example a function, becomes its name or its `repr`.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((to_plain(item) for item in value), key=repr)
    if isinstance(value, (np.ndarray, np.generic)) or is_tensor(value):
        return to_plain(to_array(value).tolist())
    return _plain_leaf(value)


def _plain_leaf(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (int, float, str)):  # subclasses, which serializers may not know
        kind = next(kind for kind in (int, float, str) if isinstance(value, kind))
        return kind(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    qualified = getattr(value, '__qualname__', None)
    return f'{value.__module__}.{qualified}' if qualified else repr(value)


def plain_config(config: Any) -> dict[str, Any]:
    """Make a nested dictionary of plain values of a config, for trackers that take settings by key."""
    nested = config.to_dict() if hasattr(type(config), 'to_dict') else config
    if not isinstance(nested, Mapping):
        raise TypeError(f'A config should be a Config or a mapping, but got {describe(config)}')
    return {str(key): to_plain(value) for key, value in nested.items()}


def config_text(config: Any) -> str:
    """Write a config as text: as the config itself does, or else as JSON."""
    if hasattr(type(config), 'pretty_text'):
        return str(config.pretty_text)
    return json.dumps(plain_config(config), indent=2)
