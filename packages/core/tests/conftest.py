"""What every test of core starts from: no instance of an earlier one, no variables of a launcher."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmengine.logging import MessageHub, MMLogger


@pytest.fixture(autouse=True)
def fresh_instances(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'CUDA_VISIBLE_DEVICES', 'NO_COLOR'):
        monkeypatch.delenv(variable, raising=False)
    yield
    for cls in (MMLogger, MessageHub):
        for instance in list(cls._instance_dict.values()):
            instance.release()
