"""Files beside plain Python and beside upstream: `bench_fileio.py [--upstream PYTHON] [--small N] [--large MB] ...`.

Each library has a process of its own, in turns, so that a busy machine is busy for all; each figure is its best run,
printed as a ratio to plain Python.
"""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def seconds(action: Callable[[], Any]) -> float:
    """Give how long it takes, on the clock."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def cpu_seconds(action: Callable[[], Any]) -> float:
    """Give how much of a processor it takes, where nothing waits for the disk."""
    start = time.process_time()
    action()
    return time.process_time() - start


def measure_library(library: str, folder: Path, small: int, large: Path, listed: Path, text: Path) -> dict[str, float]:
    """Give the seconds of each task with the mmengine that is installed."""
    if library == 'plain':
        return measure_plain(folder, small, large, listed, text)
    from mmengine import fileio

    def write() -> None:
        for index in range(small):
            fileio.put(b'x' * 1000, f'{folder}/{index}.bin')

    def read() -> None:
        for index in range(small):
            fileio.get(f'{folder}/{index}.bin')

    def copy_out() -> None:
        fileio.copyfile(str(large), f'{folder}/large.copy')

    figures = {
        'small files, write': seconds(write),
        'small files, read': cpu_seconds(read),
        'large file, read': seconds(lambda: fileio.get(str(large))),
        'large file, copy': seconds(copy_out),
        'list': cpu_seconds(lambda: list(fileio.list_dir_or_file(str(listed)))),
        'JSON, load': cpu_seconds(lambda: fileio.load(str(text))),
    }
    if library == 'ours':
        with contextlib.suppress(ImportError):
            figures['JSON, load by orjson'] = cpu_seconds(lambda: fileio.load(str(text), engine='orjson'))
    return figures


def measure_plain(folder: Path, small: int, large: Path, listed: Path, text: Path) -> dict[str, float]:
    """Give the seconds of each task without any library."""

    def write(synced: bool) -> None:
        for index in range(small):
            with open(folder / f'{index}.{"synced" if synced else "bin"}', 'wb') as file:
                file.write(b'x' * 1000)
                if synced:
                    file.flush()
                    os.fsync(file.fileno())

    def read() -> None:
        for index in range(small):
            with open(folder / f'{index}.bin', 'rb') as file:
                file.read()

    def read_large() -> None:
        with open(large, 'rb') as file:
            file.read()

    def copy(synced: bool) -> None:
        shutil.copyfile(large, folder / 'large.copy')
        if synced:
            with open(folder / 'large.copy', 'rb+') as file:
                os.fsync(file.fileno())

    def load() -> None:
        with open(text, encoding='utf-8') as file:
            json.load(file)

    return {
        'small files, write': seconds(lambda: write(False)),
        'small files, write and fsync': seconds(lambda: write(True)),
        'small files, read': cpu_seconds(read),
        'large file, read': seconds(read_large),
        'large file, copy': seconds(lambda: copy(False)),
        'large file, copy and fsync': seconds(lambda: copy(True)),
        'list': cpu_seconds(lambda: os.listdir(listed)),
        'JSON, load': cpu_seconds(load),
    }


def prepare(folder: Path, large_mb: int, listed: int, json_mb: int) -> tuple[Path, Path, Path]:
    """Write what is read: a large file, a folder of many names, a JSON text."""
    large, names, text = folder / 'large.bin', folder / 'names', folder / 'text.json'
    piece = os.urandom(1 << 20)
    with open(large, 'wb') as file:
        for _ in range(large_mb):
            file.write(piece)
    names.mkdir()
    for index in range(listed):
        os.close(os.open(names / f'{index:06}.jpg', os.O_CREAT))
    row = json.dumps({'id': 12345, 'bbox': [1.5, 22.25, 333.125, 44.0], 'name': 'a picture', 'flag': True})
    with open(text, 'w', encoding='utf-8') as file:
        file.write('[' + row)
        for _ in range(json_mb * (1 << 20) // (len(row) + 1)):
            file.write(',' + row)
        file.write(']')
    return large, names, text


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--upstream', help='the Python of an environment with the mmengine to compare with')
    parser.add_argument('--small', type=int, default=10_000)
    parser.add_argument('--large', type=int, default=1024, help='MB')
    parser.add_argument('--listed', type=int, default=100_000)
    parser.add_argument('--json', type=int, default=100, help='MB')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--folder', help='on the disk to measure')
    parser.add_argument('--one', nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        library, folder, large, names, text = args.one
        print(json.dumps(measure_library(library, Path(folder), args.small, Path(large), Path(names), Path(text))))
        return
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(dir=args.folder) as temporary:
        paths = prepare(Path(temporary), args.large, args.listed, args.json)
        pythons = {'plain': sys.executable, 'ours': sys.executable}
        if args.upstream:
            pythons['upstream'] = args.upstream
        for library, python in list(pythons.items()) * args.rounds:
            folder = Path(temporary, library)
            folder.mkdir()
            command = [python, __file__, '--small', str(args.small), '--one', library, folder, *paths]
            done = subprocess.run(list(map(str, command)), cwd=temporary, capture_output=True, text=True, check=True)
            figures, known = json.loads(done.stdout.splitlines()[-1]), found.setdefault(library, {})
            known.update({name: min(taken, known.get(name, taken)) for name, taken in figures.items()})
            shutil.rmtree(folder)
            os.sync()  # what one has written is not the next one's load
    print(f'{"":32}{"plain, s":>10}' + ''.join(f'{library:>12}' for library in list(found)[1:]))
    for name in dict.fromkeys(key for figures in found.values() for key in figures):
        plain = found['plain'].get(name, found['plain'].get(name.split(' by ')[0], 0.0))
        ratios = [f'{figures[name] / plain:11.2f}x' if name in figures else f'{"-":>12}'
                  for figures in list(found.values())[1:]]
        print(f'{name:32}{plain:10.3f}' + ''.join(ratios))


if __name__ == '__main__':
    main()
