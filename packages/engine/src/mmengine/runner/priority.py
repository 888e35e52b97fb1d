"""In which order hooks are called: names for the numbers from 0 (first) to 100 (last)."""
from __future__ import annotations

from enum import Enum

from mmengine.utils.suggest import did_you_mean


class Priority(Enum):
    """The named priorities; every number between them is one as well.

    ============  =====
    HIGHEST           0
    VERY_HIGH        10
    HIGH             30
    ABOVE_NORMAL     40
    NORMAL           50
    BELOW_NORMAL     60
    LOW              70
    VERY_LOW         90
    LOWEST          100
    ============  =====
    """

    HIGHEST = 0
    VERY_HIGH = 10
    HIGH = 30
    ABOVE_NORMAL = 40
    NORMAL = 50
    BELOW_NORMAL = 60
    LOW = 70
    VERY_LOW = 90
    LOWEST = 100


def get_priority(priority: int | str | Priority) -> int:
    """Give the number of a priority.

    Args:
        priority: A number, a name in upper or lower case, or a `Priority`.

    Raises:
        ValueError: The number is not between 0 and 100.
        KeyError: There is no priority of this name.
        TypeError: It is neither of them.
    """
    if isinstance(priority, Priority):
        return priority.value
    if isinstance(priority, int):
        if not 0 <= priority <= 100:
            raise ValueError(f'priority must be between 0 and 100, but got {priority}')
        return priority
    if isinstance(priority, str):
        name = priority.upper()
        if name not in Priority.__members__:
            raise KeyError(f'priority {priority!r} is unknown.{did_you_mean(name, Priority.__members__)} '
                           f'There are {", ".join(Priority.__members__)}, and numbers from 0 to 100')
        return Priority[name].value
    raise TypeError(f'priority must be an integer or Priority enum value, but got {priority!r}')
