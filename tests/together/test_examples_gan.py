"""The GAN of two optimizers, shorter than its README runs it."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import torch


def test_two_optimizers_in_turn(run_example: Callable[..., str], tmp_path: Path) -> None:
    said = run_example('gan/train.py', 'train_cfg.max_epochs=12', 'train_cfg.val_interval=12', 'work_dir=work',
                       'default_hooks.checkpoint.interval=12')
    before, after = (float(number) for number in re.findall(r'distance \w+ the training: ([\d.]+)', said))
    assert after < before / 2
    file, = (tmp_path / 'work').rglob('scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {'loss_dis', 'loss_gen', 'generator.lr', 'discriminator.lr'} <= set().union(*rows)
    kept = torch.load(tmp_path / 'work' / 'epoch_12.pth', weights_only=False)
    assert kept['optimizer'].keys() == kept['param_schedulers'].keys() == {'generator', 'discriminator'}
    assert len(list((tmp_path / 'work').rglob('made_*.png'))) == 2
