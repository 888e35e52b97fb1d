"""Things to record, and the form in which a test gives back what a tracker has kept."""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmengine.visualization.values import Image


@dataclass
class Records:
    """What was read back with the tracker's own reader; what it cannot keep stays empty.

    Attributes:
        config: The config, as text or nested.
        scalars: Steps and values by name, in the order of the tracker.
        images: Steps and pictures by name.
        texts: Steps and texts by name.
        tables: Columns and rows by name.
        histograms: Number of counted values by name.
        figures: Names of figures that are kept as such.
        artifacts: Metadata by name.
        summary: Results of the run.
        status: How the run ended, in the tracker's words.
    """

    config: Any = None
    scalars: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    images: dict[str, list[tuple[int, Image]]] = field(default_factory=dict)
    texts: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    tables: dict[str, tuple[list[str], list[list[Any]]]] = field(default_factory=dict)
    histograms: dict[str, float] = field(default_factory=dict)
    figures: set[str] = field(default_factory=set)
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    status: str | None = None


class SampleConfig(dict[str, Any]):
    """A config as backends know it, without the config system."""

    def __init__(self) -> None:
        super().__init__(model={'type': 'ResNet', 'depth': 50}, optimizer={'type': 'SGD', 'betas': (0.9, 0.999)},
                         load_from=None, kernel=np.float32(0.5), names={'b', 'a'})

    @property
    def pretty_text(self) -> str:
        """Give the config as text."""
        return '\n'.join(f'{key} = {value!r}' for key, value in self.items())

    def to_dict(self) -> dict[str, Any]:
        """Give the config as a plain dictionary."""
        return dict(self)

    def dump(self, file: str) -> None:
        """Write the config to a file."""
        with open(file, 'w', encoding='utf-8') as stream:
            stream.write(self.pretty_text if str(file).endswith('.py') else json.dumps(self, default=repr))


def sample_image(height: int = 48, width: int = 64) -> Image:
    """Make a picture that shows swapped axes, swapped channels and lost pixels."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(width) * 3
    image[..., 1] = np.arange(height)[:, None] * 5
    image[height // 4:height // 2, width // 4:width // 2] = (255, 0, 128)
    return image
