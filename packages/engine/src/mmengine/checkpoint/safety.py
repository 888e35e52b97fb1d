"""Read a checkpoint without running code of its own."""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import torch

from mmengine.checkpoint.inert_types import RefusedError, inert_types

#: An environment variable for those who can't pass `trusted=True`, a script of somebody else's for example.
TRUST_VARIABLE = 'MMENGINE_TRUST_CHECKPOINTS'


class UnsafeCheckpointError(RuntimeError):
    """A checkpoint holds objects whose loading could run any code, and nobody said that it is trusted."""


def is_trusted(trusted: bool) -> bool:
    """Tell whether the user said, by argument or environment, that a checkpoint may run code."""
    return trusted or os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'true', 'yes')


def load_safely(file: Any, map_location: str | torch.device | Callable[..., Any] | None, name: str,
                trusted: bool = False) -> Any:
    """Read what `torch.save` wrote, with nothing but tensors, plain containers and the allowed types.

    Args:
        file: Open binary file.
        map_location: Where tensors go, as in `torch.load`.
        name: What to call the file in an error.
        trusted: Whether the file may hold any object. Its loading may then run any code.

    Raises:
        UnsafeCheckpointError: The file holds other types, and is not trusted.
    """
    if is_trusted(trusted):
        return torch.load(file, map_location=map_location, weights_only=False)
    try:
        with torch.serialization.safe_globals(list(inert_types())):
            return torch.load(file, map_location=map_location, weights_only=True)
    except Exception as error:
        found = _refused(error, file)
        if found is None:
            raise
        raise UnsafeCheckpointError(
            f'{name} holds {found}, and reading such objects can run any code. If you trust where the file comes '
            f'from, say so: load_checkpoint(..., trusted=True), Runner(..., trust_checkpoint=True), or '
            f'{TRUST_VARIABLE}=1 in the environment. Saved again, it is safe to read.') from None


def _refused(error: Exception, file: Any) -> str | None:
    """Tell which types the safe reader refused; None for any other failure."""
    text = str(error)
    named = re.search(r'(?:Unsupported global: GLOBAL|unsupported GLOBAL|unsupported class) (\S+)', text, re.IGNORECASE)
    if named:
        return ', '.join(_all_refused(file) or [repr(named.group(1))])
    if isinstance(error, RefusedError):
        return f'more than its types may have: {error}'
    refused = ('Trying to call reduce', 'Can only create new object', 'Can only build', 'Can only append',
               'Can only extend')
    return 'objects of types that are not listed' if any(words in text for words in refused) else None


def _all_refused(file: Any) -> list[str]:
    """List all types that are refused, where the format of the file lets them be listed; torch names the first."""
    try:
        file.seek(0)
        with torch.serialization.safe_globals(list(inert_types())):
            return sorted(map(repr, torch.serialization.get_unsafe_globals_in_checkpoint(file)))
    except Exception:  # torch has no kind of its own for the older format
        return []
