"""The digits in the pure Python style are the same experiment as in the text style."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from mmengine.runner import Runner


def test_both_styles_end_with_the_same_weights(build: Callable[..., Runner], example: Path, tmp_path: Path) -> None:
    from train import read_config
    text = build(train_cfg__max_epochs=1)
    text.train()
    expected = {name: value.clone() for name, value in text.model.state_dict().items()}
    cfg = read_config({'work_dir': str(tmp_path / 'lazy'), 'train_cfg.max_epochs': 1, 'default_hooks.progress': None,
                       'default_hooks.curves': None}, example / 'lazy_config.py')
    lazy = Runner.from_cfg(cfg)
    lazy.train()
    found = lazy.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert 'SmallNet' in (tmp_path / 'lazy' / 'lazy_config.py').read_text()
