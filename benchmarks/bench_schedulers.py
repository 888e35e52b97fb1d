"""Schedules of learning rate and momentum at every step of random settings: values and time, ours beside upstream's.

    python benchmarks/bench_schedulers.py --upstream PYTHON [--ours PYTHON] [--count 10000] [--rounds 3]

Settings are single schedules and combinations of up to three, by step and by epoch, of two parameter groups. The
program ends with an error where two values differ by more than rounding. Times are seconds of processor time for all
settings, the least of the rounds, which alternate between the two.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / 'packages' / 'engine' / 'tests' / 'programs' / 'scheduler_values.py'
WORK = '''
import sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
import scheduler_values as program
settings = program.settings(int(sys.argv[3]), seed=1)
program.values(settings[0]), program.values(settings[1])  # what the first ones import
start = time.process_time()
found = [row for setting in settings for row in program.values(setting)]
print(time.process_time() - start)
np.save(sys.argv[2], np.array(found))
'''


def main() -> None:
    """Compute the values with both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--upstream', required=True)
    parser.add_argument('--ours', default=sys.executable)
    parser.add_argument('--count', type=int, default=10_000)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    seconds: dict[str, float] = {}
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / f'{name}.npy') for name in ('upstream', 'ours')}
        for _ in range(args.rounds):
            for name, python in (('upstream', args.upstream), ('ours', args.ours)):
                done = subprocess.run([python, '-c', WORK, str(PROGRAM.parent), files[name], str(args.count)],
                                      check=True, stdout=subprocess.PIPE, text=True)
                seconds[name] = min(seconds.get(name, 1e9), float(done.stdout.split()[-1]))
        import numpy as np
        theirs, ours = np.load(files['upstream']), np.load(files['ours'])
    if theirs.shape != ours.shape or not np.allclose(theirs, ours, rtol=1e-9, atol=1e-13):
        sys.exit(f'values differ, by up to {abs(theirs - ours).max()}' if theirs.shape == ours.shape else
                 f'there are {len(ours)} rows of values, but {len(theirs)} of upstream')
    print(f'{args.count} settings, {ours.size} values, none differs from upstream by more than '
          f'{abs(theirs - ours).max():.1e} ({time.time() - began:.0f} s)\n')
    print('| | upstream | ours | ratio |\n| --- | --- | --- | --- |')
    print(f'| all steps of all settings | {seconds["upstream"]:.2f} s | {seconds["ours"]:.2f} s | '
          f'{seconds["upstream"] / seconds["ours"]:.2f} x |')


if __name__ == '__main__':
    main()
