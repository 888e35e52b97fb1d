"""An update of a history and a mean of its last values, at several lengths: `bench_logging.py [--upstream PYTHON]`."""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable

WINDOW = 50


def best(action: Callable[[], object], times: int) -> float:
    """Give the microseconds of CPU of the fastest run, each of which does it so many times."""
    found = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            action()
        found.append((time.process_time() - start) / times)
    return min(found) * 1e6


def measure(length: int, times: int) -> dict[str, float]:
    """Give the microseconds of an update and of a mean."""
    import numpy as np

    from mmengine.logging import HistoryBuffer

    history = HistoryBuffer(np.zeros(length), np.ones(length, dtype=int), max_length=10 * length)
    return {'update': best(lambda: history.update(1.5, 1), times),
            f'mean of {WINDOW}': best(lambda: history.mean(WINDOW), times)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--upstream', help='the Python of an environment with the mmengine to compare with')
    parser.add_argument('--lengths', type=int, nargs='+', default=[1_000, 100_000, 1_000_000])
    parser.add_argument('--one', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps([measure(length, 200) for length in args.lengths]))
        return
    pythons = {'ours': sys.executable, **({'upstream': args.upstream} if args.upstream else {})}
    found: dict[str, list[dict[str, float]]] = {}
    for library, python in pythons.items():
        command = [python, __file__, '--one', '--lengths', *map(str, args.lengths)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd='/')
        found[library] = json.loads(done.stdout.splitlines()[-1])
    for what, first in found['ours'][0].items():
        print(f'{what}: {first:.2f} us of CPU at {args.lengths[0]} entries; all as ratios to it')
        for index, length in enumerate(args.lengths):
            print(f'{length:>10} entries  ' + '  '.join(f'{name} {figures[index][what] / first:8.1f}x'
                                                        for name, figures in found.items()))


if __name__ == '__main__':
    main()
