"""What of MMEngine is installed, from the records that installers leave; no library is imported."""
from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

#: Libraries whose versions matter to the parts, beside what these require.
LIBRARIES = ('torch', 'torchvision', 'numpy', 'matplotlib', 'opencv-python', 'opencv-python-headless', 'mmcv', 'mmdet',
             'mmpretrain', 'mmsegmentation', 'mmpose', 'mmaction2')
PREFIX, DROPIN = 'mmparts', 'mmengine'
#: What upstream's package is called on the index, in its two forms.
UPSTREAM = ('mmengine', 'mmengine-lite')
_TRACKERS = 'mmengine.vis_backends'


@dataclass(frozen=True)
class Tracker:
    """A tracker that a config can name: which distribution brings it, and the versions of its client libraries."""

    name: str
    distribution: str
    clients: dict[str, str | None] = field(default_factory=dict)


def normalized(name: str) -> str:
    """Write the name of a distribution as the package index does."""
    return re.sub(r'[-_.]+', '-', name).lower()


def version_of(name: str) -> str | None:
    """Give the version of an installed distribution, None if it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def parts() -> dict[str, metadata.Distribution]:
    """Find the installed parts, and the alias `mmengine` if it is ours."""
    found: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        name = normalized(distribution.metadata['Name'] or '')
        ours = name == PREFIX or name.startswith(f'{PREFIX}-') or (name == DROPIN and not has_files(distribution))
        if ours:
            found.setdefault(name, distribution)  # the first on the path is the one that is imported
    return dict(sorted(found.items()))


def has_files(distribution: metadata.Distribution) -> bool:
    """Tell whether a distribution brings modules of `mmengine`, as upstream's does and our alias does not."""
    return any(file.parts[0] == 'mmengine' for file in distribution.files or ())


def requirements(distribution: metadata.Distribution) -> Iterator[Requirement]:
    """Give what a distribution requires on this Python, its extras left out."""
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({'extra': ''}):
            yield requirement


def trackers() -> list[Tracker]:
    """Find the trackers that installed distributions offer."""
    found = []
    for entry in sorted(metadata.entry_points(group=_TRACKERS), key=lambda entry: entry.name):
        if entry.dist is None:
            continue
        clients = {one.name: version_of(one.name) for one in requirements(entry.dist)
                   if not normalized(one.name).startswith(PREFIX)}
        found.append(Tracker(entry.name, entry.dist.name, clients))
    return found


def libraries() -> dict[str, str | None]:
    """Give the versions of Python and of libraries; those that are always needed somewhere are named when missing."""
    found = {name: version_of(name) for name in LIBRARIES}
    shown = {name: version for name, version in found.items() if version is not None or name in ('torch', 'numpy')}
    return {'python': platform.python_version(), **shown}
