"""The one name that is imported from the folder that the wheel lacks."""
from __future__ import annotations


class DRN:
    """A class to import."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise NotImplementedError('mmaction.models.localizers.drn is missing in the wheel of MMAction2 1.2.0')
