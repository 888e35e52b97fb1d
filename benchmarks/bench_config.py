"""Loading, printing, copying and reading of configs: ours against upstream, on the same files, turn by turn.

    python benchmarks/bench_config.py --wheels FOLDER --upstream PYTHON [--ours PYTHON] [--every 20] [--rounds 3]

Figures are seconds of processor time in total, the least of the rounds, which alternate between the two.
"""
from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from config_corpus import config_files


def _timed(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def work(site: str, every: str) -> None:
    """Measure in this process, and print the figures as JSON."""
    sys.path.insert(0, site)
    warnings.simplefilter('ignore')
    from mmengine.config import Config
    files = [str(file) for file in list(config_files(Path(site)))[::int(every)] if file.suffix == '.py']
    configs = []

    def load() -> None:
        for file in files:
            try:
                configs.append((file, Config.fromfile(file, import_custom_modules=False)))
            except Exception:  # the corpus has files that upstream cannot load
                continue

    def read() -> None:
        for _, cfg in texts:
            for _ in range(200):
                cfg.get('model')
                getattr(cfg, 'train_dataloader', None)

    seconds = {'load': _timed(load)}
    texts = [(file, cfg) for file, cfg in configs if '.mim' in file]
    seconds['deepcopy'] = _timed(lambda: [copy.deepcopy(cfg._cfg_dict) for _, cfg in texts])
    seconds['read'] = _timed(read)
    seconds['pretty_text'] = _timed(lambda: [cfg.pretty_text for _, cfg in texts[::4]])
    print(json.dumps({'files': len(configs), **seconds}))


def main() -> None:
    """Alternate between the two, and print a table."""
    if sys.argv[1:2] == ['--work']:
        work(*sys.argv[2:4])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--wheels', type=Path, required=True)
    parser.add_argument('--upstream', required=True)
    parser.add_argument('--ours', default=sys.executable)
    parser.add_argument('--every', type=int, default=20)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as site:
        for wheel in args.wheels.glob('*.whl'):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
        found: dict[str, list[dict[str, float]]] = {'upstream': [], 'ours': []}
        for _ in range(args.rounds):
            for name, python in (('upstream', args.upstream), ('ours', args.ours)):
                command = [python, __file__, '--work', site, str(args.every)]
                done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=site)
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
    print(f'{found["upstream"][0]["files"]} configs (ours: {found["ours"][0]["files"]})')
    print('| | upstream | ours | ratio |\n| --- | --- | --- | --- |')
    for what in ('load', 'pretty_text', 'deepcopy', 'read'):
        theirs, ours = (min(figures[what] for figures in found[name]) for name in ('upstream', 'ours'))
        print(f'| {what} | {theirs:.3f} s | {ours:.3f} s | {theirs / ours:.1f} x |')


if __name__ == '__main__':
    main()
