"""Facts about a data set: from its class, its annotation file and its arguments."""
from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.fileio import isfile, list_from_file


def load_metainfo(base: Mapping[str, Any], metainfo: Mapping[str, Any] | Config | None) -> dict[str, Any]:
    """Merge given meta information over that of a class.

    Args:
        base: That of the class; not changed.
        metainfo: What is given. A value that is the path of a text file stands for the list of its lines.

    Raises:
        TypeError: `metainfo` is something else.
    """
    merged = copy.deepcopy(dict(base))
    if metainfo is None:
        return merged
    if not isinstance(metainfo, (Mapping, Config)):
        raise TypeError(f'metainfo should be a Mapping or Config, but got {type(metainfo)}')
    for key, value in metainfo.items():
        merged[key] = list_from_file(value) if isinstance(value, str) and _is_text_file(value) else value
    return merged


def _is_text_file(value: str) -> bool:
    try:
        return isfile(value)
    except (OSError, ValueError, NotImplementedError, ImportError):
        # A string that is no path at all, with a zero byte for example, or of a backend that can't tell.
        return False
