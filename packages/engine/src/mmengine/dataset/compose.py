"""Several transforms of a sample, one after the other."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mmengine.registry import TRANSFORMS


class Compose:
    """Applies transforms one after the other; one that returns None ends it with None.

    Args:
        transforms: Functions, or configs of registered ones; None for none.

    Raises:
        TypeError: A transform can't be called.
    """

    def __init__(self, transforms: Sequence[dict[str, Any] | Callable[..., Any]] | None) -> None:
        self.transforms: list[Callable[..., Any]] = []
        for transform in transforms or []:
            built = TRANSFORMS.build(transform) if isinstance(transform, dict) else transform
            if not callable(built):
                raise TypeError(f'transform should be a callable object or a dict, but got {type(built)}')
            self.transforms.append(built)

    def __call__(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """Transform a sample.

        Args:
            data: What the first transform takes; with none, what comes back.

        Returns:
            What the last transform gives, or None as soon as one gives it.
        """
        for transform in self.transforms:
            transformed = transform(data)
            if transformed is None:
                return None
            data = transformed
        return data

    def __repr__(self) -> str:
        lines = ''.join(f'\n    {transform}' for transform in self.transforms)
        return f'{type(self).__name__}({lines}\n)'
