"""Train, test and resume the example from the command line.

    python train.py                                       # train on digits, then test
    python train.py dataset=fashion train_cfg.max_epochs=5  # any key of the config
    python train.py resume=True                           # go on where the last run was broken off
    python train.py config=lazy_config.py                 # the same experiment in the pure Python style
"""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

CONFIG = Path(__file__).parent / 'config.py'


def read_config(options: dict[str, Any], file: Path = CONFIG) -> Config:
    """Read the config with some keys overridden; the one word `dataset` stands for that of all three loaders."""
    cfg = Config.fromfile(file)
    cfg.merge_from_dict(options)
    if 'dataset' in cfg:
        for split in ('train', 'val', 'test'):
            cfg[f'{split}_dataloader'].dataset.type = cfg.dataset
    return cfg


def read_options() -> dict[str, Any]:
    """Read KEY=VALUE pairs from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('options', nargs='*', action=DictAction, metavar='KEY=VALUE', help='override keys')
    return parser.parse_args().options or {}


if __name__ == '__main__':
    options = read_options()
    file = CONFIG.with_name(options.pop('config', CONFIG.name))
    runner = Runner.from_cfg(read_config(options, file))
    runner.train()
    runner.test()
