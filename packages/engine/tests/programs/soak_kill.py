"""Kill runs at random moments, fill their disk, damage their checkpoints; resume each, and compare it with a whole run.

    python soak_kill.py [--count 200] [--seed 0] [--kinds kill,async,disk,flip,cut] [--folder FOLDER]

Each trial is a run of its own in a process that is forked from this one. `kill` and `async` end it by SIGKILL at a
random moment, `disk` gives it less room than it needs (a tmpfs where this process may mount one, else a limit on the
size of files), `flip` and `cut` change one bit of its newest checkpoint, or cut it off, after a kill. After each, no
file under the name of a checkpoint may be unreadable (but for the one that was damaged on purpose), no more than an
interval may be lost (three where a thread writes), and the run that is resumed must end with the weights of one that
was never touched.
"""
from __future__ import annotations

import argparse
import mmap
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from mmengine.checkpoint import BrokenCheckpointError, find_latest_checkpoint, read_checkpoint
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

ITERATIONS, INTERVAL, VALIDATE = 24, 2, 6
KINDS = ('kill', 'async', 'disk', 'flip', 'cut')
DAMAGES = ('flip', 'cut')
MEGABYTE = 1 << 20


class Net(BaseModel):
    """Weights of half a megabyte, so that writing them takes a while."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 256), nn.BatchNorm1d(256), nn.Dropout(0.1), nn.Linear(256, 512),
                                    nn.Linear(512, 1))

    def forward(self, inputs: Any, mode: str = 'tensor') -> Any:
        """Give the loss or values."""
        found = self.layers(torch.stack(inputs))
        return dict(loss=found.pow(2).mean()) if mode == 'loss' else list(found)


class Noise(Dataset[Any]):
    """Other numbers each time."""

    def __len__(self) -> int:
        return 32

    def __getitem__(self, index: int) -> dict[str, Any]:
        return dict(inputs=torch.rand(8) + index)


class Score(BaseMetric):
    """A number that changes as the training goes on."""

    default_prefix = 'net'

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Keep the values."""
        self.results.extend(float(abs(sample)) for sample in data_samples)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Give their mean."""
        return dict(score=sum(results) / len(results))


class Counts(Hook):
    """Tells the parent how many iterations are finished, whatever happens to this process."""

    priority = 'LOWEST'

    def __init__(self, shared: mmap.mmap) -> None:
        self.shared = shared

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Tell."""
        self.shared[0] = runner.iter + 1


def train(folder: Path, shared: mmap.mmap, kind: str) -> None:
    """Run, or go on where a run was."""
    torch.manual_seed(0)
    loader = dict(batch_size=4, dataset=Noise())
    checkpoint = dict(type='CheckpointHook', by_epoch=False, interval=INTERVAL, max_keep_ckpts=2, save_best='net/score',
                      rule='less', async_save=kind == 'async')
    Runner(
        model=Net(), work_dir=str(folder), log_level='ERROR', resume=True, randomness=dict(seed=0),
        train_dataloader=dict(loader, sampler=dict(type='InfiniteSampler')),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        train_cfg=dict(by_epoch=False, max_iters=ITERATIONS, val_interval=VALIDATE), val_cfg={},
        val_evaluator=[Score()],
        optim_wrapper=dict(accumulative_counts=3, optimizer=dict(type='Adam', lr=0.001)),
        param_scheduler=dict(type='CosineAnnealingLR', T_max=ITERATIONS, by_epoch=False),
        default_hooks=dict(checkpoint=checkpoint), custom_hooks=[dict(type='EMAHook'), Counts(shared)]).train()


def in_a_child(work: Callable[[], None], log: Path, kill_after: float | None = None) -> int:
    """Work in a forked process, which is killed after a time; give its exit status, negative for a signal."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            work()
            code = 0
        except BaseException:  # to the log; the parent sees the status
            traceback.print_exc()
        finally:
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Soak:
    """The trials, and what they are compared with.

    Args:
        folder: Where the runs go.
        seed: Seed of the moments.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.shared = mmap.mmap(-1, 1)
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        # In this process first: what a run imports is there for the children, so that each of them is quick.
        train(folder / 'whole', self.shared, 'kill')
        begin = time.monotonic()
        if self.run(folder / 'again', 'kill') != 0:
            raise RuntimeError((folder / 'log').read_text())
        self.length = time.monotonic() - begin
        self.whole = self.final(folder / 'whole')

    def run(self, folder: Path, kind: str, kill_after: float | None = None, limit: int | None = None) -> int:
        """Run in a child, with a limit on the size of files if one is given."""
        def work() -> None:
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            train(folder, self.shared, kind)

        self.shared[0] = 0
        return in_a_child(work, self.folder / 'log', kill_after)

    def final(self, folder: Path) -> dict[str, Any]:
        """Read the weights at the end."""
        weights: dict[str, Any] = read_checkpoint(folder / f'iter_{ITERATIONS}.pth')['state_dict']
        return weights

    def trial(self, number: int, kind: str) -> None:
        """Disturb one run, and resume it."""
        name = f'{number}-{kind}'
        with self.place(name, kind) as folder:
            if kind == 'disk':
                self.run_out_of_room(folder)
            elif self.run(folder, kind, self.random.uniform(0.4 if kind in DAMAGES else 0, 1.1) * self.length) == 0:
                self.counts[f'{kind}: had ended'] += 1
            if any(folder.glob('.*.tmp')):
                self.counts[f'{kind}: within a write'] += 1
            self.look(folder, name, kind)
            damaged = self.damage(folder, kind) if kind in DAMAGES else None
            self.resume(folder, name, kind)
            if damaged is not None:
                self.counts[f'{kind}: damaged'] += 1
        self.counts[kind] += 1

    @contextmanager
    def place(self, name: str, kind: str) -> Iterator[Path]:
        """Give a folder; for a full disk a file system of its own where that is possible."""
        folder = self.folder / name
        folder.mkdir()
        command = ['mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', str(folder)]
        mounted = kind == 'disk' and shutil.which('mount') is not None and \
            subprocess.run(command, capture_output=True, check=False).returncode == 0
        try:
            yield folder
        finally:
            if mounted:
                subprocess.run(['umount', '-l', str(folder)], check=True)
            shutil.rmtree(folder)

    def run_out_of_room(self, folder: Path) -> None:
        """Run with less room than is needed for all that is written, at a random point."""
        if os.path.ismount(folder):
            filler, room = folder / 'filler', self.random.uniform(0.5, 12) * MEGABYTE
            with open(filler, 'wb') as file:
                left = shutil.disk_usage(folder).free - int(room)
                file.write(bytes(max(left, 0)))
            status = self.run(folder, 'disk')
            filler.unlink()
        else:
            limit = int(self.random.uniform(0.1, 4) * MEGABYTE)
            status = self.run(folder, 'disk', limit=limit)
        self.counts['disk: ran out of room' if status else 'disk: had room'] += 1
        if status not in (0, 1):
            self.faults.append(f'{folder.name}: ended with {status}')

    def look(self, folder: Path, name: str, kind: str) -> None:
        """Look at what is there after a run was disturbed."""
        for file in folder.glob('*.pth'):
            try:
                read_checkpoint(file)
            except BrokenCheckpointError as error:
                self.faults.append(f'{name}: {error}')
        newest = find_latest_checkpoint(str(folder))
        saved = read_checkpoint(newest)['meta']['iter'] if newest is not None else 0
        lost = self.shared[0] - saved
        # Of a thread two copies may wait to be written, besides the one that the next save would have been.
        allowed = 3 * INTERVAL if kind == 'async' else INTERVAL
        self.counts[f'{kind}: lost {max(lost, 0)}'] += 1
        if lost > allowed:
            self.faults.append(f'{name}: {lost} iterations lost, {self.shared[0]} were finished')

    def damage(self, folder: Path, kind: str) -> Path | None:
        """Change one bit of the newest checkpoint, or cut it off, if another one is there."""
        newest = find_latest_checkpoint(str(folder))
        if newest is None or len([*folder.glob('iter_*.pth')]) < 2:
            return None
        file = Path(newest)
        data = bytearray(file.read_bytes())
        position = self.random.randrange(len(data) - 40)
        if kind == 'flip':
            data[position] ^= 1 << self.random.randrange(8)
        else:
            del data[position:]
        file.write_bytes(data)
        return file

    def resume(self, folder: Path, name: str, kind: str) -> None:
        """Resume, and compare the end."""
        status = self.run(folder, kind)
        if status != 0:
            self.faults.append(f'{name}: resuming ended with {status}')
            return
        ours = self.final(folder)
        if ours.keys() != self.whole.keys() or not all(torch.equal(ours[key], self.whole[key]) for key in ours):
            self.faults.append(f'{name}: ends with other weights')
        self.counts[f'{kind}: equal at the end'] += 1


def main(arguments: list[str] | None = None) -> list[str]:
    """Do all trials, print what came of them, and give what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=200)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--kinds', default=','.join(KINDS))
    parser.add_argument('--folder')
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    kinds = args.kinds.split(',')
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        soak = Soak(Path(folder), args.seed)
        for number in range(args.count):
            soak.trial(number, kinds[number % len(kinds)])
    for key, count in sorted(soak.counts.items()):
        print(f'{count:5} {key}')
    print('\n'.join(soak.faults) or f'{args.count} runs disturbed and resumed: nothing unreadable, nothing different')
    return soak.faults


if __name__ == '__main__':
    sys.exit(bool(main()))
