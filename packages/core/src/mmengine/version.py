"""The version of the namespace, which released libraries of the family assert to be in [0.8.3, 1.0.0)."""
from __future__ import annotations

import re

__version__ = '0.12.0'


def parse_version_info(version: str) -> tuple[int | str, ...]:
    """Split a version into numbers, with a pre-release tag such as `rc1` as its last item.

    >>> parse_version_info('0.12.0')
    (0, 12, 0)
    >>> parse_version_info('0.13.0rc1')
    (0, 13, 0, 'rc1')
    """
    found: list[int | str] = []
    for part in version.split('+')[0].split('.'):
        number, tag = re.fullmatch(r'(\d*)(.*)', part).groups()  # type: ignore[union-attr]  # matches anything
        if number:
            found.append(int(number))
        if tag:
            found.append(tag)
    return tuple(found)


version_info = parse_version_info(__version__)
