"""How values and positions look in a line of the log; programs read these lines, so every blank counts."""
from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import numpy as np
import torch

#: Between any two items of a line.
SEPARATOR = '  '


def epoch_field(epoch: int, max_epochs: int | None) -> str:
    """Write the epoch in brackets, with blanks before it where later ones have more digits."""
    field = f'[{epoch}]'
    return field if max_epochs is None else field.rjust(len(str(max_epochs)) + 3)


def duration(seconds: float) -> str:
    """Write seconds as `1 day, 2:03:04`."""
    return str(timedelta(seconds=int(seconds)))


def fixed(value: Any, digits: int) -> str:
    """Write a float with so many digits behind the point, an array below the line, anything else as it is."""
    if isinstance(value, float):
        return f'{value:.{digits}f}'
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return f'\n{value}\n'
    return str(value)


def items(pairs: Iterable[tuple[str, Any]], digits: int) -> str:
    """Write names with their values."""
    return SEPARATOR.join([f'{name}: {value:.{digits}f}' if type(value) is float else f'{name}: {fixed(value, digits)}'
                           for name, value in pairs])
