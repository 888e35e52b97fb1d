"""Every config that the OpenMMLab libraries ship: our values against those of upstream, from file and from our dump.

    python benchmarks/config_corpus.py --wheels FOLDER --upstream PYTHON [--ours PYTHON] [--report FILE]

`WHEELS` is a folder with the released wheels, as `pip download --no-deps` leaves it. Each interpreter has one of the
two implementations installed. Types count: `(1, 2)` is not `[1, 2]`, and `1` is neither `1.0` nor `True`. Exits with
1 if a file differs that is not among the known ones.
"""
from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIBRARIES = ['mmdet', 'mmpretrain', 'mmseg', 'mmaction', 'mmpose']
#: file, as far as it is the end of the path -> why it differs
_MARK = 'upstream leaves the mark _delete_=True among the arguments where there is nothing to delete'
_PROGRAM = 'a program and no config: upstream keeps its functions as values, we do not'
KNOWN = {
    'slowonly_imagenet-pretrained-r50_32xb8-8x8x1-steplr-150e_kinetics710-rgb.py': _MARK,
    'swin-small-p244-w877_in1k-pre_32xb4-amp-32x2x1-30e_kinetics710-rgb.py': _MARK,
    'ga-fast-rcnn_r50-caffe_fpn_1x_coco.py': _MARK,
    'odinw/override_category.py': _PROGRAM,
}


def config_files(site: Path) -> Iterator[Path]:
    """Give the configs of all libraries, those of the pure Python style inside the packages included."""
    for library in LIBRARIES:
        for folder in (site / library / '.mim' / 'configs', site / library / 'configs'):
            for file in sorted(folder.rglob('*')):
                named = file.suffix == '.py' and file.name != '__init__.py'
                if named or (file.suffix in ('.json', '.yaml', '.yml') and file.name not in _NO_CONFIGS):
                    yield file


_NO_CONFIGS = {'metafile.yml', 'model-index.yml', 'dataset-index.yml'}


def canonical(value: Any) -> Any:
    """Write a value so that two are the same if and only if their types and parts are, as JSON."""
    if isinstance(value, dict):
        return {'dict': sorted([repr(key), canonical(item)] for key, item in value.items())}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [canonical(item) for item in value]}
    return [type(value).__name__, repr(value)]


def read(file: str) -> tuple[Any, Any]:
    """Load a config; give it, and its values as JSON."""
    from mmengine.config import Config
    cfg = Config.fromfile(file, import_custom_modules=False)
    return cfg, {str(key): canonical(value) for key, value in cfg.to_dict().items()}


def work(site: str, out: str, dumps: str, every: str, write: bool) -> None:
    """Load every config in this process, and what our side has dumped; note the values or the error."""
    sys.path.insert(0, site)
    warnings.simplefilter('ignore')
    with open(out, 'w', encoding='utf-8') as file:
        for number, path in enumerate(list(config_files(Path(site)))[::int(every)]):
            entry: dict[str, Any] = {'file': str(path.relative_to(site))}
            dump = Path(dumps, f'{number}.py')
            try:
                cfg, entry['values'] = read(str(path))
                if write:
                    cfg.dump(dump)
            except Exception as error:
                entry['error'] = f'{type(error).__name__}: {error}'
            if dump.exists():
                try:
                    entry['reloaded'] = read(str(dump))[1]
                except Exception as error:
                    entry['reload_error'] = f'{type(error).__name__}: {error}'
            file.write(json.dumps(entry) + '\n')


def _run(python: str, site: Path, out: Path, dumps: Path, every: int, write: bool) -> list[dict[str, Any]]:
    command = [python, os.path.abspath(__file__), '--work', str(site), str(out), str(dumps), str(every)]
    command += ['write'] if write else []
    subprocess.run(command, check=True, cwd=dumps, stderr=subprocess.DEVNULL)
    return [json.loads(line) for line in out.read_text(encoding='utf-8').splitlines()]


def _difference(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[str, str]:
    """Judge one file; give a verdict, and what differs."""
    if 'error' in ours or 'error' in theirs:
        if 'error' in ours and 'error' in theirs:
            return 'both fail', theirs['error'][:200]
        if 'error' in ours:
            return 'only we fail', ours['error'][:200]
        return 'only upstream fails', theirs['error'][:200]
    for what, mine in (('loaded', ours['values']), ('reloaded from our dump', ours.get('reloaded')),
                       ('our dump read by upstream', theirs.get('reloaded'))):
        if mine is None:
            return 'differs', f'{what}: {ours.get("reload_error") or theirs.get("reload_error")}'
        keys = sorted(key for key in {*mine, *theirs['values']} if mine.get(key) != theirs['values'].get(key))
        if keys:
            return 'differs', f'{what}: {", ".join(keys)}'
    return 'equal', ''


def compare(site: Path, ours_python: str, upstream_python: str,
            every: int = 1) -> tuple[Counter[str], list[tuple[str, str, str]]]:
    """Load everything with both; give the count of each verdict, and all files that are not equal."""
    with tempfile.TemporaryDirectory() as folder:
        dumps = Path(folder, 'dumps')
        dumps.mkdir()
        ours = _run(ours_python, site, Path(folder, 'ours'), dumps, every, True)
        theirs = _run(upstream_python, site, Path(folder, 'theirs'), dumps, every, False)
    verdicts: Counter[str] = Counter()
    others = []
    for mine, other in zip(ours, theirs, strict=True):
        verdict, detail = _difference(mine, other)
        known = next((reason for end, reason in KNOWN.items() if mine['file'].endswith(end)), None)
        if verdict != 'equal':
            others.append((verdict, mine['file'], f'{detail}{f" [known: {known}]" if known else ""}'))
        if verdict in ('differs', 'only we fail') and known:
            verdict = f'{verdict}, for a known reason'
        verdicts[verdict] += 1
    return verdicts, others


def main() -> int:
    """Unpack the wheels, compare, and print a report."""
    if sys.argv[1:2] == ['--work']:
        work(*sys.argv[2:6], write='write' in sys.argv[6:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--wheels', type=Path, required=True, help='folder with the wheels')
    parser.add_argument('--upstream', required=True, help='a Python that has upstream mmengine')
    parser.add_argument('--ours', default=sys.executable, help='a Python that has mmparts-config')
    parser.add_argument('--every', type=int, default=1, help='only every so-manieth file, for a quick look')
    parser.add_argument('--report', type=Path, help='file for the report, beside the output')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as site:
        wheels = sorted(args.wheels.glob('*.whl'))
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
        verdicts, others = compare(Path(site), args.ours, args.upstream, args.every)
    lines = [', '.join(wheel.name.split('-py')[0] for wheel in wheels), f'{sum(verdicts.values())} configs:']
    lines += [f'  {count:5} {verdict}' for verdict, count in verdicts.most_common()]
    lines += [f'{verdict}: {file}\n    {detail}' for verdict, file, detail in sorted(others)]
    report = '\n'.join(lines).replace(site, 'SITE') + '\n'
    print(report, end='')
    if args.report:
        args.report.write_text(report, encoding='utf-8')
    return 1 if {'differs', 'only we fail'} & set(verdicts) or not verdicts else 0


if __name__ == '__main__':
    sys.exit(main())
