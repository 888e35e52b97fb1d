"""One update of a history at several lengths, beside upstream: `bench_logging.py [--upstream PYTHON]`."""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time


def measure(length: int, updates: int) -> float:
    """Give the microseconds of an update."""
    import numpy as np

    from mmengine.logging import HistoryBuffer

    history = HistoryBuffer(np.zeros(length), np.ones(length, dtype=int), max_length=10 * length)
    found = []
    for _ in range(5):
        start = time.perf_counter()
        for index in range(updates):
            history.update(index, 1)
        found.append((time.perf_counter() - start) / updates)
    return min(found) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--upstream', help='the Python of an environment with the mmengine to compare with')
    parser.add_argument('--lengths', type=int, nargs='+', default=[1_000, 100_000, 1_000_000])
    parser.add_argument('--one', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps([measure(length, 100) for length in args.lengths]))
        return
    pythons = {'ours': sys.executable, **({'upstream': args.upstream} if args.upstream else {})}
    found = {}
    for library, python in pythons.items():
        command = [python, __file__, '--one', '--lengths', *map(str, args.lengths)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd='/')
        found[library] = json.loads(done.stdout.splitlines()[-1])
    first = found['ours'][0]
    print(f'microseconds at {args.lengths[0]} entries: {first:.2f}; all as ratios to it')
    for index, length in enumerate(args.lengths):
        print(f'{length:>10} entries  ' + '  '.join(f'{name} {times[index] / first:8.1f}x'
                                                    for name, times in found.items()))


if __name__ == '__main__':
    main()
