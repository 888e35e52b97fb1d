"""Versions as tuples that compare, and the revision of the working directory."""
from __future__ import annotations

import subprocess

from packaging.version import InvalidVersion, Version

_PRE_RELEASES = {'a': -3, 'b': -2, 'rc': -1}
_DEVELOPMENT = -4


def digit_version(version_str: str, length: int = 4) -> tuple[int, ...]:
    """Turn a version into a tuple of integers that compare like versions do.

    >>> digit_version('1.2.3')
    (1, 2, 3, 0, 0, 0)
    >>> digit_version('2.0rc1') < digit_version('2.0')
    True

    Args:
        version_str: Version; what comes after a `+` does not count.
        length: How many numbers of the release to keep, filled up with zeros. Two more tell pre- and post-releases.

    Raises:
        AssertionError: It is not a version.
    """
    try:
        version = Version(version_str)
    except InvalidVersion as e:
        raise AssertionError(f'{version_str!r} is not a version, expected one such as 1.2.3 or 2.0rc1') from e
    release = (*version.release, *[0] * length)[:length]
    if version.pre is not None:
        return (*release, _PRE_RELEASES[version.pre[0]], version.pre[1])
    if version.is_prerelease:
        return (*release, _DEVELOPMENT, 0)
    if version.post is not None:
        return (*release, 1, version.post)
    return (*release, 0, 0)


def get_git_hash(fallback: str = 'unknown', digits: int | None = None) -> str:
    """Get the hash of the commit that is checked out in the working directory.

    Args:
        fallback: What to give outside a repository, or without git.
        digits: How many digits to give; None gives all.
    """
    if digits is not None and not isinstance(digits, int):
        raise TypeError(f'digits must be None or an integer, got {digits!r}')
    try:
        done = subprocess.run(['git', 'rev-parse', 'HEAD'], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return fallback
    return done.stdout.strip()[:digits]
