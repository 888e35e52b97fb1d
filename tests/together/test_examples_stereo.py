"""Disparity from the stereo pair of scikit-image, shorter than its README runs it."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest


def test_disparity_is_learnt(run_example: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip('skimage')
    said = run_example('stereo/train.py', 'train_cfg.max_epochs=1', 'work_dir=work')
    error = re.search(r'([\d.]+) pixels off on average', said)
    assert error is not None
    assert float(error[1]) < 2.5  # where the median of the training pixels is 3.7 off
    assert list((tmp_path / 'work').rglob('disparity_*.png'))
