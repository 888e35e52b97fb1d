"""Show that all parts build to the same bytes twice, and write down what they hash to.

    python tools/artifacts.py dist

Every part is built in two copies of its folder, at two paths, in two time zones and with two umasks; both builds
and what lies in the folder of artifacts have to be equal, byte by byte. Then `SHA256SUMS` there lists them all.
Needs `build` and `hatchling`.
"""
from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from parts import ROOT, Part, load_parts

#: Time zone and umask of each build.
SETTINGS = (('UTC', 0o022), ('Asia/Kathmandu', 0o077))


def build_copy(part: Part, folder: Path, zone: str, umask: int) -> dict[str, bytes]:
    """Build a copy of a part; gives the files by name."""
    root = folder / 'a' / 'longer' / 'path' if zone != 'UTC' else folder
    source = root / part.path.relative_to(ROOT)
    shutil.copytree(part.path, source, ignore=shutil.ignore_patterns('__pycache__'))
    (root / '.git').mkdir()  # where hatchling looks for the list of what to leave out, which goes into the source
    shutil.copy2(ROOT / '.gitignore', root)
    for file in source.rglob('*'):
        os.utime(file, (0, 86400 * 365 * (20 + umask)))  # another time for each build
    command = [sys.executable, '-m', 'build', '--no-isolation', '--outdir', str(folder / 'dist'), str(source)]
    done = subprocess.run(command, env={**os.environ, 'TZ': zone}, umask=umask, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'{part.distribution} does not build:\n{done.stdout}{done.stderr}')
    return {file.name: file.read_bytes() for file in (folder / 'dist').iterdir() if file.suffix in ('.whl', '.gz')}


def differences(part: Part, dist: Path) -> list[str]:
    """Name the files of a part that are not the same in every build and in the folder of artifacts."""
    with tempfile.TemporaryDirectory() as folder:
        builds = [build_copy(part, Path(folder, str(number)), *setting) for number, setting in enumerate(SETTINGS)]
    builds.append({name: (dist / name).read_bytes() if (dist / name).exists() else b'' for name in builds[0]})
    return [name for name in builds[0] if len({build.get(name) for build in builds}) > 1]


def main() -> None:
    """Build, compare, and write the hashes."""
    dist = Path(sys.argv[1] if len(sys.argv) > 1 else 'dist').resolve()
    parts = load_parts()
    different = [name for part in parts.values() for name in differences(part, dist)]
    if different:
        raise SystemExit(f'not the same bytes in every build: {", ".join(different)}')
    files = sorted([*dist.glob('*.whl'), *dist.glob('*.tar.gz')])
    lines = [f'{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n' for file in files]
    (dist / 'SHA256SUMS').write_text(''.join(lines))
    print(f'{len(files)} files of {len(parts)} parts are the same in {len(SETTINGS)} builds and in {dist.name}/; '
          'their hashes are in SHA256SUMS')


if __name__ == '__main__':
    main()
