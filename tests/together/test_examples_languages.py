"""Text classification on the names that Babel carries, shorter than its README runs it."""
from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


def test_languages_are_told_apart(run_example: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip('babel')
    said = run_example('languages/train.py', 'train_cfg.max_epochs=2', 'work_dir=work')
    share = re.search(r'([\d.]+) % of the names', said)
    assert share is not None
    assert float(share[1]) > 50
    assert len(re.findall(r'\b[a-z]{2} \d+ %', said)) == 12
    assert list((tmp_path / 'work').glob('best_accuracy_epoch_*.pth'))


def test_no_name_is_in_both_splits(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('babel')
    monkeypatch.syspath_prepend(str(example.parent / 'languages'))
    monkeypatch.delitem(sys.modules, 'languages', raising=False)
    from languages import Names
    train, test = ([record['text'] for record in Names(split).load_data_list()] for split in ('train', 'test'))
    assert not set(train) & set(test)
    assert len(train) == len(set(train)) > 3 * len(test) > 3000
