"""Import time, registration, look-up and building with up to 100,000 modules: ours against upstream.

    python benchmarks/bench_registry.py --upstream PYTHON [--ours PYTHON] [--rounds 3]

Figures are microseconds of processor time for one operation, the least of the rounds, which alternate between the two.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

SIZES = (100, 1_000, 10_000, 100_000)
TIMES = 20_000


def work() -> None:
    """Measure in this process, and print the figures as JSON."""
    start = time.process_time()
    from mmengine.registry import Registry
    found: dict[str, float] = {'import': (time.process_time() - start) * 1e6}

    class Net:
        def __init__(self, depth: int) -> None:
            self.depth = depth

    for size in SIZES:
        root = Registry(f'model{size}', scope='mmengine')
        start = time.process_time()
        for index in range(size):
            root.register_module(name=f'Net{index}', module=Net)
        found[f'register {size}'] = (time.process_time() - start) / size * 1e6
        child = Registry(f'model{size}', parent=root, scope='zoo')
        child._imported = True
        middle = f'Net{size // 2}'
        for name, registry, key in (('get', root, middle), ('get with scope', child, f'mmengine.{middle}')):
            start = time.process_time()
            for _ in range(TIMES):
                registry.get(key)
            found[f'{name} {size}'] = (time.process_time() - start) / TIMES * 1e6
        cfg = {'type': middle, 'depth': 1}
        start = time.process_time()
        for _ in range(TIMES // 10):
            root.build(cfg)
        found[f'build {size}'] = (time.process_time() - start) / TIMES * 1e7
    print(json.dumps(found))


def main() -> None:
    """Alternate between the two, and print a table."""
    if sys.argv[1:2] == ['--work']:
        work()
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--upstream', required=True)
    parser.add_argument('--ours', default=sys.executable)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {'upstream': [], 'ours': []}
    for _ in range(args.rounds):
        for name, python in (('upstream', args.upstream), ('ours', args.ours)):
            done = subprocess.run([python, __file__, '--work'], check=True, capture_output=True, text=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print('| | upstream | ours | ratio |\n| --- | --- | --- | --- |')
    for what in found['ours'][0]:
        theirs, ours = (min(figures[what] for figures in found[name]) for name in ('upstream', 'ours'))
        print(f'| {what} | {theirs:.2f} us | {ours:.2f} us | {theirs / ours:.1f} x |')


if __name__ == '__main__':
    main()
