"""Importing a light part loads nothing heavy, even where everything is installed."""
from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize('module', [
    'mmengine', 'mmengine.interfaces', 'mmengine.utils', 'mmengine.logging', 'mmengine.registry', 'mmengine.config',
    'mmengine.fileio', 'mmengine.visualization', 'mmengine.integrations.tensorboard',
])
def test_import_loads_neither_torch_nor_matplotlib_nor_opencv(module: str) -> None:
    heavy = ('torch', 'matplotlib', 'cv2', 'tensorboard', 'tensorboardX')
    code = f'import sys, {module}; print(*(m for m in {heavy} if m in sys.modules))'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_top_level_names_come_from_their_parts() -> None:
    import mmengine
    from mmengine.config import Config
    from mmengine.registry import MODELS
    assert mmengine.Config is Config
    assert mmengine.MODELS is MODELS
    assert {'Config', 'MODELS', 'runner'} <= set(dir(mmengine))
    with pytest.raises(AttributeError, match='nonsense'):
        mmengine.nonsense  # noqa: B018
