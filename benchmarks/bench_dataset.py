"""What the annotations of a data set cost the ranks and workers of one node: memory, start and access.

    python benchmarks/bench_dataset.py --upstream PYTHON [--annotations 1000000] [--ranks 2] [--workers 4]

Each case starts that many ranks (gloo), of which each builds the data set and goes once over its half with that many
workers. Memory is the proportional set size of all these processes while the workers live, from which that of the same
case with 1,000 annotations is taken away. Times are processor time of one rank: to build the data set, and to get one
annotation.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch.distributed
from torch.utils.data import DataLoader

from mmengine.dataset import BaseDataset, DefaultSampler

FEW = 1_000
GETS = 50_000


class Boxes(BaseDataset):
    """Annotations as of a detection data set, one box each; `filter_cfg` says how many."""

    def load_data_list(self) -> list[dict[str, Any]]:
        """Make them."""
        return [{'img_path': f'images/train/{index:012}.jpg', 'img_id': index, 'height': 480, 'width': 640,
                 'instances': [{'bbox': [index % 640 / 2, 10.5, 99.25, 200.0], 'bbox_label': index % 80,
                                'ignore_flag': 0}]}
                for index in range(self.filter_cfg['annotations'])]


def pss(processes: list[int]) -> float:
    """Proportional set size of processes, in MB."""
    texts = [Path(f'/proc/{process}/smaps_rollup').read_text(encoding='ascii') for process in processes]
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith('Pss:')) / 1024


def rank(annotations: int, workers: int, method: str) -> None:
    """Be one rank, and print the figures as JSON."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo')
    begin = time.process_time()
    dataset = Boxes(filter_cfg={'annotations': annotations})
    built = time.process_time() - begin
    choice = random.Random(0).choices(range(annotations), k=GETS)
    begin = time.process_time()
    for index in choice:
        dataset.get_data_info(index)
    got = (time.process_time() - begin) / GETS
    int(dataset.data_bytes.sum())  # each page is used by each rank, as over some epochs
    sampler = DefaultSampler(dataset, shuffle=True, seed=0)
    loader = DataLoader(dataset, batch_size=256, sampler=sampler, num_workers=workers, persistent_workers=True,
                        collate_fn=len, multiprocessing_context=method)
    iterator: Any = iter(loader)
    count = sum(iterator)
    torch.distributed.barrier()
    used = pss([os.getpid(), *(worker.pid for worker in iterator._workers)])
    torch.distributed.barrier()
    print(json.dumps({'pss': used, 'build': built, 'get': got, 'samples': count}), flush=True)
    del iterator, loader
    torch.distributed.destroy_process_group()


def case(python: str, annotations: int, ranks: int, workers: int, method: str) -> dict[str, float]:
    """Run all ranks of one case, and put their figures together."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    shared = {**os.environ, 'WORLD_SIZE': str(ranks), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port),
              'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
    started = [subprocess.Popen([python, __file__, '--rank', str(annotations), str(workers), method], text=True,
                                stdout=subprocess.PIPE, env={**shared, 'RANK': str(number)}) for number in range(ranks)]
    outputs = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f'a rank of {python} failed')
    found = [json.loads(output.splitlines()[-1]) for output in outputs]
    assert sum(each['samples'] for each in found) >= annotations
    return {'pss': sum(each['pss'] for each in found), **{
        name: min(each[name] for each in found) for name in ('build', 'get')}}


def main() -> None:
    """Run all cases, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--upstream', help='a Python that has mmengine 0.10')
    parser.add_argument('--annotations', type=int, default=1_000_000)
    parser.add_argument('--ranks', type=int, default=2)
    parser.add_argument('--workers', type=int, default=4)
    args = parser.parse_args()
    sides = {**({'upstream': args.upstream} if args.upstream else {}), 'ours': sys.executable}
    print(f'{args.annotations:,} annotations, {args.ranks} ranks x {args.workers} workers\n')
    print(f'| workers by | | {" | ".join(sides)} | ours / upstream |\n|---|---|{"---:|" * (len(sides) + 1)}')
    for method in ('fork', 'spawn'):
        found: dict[str, dict[str, float]] = {}
        for name, python in sides.items():
            figures = case(python, args.annotations, args.ranks, args.workers, method)
            few = case(python, FEW, args.ranks, args.workers, method)
            found[name] = {'annotations, MB': figures['pss'] - few['pss'], 'all memory, MB': figures['pss'],
                           'build, s': figures['build'], 'get one, us': figures['get'] * 1e6}
        for row in found['ours']:
            values = [found[name][row] for name in sides]
            ratio = f'{values[-1] / values[0]:.2f}' if len(values) > 1 else ''
            print(f'| {method} | {row} | {" | ".join(f"{value:.4g}" for value in values)} | {ratio} |', flush=True)


if __name__ == '__main__':
    if sys.argv[1:2] == ['--rank']:
        rank(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main()
