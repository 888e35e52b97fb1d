"""The trackers that are packages of their own: which distribution has which, and how its class is found."""
from __future__ import annotations

from importlib import metadata
from typing import Any

from mmengine.registry.libraries import DISTRIBUTIONS
from mmengine.utils.suggest import did_you_mean

GROUP = 'mmengine.vis_backends'
PACKAGE = 'mmengine.visualization'


def installed() -> dict[str, metadata.EntryPoint]:
    """Find the trackers that installed distributions offer, those of third parties too; nothing is imported."""
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


def load(name: str) -> Any:
    """Import the class of a tracker.

    Raises:
        ImportError: No installed distribution has it; the message says which one to install.
        AttributeError: There is no such tracker.
    """
    offered = {} if name.startswith('_') else installed()
    if name in offered:
        return offered[name].load()
    error = missing(name)
    if error is not None:
        raise error
    hint = did_you_mean(name, [*DISTRIBUTIONS, *offered])
    raise AttributeError(f'module {PACKAGE!r} has no attribute {name!r}.{hint}')


def missing(name: str) -> ImportError | None:
    """Word what to install for a tracker that is known and not there; None for any other name."""
    if name not in DISTRIBUTIONS or name in installed():
        return None
    return ImportError(f'{name} is in the distribution {DISTRIBUTIONS[name]!r}, which is not installed: '
                       f'pip install {DISTRIBUTIONS[name]}', name=f'{PACKAGE}.{name}')
