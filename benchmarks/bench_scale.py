"""What grows with the number of ranks, measured at 1 to 8 and modelled to 4,096: `bench_scale.py [--ranks 1 2 4 8]`.

Ranks are processes on this machine that talk by gloo, most of them more than it has cores; so what is compared is the
CPU time of a rank, not the time on the wall. Four costs, of process 0 and the mean of the others:

* start-up: from the start of the process to its first iteration, imports, process group and building included;
* step: what an iteration of the runner takes beyond a bare loop with DistributedDataParallel;
* gather: collecting predictions of a validation, a fixed number on each rank;
* checkpoint: saving the state of a run, of which each rank adds its random generators and its own buffers.

Which costs grow is known from the code: process 0 alone gets the predictions of all, and the states of their random
generators; the rest is the same for any number. Of what grows, a line `a + b * ranks` is fitted by least squares,
from 2 ranks on; of what does not, the mean is taken, and its spread shown. Both are printed up to 4,096 ranks: what
this code would add there if the network cost nothing. What the fabric takes on top is not in it.
"""
from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

COSTS = {'start': 'start-up, s', 'step': 'step, us', 'gather': 'gather, ms', 'checkpoint': 'checkpoint, ms'}
#: What grows with the number of ranks, at process 0 and at the others.
GROWS: dict[str, set[str]] = {'rank 0': {'gather', 'checkpoint'}, 'other ranks, mean': set()}
PREDICTIONS = 1000  # on each rank
ITERATIONS = 300
MODELLED = (64, 512, 4096)


def train_bare(model: Any, batch: Any, iterations: int) -> float:
    """Train in a loop written by hand; gives the CPU seconds of an iteration."""
    import torch
    from torch.nn.parallel import DistributedDataParallel

    wrapped = DistributedDataParallel(model) if torch.distributed.is_initialized() else model
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.01)
    for index in range(iterations + 50):
        if index == 50:
            begin = time.thread_time()
        loss = torch.nn.functional.mse_loss(wrapped(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.thread_time() - begin) / iterations


def measure(folder: str) -> dict[str, float]:
    """Measure in this process, with the others."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from mmengine import dist
    from mmengine.hooks import Hook
    from mmengine.model import BaseModel
    from mmengine.runner import Runner

    torch.set_num_threads(1)
    marks: dict[str, float] = {}

    class Clock(Hook):
        def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
            marks.setdefault('first', time.process_time())
            if runner.iter == 50:
                marks['begin'] = time.thread_time()

        def after_train(self, runner: Any) -> None:
            marks['end'] = time.thread_time()

    class Wrapped(BaseModel):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))

        def forward(self, inputs: Any, targets: Any, mode: str = 'tensor') -> Any:
            return {'loss': torch.nn.functional.mse_loss(self.net(inputs), targets)}

    data = TensorDataset(torch.randn(4, 16), torch.randn(4, 4))
    loader = {'dataset': data, 'batch_size': 4, 'sampler': {'type': 'InfiniteSampler'},
              'collate_fn': {'type': 'default_collate'}}
    distributed = int(os.environ['WORLD_SIZE']) > 1
    runner = Runner(
        model=Wrapped(), work_dir=folder, train_dataloader=loader, launcher='pytorch' if distributed else 'none',
        train_cfg={'by_epoch': False, 'max_iters': ITERATIONS + 50}, log_level='ERROR', custom_hooks=[Clock()],
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.01}}, default_hooks={'checkpoint': None},
        env_cfg={'dist_cfg': {'backend': 'gloo'}}, log_processor={'by_epoch': False})
    runner.train()
    bare = train_bare(Wrapped().net, next(iter(DataLoader(data, batch_size=4))), ITERATIONS)
    ours = (marks['end'] - marks['begin']) / ITERATIONS

    ranks = dist.get_world_size()
    share = [{'id': index, 'bbox': [1.5] * 4, 'scores': torch.full((10,), 1.0)} for index in range(PREDICTIONS)]
    dist.collect_results(share[:2], 2 * ranks, 'cpu')
    dist.barrier()
    begin = time.process_time()
    dist.collect_results(share, PREDICTIONS * ranks, 'cpu')
    gather = time.process_time() - begin
    dist.barrier()
    begin = time.process_time()
    runner.collect_rank_states()
    runner.save_checkpoint(folder, 'scale.pth')
    checkpoint = time.process_time() - begin
    dist.barrier()
    return {'start': marks['first'], 'step': (ours - bare) * 1e6, 'gather': gather * 1e3,
            'checkpoint': checkpoint * 1e3}


def run(ranks: int) -> list[dict[str, float]]:
    """Start the processes, and give what each measured."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
        free.close()
        common = {**os.environ, 'WORLD_SIZE': str(ranks), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port,
                  'OMP_NUM_THREADS': '1', 'GLOO_SOCKET_IFNAME': 'lo', 'LOCAL_WORLD_SIZE': str(ranks)}
        processes = [subprocess.Popen([sys.executable, os.path.abspath(__file__), '--one', folder], cwd=folder,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)})
                     for rank in range(ranks)]
        said = [process.communicate(timeout=600) for process in processes]
    for process, (_, errors) in zip(processes, said, strict=True):
        if process.returncode:
            raise SystemExit(errors)
    return [json.loads(output.splitlines()[-1]) for output, _ in said]


def model_of(points: dict[int, float], grows: bool) -> tuple[float, float]:
    """Give `a` and `b` of the cost `a + b * ranks`, by the points of more than one rank; `b` is 0 if it cannot grow."""
    import numpy as np

    several = {ranks: value for ranks, value in points.items() if ranks > 1} or points
    if not grows or len(several) < 2:
        return sum(several.values()) / len(several), 0.0
    slope, start = np.polyfit(list(several), list(several.values()), 1)
    return float(start), float(slope)


def print_table(of: str, found: dict[int, dict[str, float]]) -> None:
    """Print what was measured, the model of it, and where that leads."""
    head = [of, *map(str, found), 'model', *(f'{ranks:,}' for ranks in MODELLED)]
    print(f'\n| {" | ".join(head)} |\n|{" --- |" * len(head)}')
    for cost, label in COSTS.items():
        points = {ranks: values[cost] for ranks, values in found.items()}
        start, slope = model_of(points, cost in GROWS[of])
        spread = max(points.values()) - min(points.values())
        said = f'{start:.1f} + {slope:.3f} x ranks' if slope else f'{start:.1f}, spread {spread:.1f}'
        cells = [label, *(f'{value:.1f}' for value in points.values()), said,
                 *(f'{start + slope * ranks:,.1f}' for ranks in MODELLED)]
        print(f'| {" | ".join(cells)} |')


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ranks', type=int, nargs='+', default=[1, 2, 4, 8])
    parser.add_argument('--times', type=int, default=3, help='each figure is the least of so many runs')
    parser.add_argument('--one', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    first, others = {}, {}
    for ranks in args.ranks:
        runs = [run(ranks) for _ in range(args.times)]
        first[ranks] = {cost: min(said[0][cost] for said in runs) for cost in COSTS}
        if ranks > 1:
            others[ranks] = {cost: min(sum(one[cost] for one in said[1:]) / (ranks - 1) for said in runs)
                             for cost in COSTS}
    print(f'CPU time of a rank; {PREDICTIONS} predictions on each, {Path(__file__).name} on {os.cpu_count()} cores')
    print_table('rank 0', first)
    print_table('other ranks, mean', others)


if __name__ == '__main__':
    main()
