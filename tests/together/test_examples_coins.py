"""The detector of coins on scikit-image's photograph, shorter than its README runs it."""
from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from mmengine.visualization.drawing.annotate import class_color


def test_coins_are_found(run_example: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip('skimage')
    said = run_example('coins/train.py', 'train_cfg.max_epochs=3', 'train_cfg.val_interval=3', 'work_dir=work')
    found = re.search(r'(\d+) coins that were not in the training: average precision ([\d.]+) at', said)
    assert found is not None
    assert int(found[1]) == 12
    assert float(found[2]) > 0.7
    file, = (tmp_path / 'work').rglob('scalars.json')
    losses = [row['loss'] for row in map(json.loads, file.read_text().splitlines()) if 'loss' in row]
    assert losses[-1] < 0.8 * losses[0]
    picture, = (tmp_path / 'work').rglob('coins_*.png')
    with Image.open(picture) as drawn:
        assert drawn.size == (768, 306)
        colours = {colour for _, colour in drawn.getcolors(drawn.width * drawn.height) or ()}
    assert {class_color(0), class_color(1)} <= colours  # what is true and what was found


def test_what_average_precision_counts(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(example.parent / 'coins'))
    for name in ('detector', 'evaluation'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    from detector import overlaps
    from evaluation import average_precision
    true = torch.tensor([[0., 0, 10, 10], [20, 0, 30, 10]])
    found = torch.tensor([[0., 0, 10, 5], [20, 0, 30, 10], [0, 0, 10, 10], [40, 0, 50, 10]])
    shares = overlaps(found, true)
    assert shares.tolist() == [[0.5, 0], [0, 1], [1, 0], [0, 0]]
    scores = torch.tensor([0.7, 0.6, 0.8, 0.9])  # a second box of the first, right, right, wrong
    assert average_precision([(scores, shares)], 0.5) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert average_precision([(scores[:3], shares[:3])], 0.5) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([(scores[:0], shares[:0]), (scores[:1], shares[:1])], 0.6) == 0
    assert average_precision([(scores[:1], shares[:1, :0])], 0.5) == 0
