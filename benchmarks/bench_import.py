"""What `import mmengine.runner` costs beside `import torch`: `bench_import.py [--rounds 15] [--upstream PYTHON]`.

Fresh interpreters take turns; the figures are the least CPU time of each, and their ratio. Nothing is asserted.
"""
from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys

STATEMENTS = {'torch': 'import torch', 'runner': 'import mmengine.runner'}


def cpu_seconds(python: str, statement: str) -> float:
    """Run a statement in a fresh interpreter, and give the CPU time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, '-W', 'ignore', '-c', statement], check=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Take turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--upstream', help='a Python with mmengine 0.10.7')
    args = parser.parse_args()
    pythons = {'ours': sys.executable, **({'upstream 0.10.7': args.upstream} if args.upstream else {})}
    taken: dict[tuple[str, str], list[float]] = {(who, what): [] for who in pythons for what in STATEMENTS}
    for _ in range(args.rounds + 1):
        for who, what in taken:
            taken[who, what].append(cpu_seconds(pythons[who], STATEMENTS[what]))
    # The first round reads the files from the disk, and compiles what nobody has compiled yet.
    least = {key: min(seconds[1:]) for key, seconds in taken.items()}
    print(f'least CPU seconds of {args.rounds}\n\n| | import torch | import mmengine.runner | ratio |\n'
          '| --- | --- | --- | --- |')
    for who in pythons:
        alone, with_runner = least[who, 'torch'], least[who, 'runner']
        print(f'| {who} | {alone:.2f} | {with_runner:.2f} | {with_runner / alone:.3f} |')


if __name__ == '__main__':
    main()
