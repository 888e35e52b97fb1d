"""Train the GAN: `python train.py [KEY=VALUE ...]`."""
from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('options', nargs='*', action=DictAction, metavar='KEY=VALUE', help='override keys')
    cfg = Config.fromfile(Path(__file__).parent / 'config.py')
    cfg.merge_from_dict(parser.parse_args().options or {})
    runner = Runner.from_cfg(cfg)
    print(f'distance before the training: {runner.val()["distance"]:.1f}')
    runner.train()
    print(f'distance after the training: {runner.val()["distance"]:.1f}')
