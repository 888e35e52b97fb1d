"""Do released libraries run on our parts? A table, and an exit status of 1 for what fails and is not known.

    python run.py FOLDER [--upstream PYTHON] [--only LIBRARY]

FOLDER gets what each probe wrote. With `--upstream`, the Python of an environment with upstream's mmengine 0.10.7, the
same is done there, and what fails with ours alone is an error even if `known.toml` lists it.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import tomllib

HERE = Path(__file__).resolve().parent
LIBRARIES = ['mmcv', 'mmpretrain', 'mmdet', 'mmseg', 'mmaction', 'mmpose']
TRAINED = ['mmpretrain', 'mmdet', 'mmseg']
KINDS = ('module', 'config')


def probe(python: str, library: str, out: Path) -> dict[str, Any]:
    """Probe a library in an environment; give what was found."""
    with open(out.with_suffix('.log'), 'wb') as log:
        subprocess.run([python, str(HERE / 'probe.py'), library, str(out)], stdout=log, stderr=log, check=True,
                       env={**os.environ, 'OMP_NUM_THREADS': '1'})
    found: dict[str, Any] = json.loads(out.read_text(encoding='utf-8'))
    return found


def failures(library: str, found: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    """Give the errors of a probe by library, kind and name."""
    return {(library, kind, name): why for kind in KINDS for name, why in found[f'{kind}s'].items() if why}


def covers(entry: dict[str, str], key: tuple[str, str, str], why: str) -> bool:
    """Tell whether an entry of known.toml is about this failure."""
    return (entry['library'], entry['kind']) == key[:2] and re.search(entry['error'], why) is not None


def judge(failed: dict[tuple[str, str, str], str], known: list[dict[str, str]]) -> list[str]:
    """Give what is wrong: failures that nobody has explained, and explanations of nothing."""
    wrong = [f'{library}: the {kind} {name} fails: {why}' for (library, kind, name), why in failed.items()
             if not any(covers(entry, (library, kind, name), why) for entry in known)]
    wrong += [f'known.toml: nothing of {entry["library"]} fails with {entry["error"]!r} any more: take the entry out'
              for entry in known if not any(covers(entry, key, why) for key, why in failed.items())]
    return wrong


def train(library: str, folder: Path) -> str:
    """Train and resume; say how it went."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with open(folder.with_suffix('.log'), 'wb') as log:
        done = subprocess.run([sys.executable, str(HERE / 'train.py'), library, str(folder)], stdout=log, stderr=log,
                              env={**os.environ, 'OMP_NUM_THREADS': '1'}, check=False)
    if done.returncode:
        return 'FAILED: ' + folder.with_suffix('.log').read_text(encoding='utf-8', errors='replace')[-1500:]
    result = json.loads((folder / 'result.json').read_text(encoding='utf-8'))
    return f'trained and resumed, {result["same"]} of {result["tensors"]} tensors the same'


def row(found: dict[str, Any], trained: str) -> str:
    """Write a line of the table."""
    counts = []
    for kind in KINDS:
        outcomes = found[f'{kind}s'].values()
        counts.append(f'{sum(why is None for why in outcomes)} of {len(outcomes)}' if outcomes else '-')
    return f'{found["distribution"]:16} {found["version"]:8} {counts[0]:>12} {counts[1]:>12}   {trained}'


def explain(failed: dict[tuple[str, str, str], str], known: list[dict[str, str]]) -> list[str]:
    """Give a line for each known reason, with how many it covers."""
    lines = []
    for entry in known:
        count = sum(covers(entry, key, why) for key, why in failed.items())
        lines.append(f'  {entry["library"]:11} {count:4} {entry["kind"]}{"s" * (count != 1):1}  {entry["reason"]}')
    return lines


def main() -> int:
    """Probe, train, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--upstream', help="a Python with upstream's mmengine")
    parser.add_argument('--only', choices=LIBRARIES, help='one library')
    args = parser.parse_args()
    args.folder = args.folder.resolve()
    args.folder.mkdir(parents=True, exist_ok=True)
    libraries = [args.only] if args.only else LIBRARIES
    known = [entry for entry in tomllib.loads((HERE / 'known.toml').read_text(encoding='utf-8'))['failure']
             if entry['library'] in libraries]
    failed: dict[tuple[str, str, str], str] = {}
    wrong: list[str] = []
    print('In place of torchvision, of the compiled operators of mmcv, and of mmaction.models.localizers.drn, which '
          'its wheel lacks, stand the names in tests/downstream.')
    print(f'{"library":16} {"version":8} {"modules":>12} {"configs":>12}   ')
    for library in libraries:
        found = probe(sys.executable, library, args.folder / f'ours.{library}.json')
        trained = train(library, args.folder / library) if library in TRAINED else ''
        print(row(found, trained.partition(':')[0]), flush=True)
        wrong += [f'{library}: training {trained}'] if trained.startswith('FAILED') else []
        ours = failures(library, found)
        failed |= ours
        if args.upstream:
            theirs = failures(library, probe(args.upstream, library, args.folder / f'upstream.{library}.json'))
            alone = sorted(ours.keys() - theirs.keys())
            print(f'{"":16} upstream 0.10.7: {len(ours.keys() & theirs.keys())} fail with both, '
                  f'{len(theirs.keys() - ours.keys())} with upstream alone, {len(alone)} with ours alone', flush=True)
            wrong += [f'{key[0]}: the {key[1]} {key[2]} works with upstream: {ours[key]}' for key in alone]
    wrong += judge(failed, known)
    print('Known failures, none of them ours:', *explain(failed, known), sep='\n')
    print(*wrong, sep='\n')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
