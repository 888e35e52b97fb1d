"""Mixed precision on any device."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mmengine.device import get_device


@contextmanager
def autocast(device_type: str | None = None, dtype: torch.dtype | None = None, enabled: bool = True,
             cache_enabled: bool | None = None) -> Iterator[None]:
    """Run in mixed precision, like `torch.autocast` with defaults that fit the machine.

    Args:
        device_type: The device, `get_device()` by default.
        dtype: Precision; by default float16, and bfloat16 on the CPU.
        enabled: Whether to do anything.
        cache_enabled: Whether weights cast once are kept within the block; torch's default if None.

    Raises:
        ValueError: The device has no mixed precision.
    """
    chosen = device_type or get_device()
    if not enabled and not torch.amp.is_autocast_available(chosen):
        yield
        return
    if not torch.amp.is_autocast_available(chosen):
        raise ValueError(f'User specified autocast device_type must have mixed precision, but got {chosen!r}')
    if dtype is None:
        dtype = torch.bfloat16 if chosen == 'cpu' else torch.float16
    with torch.autocast(device_type=chosen, enabled=enabled, dtype=dtype, cache_enabled=cache_enabled):
        yield
