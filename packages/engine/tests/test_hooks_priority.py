"""Names and numbers of priorities."""
from __future__ import annotations

import re
from typing import Any

import pytest

from mmengine.runner.priority import Priority, get_priority


@pytest.mark.parametrize(('priority', 'number'), [
    ('HIGHEST', 0), ('VERY_HIGH', 10), ('HIGH', 30), ('ABOVE_NORMAL', 40), ('NORMAL', 50), ('BELOW_NORMAL', 60),
    ('LOW', 70), ('VERY_LOW', 90), ('LOWEST', 100), ('Lowest', 100), (Priority.LOW, 70), (0, 0), (55, 55), (100, 100)])
def test_number(priority: Any, number: int) -> None:
    assert get_priority(priority) == number


@pytest.mark.parametrize(('priority', 'error', 'words'), [
    (-1, ValueError, 'priority must be between 0 and 100, but got -1'), (101, ValueError, 'between 0 and 100'),
    (0.5, TypeError, 'priority must be an integer or Priority enum value, but got 0.5'),
    ('NORMEL', KeyError, "Did you mean 'NORMAL'")])
def test_what_is_none(priority: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        get_priority(priority)
