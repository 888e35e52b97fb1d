"""The demo: train, test, show where everything is, then resume from the middle and compare the weights.

    python demo.py [KEY=VALUE ...]

Ends with an error if the resumed run differs from the uninterrupted one in a single bit, or if the digits are not
learnt to 97 %.
"""
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor
from train import read_config, read_options

from mmengine.runner import Runner

TARGET = 97.0
console = Console(highlight=False, soft_wrap=True)


def train(options: dict[str, Any]) -> Runner:
    """Train once, as one would do in a script of one's own."""
    runner = Runner.from_cfg(read_config(options))
    runner.train()
    return runner


def differing(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> list[str]:
    """Name the tensors that are not the same bit for bit."""
    return [name for name in ours.keys() | theirs.keys()
            if name not in ours or name not in theirs or not torch.equal(ours[name], theirs[name])]


def show_files(runner: Runner) -> None:
    """Say where everything is, and that it is there."""
    work_dir, log_dir = Path(runner.work_dir), Path(runner.log_dir)
    found = {
        'log': log_dir.glob('*.log'),
        'config as it was run': log_dir.glob('vis_data/config.py'),
        'scalars': log_dir.glob('vis_data/scalars.json'),
        'curves of loss and accuracy': log_dir.glob('**/curves.png'),
        'test pictures with predictions': log_dir.glob('predictions.png'),
        'TensorBoard': log_dir.glob('vis_data/events.out.tfevents.*'),
        'best checkpoint': work_dir.glob('best_*.pth'),
        'name of the last checkpoint': work_dir.glob('last_checkpoint'),
    }
    missing = []
    for what, files in found.items():
        file = max(files, default=None, key=lambda f: f.stat().st_mtime)
        console.print(f'[bold]{what:32}[/] {os.path.relpath(file) if file else "-"}')
        missing += [] if file else [what]
    if missing:
        raise SystemExit(f'not written: {", ".join(missing)}')


def main() -> None:
    """Run the demo."""
    options = read_options()
    start = time.perf_counter()
    whole = train(options)
    accuracy = whole.test()['accuracy']
    seconds = time.perf_counter() - start
    weights = {name: value.clone() for name, value in whole.model.state_dict().items()}

    middle = Path(whole.work_dir) / f'epoch_{whole.max_epochs // 2}.pth'
    console.rule(f'Resuming from {middle}')
    resumed = train({**options, 'load_from': str(middle), 'resume': True, 'work_dir': f'{whole.work_dir}/resumed'})
    different = differing(weights, resumed.model.state_dict())

    console.rule('Where everything is')
    show_files(whole)
    console.print(f'Trained in {seconds:.0f} s to a test accuracy of {accuracy:.2f} %.')
    if different:
        raise SystemExit(f'The run resumed from {middle} ended with other weights: {", ".join(sorted(different))}')
    console.print(f'The run resumed from {middle} ended with the same weights: {len(weights)} tensors, bit for bit.')
    if not options and accuracy < TARGET:
        raise SystemExit(f'But {accuracy:.2f} % is less than the {TARGET} % that this demo promises.')


if __name__ == '__main__':
    main()
