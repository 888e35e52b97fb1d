"""Which types a checkpoint may hold, so that reading one never runs code of its own."""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mmengine.logging import HistoryBuffer

#: An environment variable for those who can't pass `trusted=True`, a script of somebody else's for example.
TRUST_VARIABLE = 'MMENGINE_TRUST_CHECKPOINTS'


class UnsafeCheckpointError(RuntimeError):
    """A checkpoint holds objects whose loading could run any code, and nobody said that it is trusted."""


def _numpy_types() -> list[Any]:
    """NumPy's own constructors: checkpoints of the family hold NumPy scalars and arrays."""
    array = np.zeros(1)
    reconstruct, scalar = array.__reduce__()[0], array[0].__reduce__()[0]
    dtypes = {type(np.dtype(code)) for code in np.typecodes['All'] if code not in 'OV'}
    # The paths that NumPy 1 wrote and NumPy 2 reads under other names.
    aliases = [(reconstruct, 'numpy.core.multiarray._reconstruct'), (scalar, 'numpy.core.multiarray.scalar'),
               (reconstruct, 'numpy._core.multiarray._reconstruct'), (scalar, 'numpy._core.multiarray.scalar')]
    return [np.ndarray, np.dtype, *aliases, *dtypes]


def _statistic(history: type, name: str) -> Any:
    """Stand in for `getattr`, by which upstream's pickled histories name their statistics, and for nothing else."""
    if history is not HistoryBuffer or name.startswith('_') or not hasattr(HistoryBuffer, name):
        raise UnsafeCheckpointError(f'a checkpoint asks for the attribute {name!r} of {history!r}')
    return getattr(HistoryBuffer, name)


def allowed_types() -> list[Any]:
    """List the types beside tensors and plain containers that the safe loader accepts."""
    return [HistoryBuffer, (_statistic, 'builtins.getattr'), *_numpy_types()]


def is_trusted(trusted: bool) -> bool:
    """Tell whether the user said, by argument or environment, that a checkpoint may run code."""
    return trusted or os.environ.get(TRUST_VARIABLE, '').lower() in ('1', 'true', 'yes')


def load_safely(file: Any, map_location: str | torch.device | Callable[..., Any] | None, name: str,
                trusted: bool = False) -> Any:
    """Read what `torch.save` wrote, with nothing but tensors, plain containers and the allowed types.

    Args:
        file: Path or open binary file.
        map_location: Where tensors go, as in `torch.load`.
        name: What to call the file in an error.
        trusted: Whether the file may hold any object. Its loading may then run any code.

    Raises:
        UnsafeCheckpointError: The file holds other types, and is not trusted.
    """
    if is_trusted(trusted):
        return torch.load(file, map_location=map_location, weights_only=False)
    try:
        with torch.serialization.safe_globals(allowed_types()):
            return torch.load(file, map_location=map_location, weights_only=True)
    except Exception as error:
        blocked = _blocked_names(error)
        if blocked is None:
            raise
        raise UnsafeCheckpointError(
            f'{name} holds {blocked}, and reading such objects can run any code. If you trust where the file comes '
            f'from, say so: load_checkpoint(..., trusted=True), Runner(..., trust_checkpoint=True), or '
            f'{TRUST_VARIABLE}=1 in the environment. Saved again, it is safe to read.') from None


def _blocked_names(error: Exception) -> str | None:
    """Take the types that the safe loader refused out of its error; None for any other failure."""
    text = str(error)
    named = re.search(r'(?:Unsupported global: GLOBAL|unsupported GLOBAL|unsupported class) (\S+)', text, re.IGNORECASE)
    if named:
        return repr(named.group(1))
    refused = ('Trying to call reduce', 'Can only create new object', 'Can only build')
    return 'objects of types that are not listed' if any(words in text for words in refused) else None
