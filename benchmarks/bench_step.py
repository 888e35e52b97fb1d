"""What each trainer adds to an iteration: `bench_step.py [--upstream PYTHON] [--peers PYTHON] [--flat 1000000]`.

Each contender of step_contenders.py trains in a process of its own, by turns with a loop written by hand, block of
iterations by block, and the contenders take turns as well. The tables give the medians of what a block costs more than
the loop's block beside it, and how they spread. First a network so small that the work around the step shows, then a
real one. The runner has all default hooks, a schedule, and writes a line of the log and of the local record every ten
iterations; Lightning logs the loss as often; Ignite and Accelerate record nothing.

With `--flat N` the runner trains N iterations in one run, and what it adds is printed from one power of ten to the
next. Nothing is asserted: figures to compare, from one run on one machine.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

CONTENDERS = Path(__file__).with_name('step_contenders.py')
LABELS = {'bare': 'bare loop', 'ours': 'this runner', 'upstream': 'upstream 0.10.7', 'ignite': 'Ignite',
          'accelerate': 'Accelerate', 'lightning': 'Lightning Trainer'}
#: Seconds of CPU and of wall time.
Clocks = tuple[float, float]
#: Each block of a contender, with that of the bare loop beside it.
Pairs = list[tuple[Clocks, Clocks]]


class Contender:
    """A process that trains whenever it is asked to.

    Args:
        python: The Python that has the contender's library.
        name: Its name in step_contenders.py.
    """

    def __init__(self, python: str, name: str) -> None:
        environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
        self._process = subprocess.Popen([python, str(CONTENDERS), name], stdin=subprocess.PIPE, text=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)

    def race(self, case: str, blocks: int, size: int) -> Pairs:
        """Train so many blocks of iterations, and as many of the bare loop."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({'case': case, 'blocks': blocks, 'size': size}), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f'{self._process.args!r} ended with {self._process.wait()}')
        mine, bare = json.loads(answer).values()
        return [((block[0], block[1]), (beside[0], beside[1])) for block, beside in zip(mine, bare, strict=True)]

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def all_rounds(contenders: Mapping[str, Contender], case: str, rounds: int, blocks: int, size: int) -> dict[str, Pairs]:
    """Let the contenders take turns."""
    found: dict[str, Pairs] = {key: [] for key in contenders}
    for _ in range(rounds):
        for key, contender in contenders.items():
            found[key] += contender.race(case, blocks, size)
    return found


def added(pairs: Pairs, size: int, clock: int) -> list[float]:
    """Give the microseconds per iteration that each block costs more than the bare loop's."""
    return [(mine[clock] - bare[clock]) / size * 1e6 for mine, bare in pairs]


def print_added(found: Mapping[str, Pairs], size: int) -> None:
    """Print what is added to an iteration of the small network."""
    loop = statistics.median(bare[0] for pairs in found.values() for _, bare in pairs) / size * 1e6
    cpu, wall = ({key: statistics.median(added(pairs, size, clock)) for key, pairs in found.items()}
                 for clock in (0, 1))
    others = [key for key in ('ignite', 'upstream') if key in found]
    print(f'\nA tiny network: microseconds added to an iteration of the bare loop, which takes {loop:.0f} of CPU\n')
    print(f'| | CPU | half of the blocks | wall | {" | ".join(f"CPU / {LABELS[key]}" for key in others)} |')
    print('| --- |' + ' --- |' * (3 + len(others)))
    for key, pairs in found.items():
        low, _, high = statistics.quantiles(added(pairs, size, 0), n=4)
        ratios = [f'{cpu[key] / cpu[other]:.2f}' for other in others]
        cells = [LABELS[key], f'{cpu[key]:+.0f}', f'{low:+.0f} to {high:+.0f}', f'{wall[key]:+.0f}', *ratios]
        print(f'| {" | ".join(cells)} |', flush=True)


def print_ratios(found: Mapping[str, Pairs]) -> None:
    """Print how long iterations of the real network take, the bare loop's being 1."""
    print('\nResNet-18, 8 images of 64 x 64: iterations beside the bare loop\n\n| | CPU | wall |\n| --- | --- | --- |')
    for key, pairs in found.items():
        ratios = [statistics.median(mine[clock] / bare[clock] for mine, bare in pairs) for clock in (0, 1)]
        print(f'| {LABELS[key]} | {ratios[0]:.3f} | {ratios[1]:.3f} |')


def print_flat(pairs: Pairs, size: int) -> None:
    """Print what the runner adds, from one power of ten to the next."""
    print('\nThe runner in one long run\n\n| iterations | CPU added, microseconds |\n| --- | --- |')
    first = 0
    for last in (1000, 10_000, 100_000, 1_000_000, 10_000_000):
        block = added(pairs[first // size:last // size], size, 0)
        if block:
            print(f'| {first:,} to {min(last, len(pairs) * size):,} | {statistics.median(block):+.0f} |')
        first = last


def main(arguments: Sequence[str] | None = None) -> None:
    """Race, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--upstream', help='a Python with mmengine 0.10.7')
    parser.add_argument('--peers', help='a Python with lightning, pytorch-ignite and accelerate')
    parser.add_argument('--rounds', type=int, default=10, help='how often each trains the tiny network')
    parser.add_argument('--flat', type=int, default=0, help='iterations of one long run, such as 1000000')
    args = parser.parse_args(arguments)
    ours = Path(sys.executable)
    names = {'bare': (ours, 'bare'), 'ours': (ours, 'mmengine')}
    if args.upstream:
        names['upstream'] = Path(args.upstream), 'mmengine'
    if args.peers:
        names |= {name: (Path(args.peers), name) for name in ('ignite', 'accelerate', 'lightning')}
    with ExitStack() as stack:
        contenders = {key: stack.enter_context(Contender(str(python), name)) for key, (python, name) in names.items()}
        print_added(all_rounds(contenders, 'tiny', args.rounds, blocks=10, size=100), size=100)
        print_ratios(all_rounds(contenders, 'resnet18', max(1, args.rounds // 3), blocks=5, size=10))
        if args.flat:
            print_flat(contenders['ours'].race('tiny', max(1, args.flat // 500), 500), 500)


if __name__ == '__main__':
    main()
