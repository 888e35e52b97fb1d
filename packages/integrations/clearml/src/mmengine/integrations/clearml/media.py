"""Names, figures and files in the forms that the platform reports."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from mmengine.visualization.backends.files import write_png
from mmengine.visualization.values import Image

SUFFIXES = {'plain': '.txt', 'markdown': '.md', 'html': '.html'}


def title_and_series(name: str) -> tuple[str, str]:
    """Split a name where the platform has charts with several lines: `val/acc/top1` is the line top1 of val/acc."""
    title, _, series = name.strip('/').rpartition('/')
    return (title, series) if title else (name, name)


def temporary(suffix: str) -> Path:
    """Make a file for the client to take, which deletes it."""
    handle, path = tempfile.mkstemp(suffix)
    os.close(handle)
    return Path(path)


def png(image: Image) -> Path:
    """Write an image without loss to a file for the client; what it encodes by itself is JPEG."""
    path = temporary('.png')
    write_png(path, image)
    return path


def page(text: str, format: str) -> Path:
    """Write a text to a file for the client."""
    path = temporary(SUFFIXES[format])
    path.write_text(text, encoding='utf-8')
    return path


def is_plotly(figure: Any) -> bool:
    """Tell whether a figure is one of plotly, which the platform shows as such."""
    return type(figure).__module__.startswith('plotly')
