"""Train and test the detector: `python train.py [KEY=VALUE ...]`."""
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
    runner.train()
    found = runner.test()
    print(f'{found["coins"]:.0f} coins that were not in the training: average precision {found["ap50"]:.2f} '
          f'at an overlap of 0.5, {found["ap75"]:.2f} at 0.75')
