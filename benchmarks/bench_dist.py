"""Collecting predictions from several processes, beside upstream: `bench_dist.py [--upstream PYTHON] [--ranks 4]`.

Time and the peak of memory are those of process 0, from before to after the collection.
"""
from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time


def measure(size: int) -> dict[str, float]:
    """Collect in this process with the others, and give what it took."""
    import torch
    import torch.distributed as torch_dist

    from mmengine import dist

    torch.set_num_threads(1)
    torch_dist.init_process_group('gloo')  # upstream's init_dist needs CUDA
    rank, ranks = dist.get_dist_info()
    share = [{'id': index, 'bbox': [1.5 * index] * 4, 'scores': torch.full((10, ), float(index)),
              'name': f'{index}.jpg'}
             for index in range(rank, size, ranks)]
    dist.collect_results(share[:2], 2 * ranks, 'cpu')  # the groups and connections are made
    dist.barrier()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    results = dist.collect_results(share, size, 'cpu')
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    if results is not None and [result['id'] for result in results] != list(range(size)):
        raise SystemExit('the results are not whole or not in order')
    dist.barrier()
    torch_dist.destroy_process_group()
    return {'seconds': seconds, 'peak MB': peak / 1024}


def run(python: str, ranks: int, size: int) -> dict[str, float]:
    """Start the processes with a Python, and give what process 0 measured."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(('127.0.0.1', 0))
        port = str(free.getsockname()[1])
        free.close()
        common = {**os.environ, 'WORLD_SIZE': str(ranks), 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': port,
                  'OMP_NUM_THREADS': '1', 'GLOO_SOCKET_IFNAME': 'lo'}
        processes = [subprocess.Popen([python, os.path.abspath(__file__), '--one', '--size', str(size)], cwd=folder,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      env={**common, 'RANK': str(rank), 'LOCAL_RANK': str(rank)})
                     for rank in range(ranks)]
        said = [process.communicate(timeout=300) for process in processes]
    if processes[0].returncode:
        raise SystemExit(said[0][1])
    figures: dict[str, float] = json.loads(said[0][0].splitlines()[-1])
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--upstream', help='the Python of an environment with the mmengine to compare with')
    parser.add_argument('--ranks', type=int, default=4)
    parser.add_argument('--size', type=int, default=100_000)
    parser.add_argument('--times', type=int, default=3)
    parser.add_argument('--one', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.size)))
        return
    pythons = {'ours': sys.executable, **({'upstream': args.upstream} if args.upstream else {})}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(args.times):  # in turns, so that a busy machine is busy for both
        for name, python in pythons.items():
            found[name].append(run(python, args.ranks, args.size))
    for figure in ('seconds', 'peak MB'):
        best = {name: min(run_[figure] for run_ in runs) for name, runs in found.items()}
        ratio = f'; upstream / ours = {best["upstream"] / max(best["ours"], 1e-9):.2f}' if 'upstream' in best else ''
        print(f'{figure}: ' + ', '.join(f'{name} {value:.2f}' for name, value in best.items()) + ratio)


if __name__ == '__main__':
    main()
