"""How long `mmengine train CONFIG` takes to the first iteration, beside a bare loop: `bench_start.py [--rounds 9]`.

The config is that of examples/digits. The bare loop is a script that imports torch and scikit-learn's digits, and
trains the same network without any framework. Both end after their first iteration. Fresh interpreters take turns after
one round that counts for nothing; the figures are the least CPU time of the process, and their ratio. Nothing is
asserted.
"""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / 'examples' / 'digits'

BARE = '''
import os, time
import torch
from sklearn.datasets import load_digits
from torch import nn

def block(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

found = load_digits()
pictures = torch.from_numpy(found.images).float()[:, None] / 16
data = torch.utils.data.TensorDataset(pictures, torch.from_numpy(found.target))
loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
model = nn.Sequential(block(1, 16), block(16, 32), nn.MaxPool2d(2), block(32, 32), nn.AdaptiveAvgPool2d(4),
                      nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
for inputs, labels in loader:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(inputs), labels).backward()
    optimizer.step()
    print('first iteration', time.process_time(), flush=True)
    os._exit(0)
'''

HOOK = '''
import os, time
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

@HOOKS.register_module()
class EndAfterTheFirst(Hook):
    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        print('first iteration', time.process_time(), flush=True)
        os._exit(0)
'''

CONFIG = f'''
_base_ = {str(EXAMPLE / 'config.py')!r}
custom_imports = dict(imports=['digits', 'fashion', 'network', 'end_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='EndAfterTheFirst')]
'''

PROGRAM = 'from mmengine.cli import main; main()'


def seconds(command: list[str], folder: Path) -> float:
    """Run a program up to its first iteration, and give the CPU time that it took so far."""
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join([str(EXAMPLE), str(folder)])}
    done = subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)
    return float(done.stdout.rpartition('first iteration ')[2].split()[0])


def main() -> None:
    """Take turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (('bare.py', BARE), ('end_hook.py', HOOK), ('config.py', CONFIG)):
            (folder / file).write_text(text, encoding='utf-8')
        contenders = {
            'import torch': [sys.executable, '-c', 'import time, torch; print("first iteration", time.process_time())'],
            'bare loop': [sys.executable, 'bare.py'],
            'mmengine train': [sys.executable, '-c', PROGRAM, 'train', 'config.py', '--work-dir', 'work'],
        }
        taken = _in_turns(contenders, folder, args.rounds)
    least = {what: min(figures) for what, figures in taken.items()}
    print(f'least CPU seconds of {args.rounds}, up to the first iteration\n\n'
          '| | seconds | of the bare loop |\n| --- | --- | --- |')
    for what, figure in least.items():
        print(f'| {what} | {figure:.2f} | {figure / least["bare loop"]:.3f} |')


def _in_turns(contenders: dict[str, list[str]], folder: Path, rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {what: [] for what in contenders}
    for number in range(rounds + 1):
        for what, command in contenders.items():
            figure = seconds(command, folder)
            taken[what] += [figure] if number else []  # the first reads the disk and compiles
    return taken


if __name__ == '__main__':
    main()
