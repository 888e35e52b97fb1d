"""The trackers that are packages of their own: which distribution has which, and how its class is found."""
from __future__ import annotations

import functools
from importlib import metadata
from typing import Any, NoReturn

from mmengine.registry.libraries import DISTRIBUTIONS
from mmengine.utils.suggest import did_you_mean
from mmengine.visualization.backends.base import BaseVisBackend

GROUP = 'mmengine.vis_backends'
PACKAGE = 'mmengine.visualization'


def installed() -> dict[str, metadata.EntryPoint]:
    """Find the trackers that installed distributions offer, those of third parties too; nothing is imported."""
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


def load(name: str) -> Any:
    """Import the class of a tracker; one that is not installed is a class that says so when it is used.

    Raises:
        AttributeError: There is no such tracker.
    """
    offered = {} if name.startswith('_') else installed()
    if name in offered:
        return offered[name].load()
    if name in DISTRIBUTIONS:
        return _absent(name)
    hint = did_you_mean(name, [*DISTRIBUTIONS, *offered])
    raise AttributeError(f'module {PACKAGE!r} has no attribute {name!r}.{hint}')


def missing(name: str) -> ImportError | None:
    """Word what to install for a tracker that is known and not there; None for any other name."""
    if name not in DISTRIBUTIONS or name in installed():
        return None
    return ImportError(f'{name} is in the distribution {DISTRIBUTIONS[name]!r}, which is not installed: '
                       f'pip install {DISTRIBUTIONS[name]}', name=f'{PACKAGE}.{name}')


@functools.cache
def _absent(name: str) -> type[BaseVisBackend]:
    """Make a class for a tracker that is not there: libraries import and derive from those that they do not use."""
    def refuse(cls: type, *args: object, **kwargs: object) -> NoReturn:
        raise missing(name) or ImportError(f'{name} was installed after its first use: start Python anew', name=name)

    return type(name, (BaseVisBackend,), {'__new__': refuse, '__module__': PACKAGE})
